"""`koe classify` writes one object a line, in order, whatever comes in."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.rows import RowFormat, in_batches, read_rows
from store.database import Database
from store.records import CustomTopic
from store.topics import add_topic, hide_topics
from store.workspaces import find_workspace
from tests.builders import NOW
from tests.cli.conftest import Koe, environment

pytestmark = pytest.mark.usefixtures("bundled_model")


def test_lines_come_back_in_order_with_their_annotation(koe: Koe) -> None:
    outcome = koe("classify", given="The parcel came late and nobody answers.\n最高の商品でした!\n".encode())
    first, second = map(json.loads, outcome.out.splitlines())
    assert (outcome.code, outcome.err) == (0, "")
    assert (first["text"], first["annotation"]["language"]["code"]) == ("The parcel came late and nobody answers.", "en")
    assert (second["text"], second["annotation"]["language"]["code"]) == ("最高の商品でした!", "ja")
    assert set(first["annotation"]) == {"language", "sentiment", "topics", "complaint", "emotion", "model", "taxonomy"}


def test_a_broken_line_keeps_its_place_and_the_exit_code_tells(koe: Koe) -> None:
    outcome = koe("classify", "-", given=b'{"text": "good", "id": 1}\n{"text"\n{"id": 3}\n')
    answers = [json.loads(line) for line in outcome.out.splitlines()]
    assert outcome.code == 1
    assert ["error" in answer for answer in answers] == [False, True, True]
    assert answers[0]["id"] == 1
    assert answers[2] == {"id": 3, "error": "text is missing"}


def test_cells_of_csv_are_kept_beside_the_annotation(quick: Koe, tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text('id,text\n7,"good, really"\n')
    (answer,) = map(json.loads, quick("classify", "reviews.csv").out.splitlines())
    assert (answer["id"], answer["text"]) == ("7", "good, really")
    assert answer["annotation"]["sentiment"]["label"] in {"negative", "neutral", "positive"}


def test_a_gzipped_file_is_what_its_name_says_without_gz(quick: Koe, tmp_path: Path) -> None:
    packed = gzip.compress(b'{"text": "good", "id": 1}\n' * 2)
    (tmp_path / "reviews.jsonl.gz").write_bytes(packed)
    assert [json.loads(line)["id"] for line in quick("classify", "reviews.jsonl.gz").out.splitlines()] == [1, 1]
    for broken in (packed[:-9], b'{"text": "good"}\n', packed[:12] + b"\xff" * 20):
        (tmp_path / "reviews.jsonl.gz").write_bytes(broken)
        outcome = quick("classify", "reviews.jsonl.gz")
        assert outcome.code == 2
        assert "reviews.jsonl.gz cannot be unpacked" in outcome.err


def test_the_caller_may_say_the_language(quick: Koe, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("配送遅延\n", encoding="utf-8")
    (answer,) = map(json.loads, quick("classify", "texts.txt", "--language", "ja").out.splitlines())
    assert answer["annotation"]["language"]["code"] == "ja"


def test_the_same_text_gets_the_same_answer_in_any_batch(quick: Koe, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("fine\n" + "a much longer text, over and over. " * 20 + "\nfine\n")
    alone, together = (quick("classify", "texts.txt", "--batch", size).out for size in ("1", "64"))
    assert alone == together


def test_neither_database_nor_server_is_needed(quick: Koe, tmp_path: Path, home: Path) -> None:
    (tmp_path / "texts.txt").write_text("fine\n")
    outcome = quick(
        "classify", "texts.txt", settings={"KOE_DATABASE_URL": "postgresql://127.0.0.1:1/none", "KOE_BROKER_URL": "redis://127.0.0.1:1"}
    )
    assert outcome.code == 0
    assert not (home / "koe.sqlite3").exists()


def test_a_workspace_finds_its_own_topics_and_not_those_it_hides(quick: Koe, stored: Database, tmp_path: Path) -> None:
    quick("workspaces", "list")
    points = CustomTopic("points", None, (("en", "Loyalty points"),), (), ("My loyalty points are gone.", "Where are my bonus points?"))
    with stored.write() as connection:
        workspace = find_workspace(connection, "default")
        assert workspace is not None
        add_topic(connection, workspace.id, points, NOW)
        hide_topics(connection, workspace.id, frozenset({"delivery"}))
    (tmp_path / "texts.txt").write_text("The parcel came days late.\nMy loyalty points are gone.\n")
    shared, own = (
        [json.loads(line)["annotation"] for line in quick("classify", "texts.txt", *options).out.splitlines()]
        for options in ((), ("--workspace", "default"))
    )
    assert [one["taxonomy"] for one in (*shared, *own)] == ["1", "1", "1+t2", "1+t2"]
    late, gone = ([[topic["id"] for topic in said[row]["topics"]] for said in (shared, own)] for row in (0, 1))
    assert ["delivery" in topics for topics in late] == [True, False]
    assert ["points" in topics for topics in gone] == [False, True]


def test_a_data_folder_that_cannot_be_made_is_no_obstacle(koe: Koe, home: Path) -> None:
    home.write_text("in the way")
    assert koe("classify", given=b"fine\n").code == 0


def test_a_slow_pipe_is_answered_line_by_line(home: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli.main", "classify"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(home), cwd=tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for text in ("first", "second"):
            process.stdin.write(f"{text} line\n".encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["text"] == f"{text} line"
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def test_batches_hold_what_is_there_and_never_more_than_asked() -> None:
    batches = list(in_batches(read_rows([b"line\n"] * 10, RowFormat.LINES), most=4))
    assert sum(map(len, batches)) == 10
    assert max(map(len, batches)) <= 4
    assert [row.line for batch in batches for row in batch] == list(range(1, 11))
