"""Sources are configured and pulled by hand, here a folder of survey files and a feed that is away."""

import json
import os
from pathlib import Path

from tests.cli.conftest import Koe


def drop(home: Path, content: str, name: str = "answers.csv", workspace: str = "1") -> None:
    """A file that was written a while ago: one that may still grow is left alone."""
    path = home / "surveys" / workspace / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (1_770_000_000, 1_770_000_000))


def test_a_folder_is_pulled_once_and_a_second_pull_finds_nothing_new(quick: Koe, home: Path) -> None:
    assert quick("sources", "add", "surveys", "survey_folder").code == 0
    drop(home, "text,created_at\nWonderful,2026-02-01\nLate again,2026-02-02\n")
    first = quick("pull", "--no-wait")
    again = quick("pull", "surveys", "--no-wait")
    assert (first.code, first.out) == (0, "surveys: 2 new, 0 updated, 0 unchanged, 0 refused\n")
    assert (again.code, again.out) == (0, "surveys: 0 new, 0 updated, 0 unchanged, 0 refused\n")


def test_a_source_that_is_not_due_is_pulled_by_name_only(quick: Koe, home: Path) -> None:
    quick("sources", "add", "surveys", "survey_folder")
    quick("pull", "--no-wait")
    outcome = quick("pull", "--no-wait")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.startswith("no source is due")


def test_refused_rows_are_exit_code_one(quick: Koe, home: Path) -> None:
    quick("sources", "add", "surveys", "survey_folder")
    drop(home, "text,created_at\nWonderful,2026-02-01\n,2026-02-02\n")
    outcome = quick("pull", "--no-wait", "--json")
    assert outcome.code == 1
    (told,) = json.loads(outcome.out)
    assert [told[name] for name in ("source", "created", "rejected")] == ["surveys", 1, 1]
    assert told["reasons"] == ["line 3: answers.csv: text is empty or only white space; give at least one visible character"]


def test_the_first_refused_rows_say_why(quick: Koe, home: Path) -> None:
    quick("sources", "add", "surveys", "survey_folder")
    drop(home, "text,created_at\n" + "late,03/04/2026\n" * 9)
    outcome = quick("pull", "--no-wait")
    assert (outcome.code, outcome.out) == (1, "surveys: 0 new, 0 updated, 0 unchanged, 9 refused\n")
    told = [line.partition(" is not a time")[0] for line in outcome.err.splitlines()]
    assert told == [f"  line {number}: answers.csv: '…'" for number in (2, 3, 4)]


def test_a_source_that_fails_says_why_here_and_in_the_list(quick: Koe) -> None:
    quick("sources", "add", "news", "rss", "url=http://127.0.0.1:1/feed.xml")
    outcome = quick("pull", "news", "--no-wait")
    assert outcome.code == 1
    assert "127.0.0.1" in outcome.out
    assert json.loads(quick("sources", "list", "--json").out)[0]["last_error"]


def test_options_are_checked_before_a_source_is_made(quick: Koe) -> None:
    for wrong in ("rss", "rss url", "rss url=nowhere", "rss ulr=https://example.com", "gopher url=https://example.com"):
        outcome = quick("sources", "add", "news", *wrong.split())
        assert (outcome.code, outcome.err.count("\n")) == (2, 1), wrong
    assert json.loads(quick("sources", "list", "--json").out) == []


def test_a_removed_source_is_gone(quick: Koe) -> None:
    quick("sources", "add", "news", "rss", "url=https://example.com/feed.xml")
    assert quick("sources", "remove", "news").out == "source news is removed; its feedback stays\n"
    outcome = quick("pull", "news")
    assert (outcome.code, outcome.err) == (2, "koe: no source 'news'; there are: none (koe sources add)\n")


def test_connectors_and_their_options_are_listed(quick: Koe) -> None:
    shown = quick("sources", "connectors").out
    assert [name for name in ("app_store", "mastodon", "rss", "survey_folder") if f"{name}: " not in shown] == []
    assert "  url: " in shown
