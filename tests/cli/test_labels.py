"""Labels of a file: what each row says, and what is wrong with those that say nothing."""

import json
from pathlib import Path

import pytest

from cli.labels import read_labels
from nlp.labelled import LabelledText
from store.records import Labels, TopicCorrection


def read(tmp_path: Path, *rows: object, name: str = "labels.jsonl") -> tuple[list[LabelledText], list[str]]:
    path = tmp_path / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8")
    return read_labels(path)


def test_reads_any_of_the_labels(tmp_path: Path) -> None:
    rows, problems = read(
        tmp_path,
        {"text": "late", "sentiment": "negative", "complaint": True, "lang": "en"},
        {"text": "fine", "complaint": 0, "question": "How was it?"},
    )
    assert problems == []
    assert rows[0] == LabelledText("late", Labels(sentiment="negative", complaint=True), "en", None, "line 1")
    assert (rows[1].labels, rows[1].question) == (Labels(complaint=False), "How was it?")


def test_a_list_of_ids_names_all_of_those_that_the_file_names(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, {"text": "a", "topics": ["price"]}, {"text": "b", "topics": [{"id": "food"}]}, {"text": "c", "topics": []})
    here, away = TopicCorrection("price"), TopicCorrection("price", present=False)
    food, none = TopicCorrection("food"), TopicCorrection("food", present=False)
    assert [row.labels.topics for row in rows] == [(here, none), (food, away), (none, away)]


def test_exported_corrections_say_only_what_they_say(tmp_path: Path) -> None:
    exported = {"feedback_id": "7", "text": "a", "topics": [{"id": "price", "present": False, "sentiment": None}]}
    rows, _ = read(tmp_path, exported, {"text": "b", "topics": ["food"]})
    assert (rows[0].labels.topics, rows[0].origin) == ((TopicCorrection("price", present=False),), "feedback 7")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": "a"}, "no label: give sentiment, complaint or topics"),
        ({"text": "a", "sentiment": "angry"}, "sentiment must be one of negative, neutral, positive"),
        ({"text": "a", "complaint": "maybe"}, "complaint must be true or false"),
        ({"text": "a", "topics": ["weather"]}, "no topic 'weather'; valid are"),
        ({"text": "a", "topics": "price"}, "topics must be a list of ids"),
        ({"text": "a", "topics": ["price", "price"]}, "each once"),
        ({"text": "a", "topics": [{"id": "price", "present": "yes"}]}, "topics must be a list of ids"),
        ({"text": " ", "sentiment": "neutral"}, "text is empty or only white space"),
        ("{nonsense", "not JSON"),
    ],
)
def test_a_bad_row_is_named_and_left_out(tmp_path: Path, row: object, reason: str) -> None:
    rows, problems = read(tmp_path, row, {"text": "b", "sentiment": "neutral"})
    assert [one.text for one in rows] == ["b"]
    assert problems[0].startswith("line 1: ")
    assert reason in problems[0]


def test_reads_csv(tmp_path: Path) -> None:
    rows, problems = read(tmp_path, "text,sentiment,complaint", "late,negative,TRUE", "fine,positive,", name="labels.csv")
    assert problems == []
    assert [row.labels for row in rows] == [Labels(sentiment="negative", complaint=True), Labels(sentiment="positive")]


def test_topics_of_the_workspace_itself_are_known_too(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"text": "a", "topics": ["loyalty"]}\n')
    rows, problems = read_labels(path, frozenset({"loyalty"}))
    assert (rows[0].labels.topics, problems) == ((TopicCorrection("loyalty"),), [])
