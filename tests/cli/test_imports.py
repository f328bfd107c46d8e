"""A file comes in through `koe import`: shown, checked, stored once, annotated and counted when the command returns."""

import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.database import Database
from store.feedback import count_unannotated
from store.records import Scope
from store.rollups import count_touched, totals
from store.workspaces import find_workspace, list_workspaces
from tests.cli.conftest import Koe

REVIEWS = """Review text,Stars,Datum,Shop
"Lovely, really",5,2026-02-01,Leeds
"Two
lines",2,2026-02-02,Leeds
,1,2026-02-03,Leeds
Arrived late,1,03/04/2026,Bristol
配送が遅い,1,2026-02-04T10:00:00+09:00,Bristol
"""


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    path.write_text(REVIEWS, encoding="utf-8")
    return path


def counts(out: str, names: Sequence[str] = ("rows", "created", "updated", "unchanged", "rejected")) -> tuple[int, ...]:
    summary = json.loads(out)
    return tuple(summary[name] for name in names)


def test_good_rows_are_stored_and_bad_ones_listed_with_line_and_reason(quick: Koe, reviews: Path) -> None:
    outcome = quick("import", reviews, "--no-wait")
    assert (outcome.code, outcome.out) == (1, "5 rows: 3 created, 0 updated, 0 unchanged, 2 rejected\n")
    assert "line 5: text is empty or only white space" in outcome.err
    assert "line 6: '03/04/2026' is not a time such as" in outcome.err


def test_the_mapping_that_was_guessed_is_shown(quick: Koe, reviews: Path) -> None:
    shown = quick("import", reviews, "--dry-run").err
    assert "Review text -> text\n" in shown
    assert "Shop -> attributes.shop\n" in shown


def test_the_same_file_again_changes_nothing_and_says_so(quick: Koe, reviews: Path) -> None:
    quick("import", reviews, "--no-wait")
    outcome = quick("import", reviews, "--no-wait")
    assert outcome.out == "5 rows: 0 created, 0 updated, 3 unchanged, 2 rejected. The file changes nothing: all of it was stored already.\n"


def test_a_dry_run_stores_nothing(quick: Koe, reviews: Path, home: Path) -> None:
    outcome = quick("import", reviews, "--dry-run")
    assert (outcome.code, outcome.out) == (1, "5 rows read, 2 would be refused; nothing was stored\n")
    assert not home.exists()


def test_json_is_all_there_is_on_standard_output(quick: Koe, reviews: Path) -> None:
    outcome = quick("import", reviews, "--no-wait", "--json")
    assert counts(outcome.out) == (5, 3, 0, 0, 2)
    assert json.loads(outcome.out)["rejects"][0]["line"] == 5
    assert outcome.err == ""


def test_every_refused_row_goes_to_the_file_asked_for(quick: Koe, reviews: Path, tmp_path: Path) -> None:
    quick("import", reviews, "--dry-run", "--rejects", tmp_path / "bad.csv")
    with (tmp_path / "bad.csv").open(encoding="utf-8", newline="") as file:
        assert [(row["line"], row["field"]) for row in csv.DictReader(file)] == [("5", "text"), ("6", "created_at")]


def test_a_column_can_be_mapped_by_hand(quick: Koe, reviews: Path) -> None:
    outcome = quick("import", reviews, "--dry-run", "--json", "--mapping", "Shop=product", "--mapping", "Stars=")
    mapping = json.loads(outcome.out)["mapping"]
    assert (mapping["Shop"], mapping["Stars"]) == ("product", "")


@pytest.mark.parametrize("pair", ["Shop", "Nowhere=text"])
def test_a_mapping_that_cannot_be_is_refused(quick: Koe, reviews: Path, pair: str) -> None:
    outcome = quick("import", reviews, "--mapping", pair)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)


def test_a_file_of_nothing_but_bad_rows_is_exit_code_two(quick: Koe, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": ""}\n{"text": "   "}\n')
    assert quick("import", "bad.jsonl", "--no-wait").code == 2


def test_an_empty_file_is_refused_in_one_line(quick: Koe, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    outcome = quick("import", "empty.csv")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)


def test_rows_land_in_the_workspace_asked_for_and_in_no_other(quick: Koe, reviews: Path, stored: Database) -> None:
    quick("workspaces", "add", "rival")
    quick("import", reviews, "--workspace", "rival", "--no-wait")
    with stored.read() as connection:
        waiting = {workspace.name: count_unannotated(connection, workspace.id) for workspace in list_workspaces(connection)}
    assert waiting == {"default": 0, "rival": 3}


def test_all_is_annotated_and_counted_when_the_command_returns(quick: Koe, reviews: Path, stored: Database, bundled_model: None) -> None:
    assert quick("import", reviews, "--source", "shop").code == 1
    with stored.read() as connection:
        assert (count_unannotated(connection), count_touched(connection)) == (0, 0)
        workspace = find_workspace(connection, "default")
        assert workspace is not None
        since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
        counted = totals(connection, workspace.id, since, until, by="source", scope=Scope())
    assert {source: cell.count for source, cell in counted.items()} == {"shop": 3}
