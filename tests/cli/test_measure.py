"""`koe backtest` judges a series row by row, and `koe evaluate` holds the model against labels."""

import csv
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.times import to_rfc3339
from tests.cli.conftest import Koe

START = datetime(2026, 1, 1, tzinfo=UTC)


def series(path: Path, hours: int = 240, surge_at: int = 200) -> Path:
    lines = [f"{to_rfc3339(START + timedelta(hours=hour))},{60 if hour == surge_at else 4 + hour % 3}" for hour in range(hours)]
    path.write_text("timestamp,value\n" + "\n".join(lines) + "\n")
    return path


def test_a_surge_is_the_one_row_with_an_alert(quick: Koe, tmp_path: Path) -> None:
    outcome = quick("backtest", series(tmp_path / "series.csv"))
    rows = list(csv.DictReader(outcome.out.splitlines()))
    assert (outcome.code, outcome.err) == (0, "")
    assert list(rows[0]) == ["timestamp", "value", "expected", "score", "alert"]
    assert [row["timestamp"] for row in rows if row["alert"] == "1"] == ["2026-01-09T08:00:00Z"]
    assert len(rows) == 240


def test_what_comes_later_does_not_change_what_was_said(quick: Koe, tmp_path: Path) -> None:
    whole = quick("backtest", series(tmp_path / "whole.csv")).out.splitlines()
    start = quick("backtest", series(tmp_path / "start.csv", hours=150)).out.splitlines()
    assert whole[: len(start)] == start


def test_a_series_may_come_by_pipe_and_go_to_a_file(koe: Koe, tmp_path: Path) -> None:
    content = series(tmp_path / "series.csv").read_bytes()
    outcome = koe("backtest", "-", "--output", "judged.csv", given=b"\xef\xbb\xbf" + content)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert len((tmp_path / "judged.csv").read_text().splitlines()) == 241


def test_takes_a_time_zone_a_country_a_budget_and_shares(quick: Koe, tmp_path: Path) -> None:
    file = series(tmp_path / "series.csv")
    known = quick("backtest", file, "--timezone", "Asia/Tokyo", "--country", "JP", "--budget", "0.5")
    assert [row["timestamp"] for row in csv.DictReader(known.out.splitlines()) if row["alert"] == "1"] == ["2026-01-09T08:00:00Z"]
    lines = file.read_text().splitlines()
    shares = [lines[0] + ",total", *(f"{line},{600 if line.endswith(',60') else 50}" for line in lines[1:])]
    (tmp_path / "shares.csv").write_text("\n".join(shares))
    assert ",1\n" not in quick("backtest", "shares.csv", "--share").out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--timezone", "Tokio"), "unknown time zone 'Tokio'"),
        (("--country", "Japan"), "unknown country"),
        (("--share",), "has no total; valid is a part of a total"),
    ],
)
def test_an_option_that_is_wrong_is_told_what_is_valid(quick: Koe, tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    outcome = quick("backtest", series(tmp_path / "series.csv"), *options)
    assert (outcome.code, message in outcome.err) == (2, True), outcome.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("when,count\n", "line 1: no column timestamp and value"),
        ("timestamp,value\n2026-01-01,4\n2026-01-02,many\n", "line 3: value is 'many'"),
        ("timestamp,value\n01/02/2026,4\n", "line 2: '01/02/2026' is not a time such as"),
        ("timestamp,value\n2026-01-05,4\n2026-01-01,4\n", "line 3: 2026-01-01 comes after a later row"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_leaves_no_half_file(quick: Koe, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "series.csv").write_text(content)
    outcome = quick("backtest", "series.csv", "-o", "judged.csv")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert outcome.err.startswith(f"koe: {message}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["series.csv"]


def test_a_file_that_is_no_text_is_refused(quick: Koe, tmp_path: Path) -> None:
    (tmp_path / "series.csv").write_bytes(b"timestamp,value\n\xff\xfe\x00\n")
    outcome = quick("backtest", "series.csv")
    assert (outcome.code, outcome.err) == (2, "koe: series.csv is not UTF-8 text; a series is a CSV such as timestamp,value\n")


LABELLED = [
    {
        "text": "I love it, wonderful quality, thank you!",
        "sentiment": "positive",
        "lang": "en",
        "topics": ["product_quality"],
        "complaint": False,
    },
    {"text": "Terrible. It broke after one day and nobody helps.", "sentiment": "negative", "lang": "en", "complaint": True},
    {"text": "最悪です。二度と買いません。", "sentiment": "negative", "lang": "ja"},
    {"text": "とても気に入りました。最高です!", "sentiment": "positive", "lang": "ja"},
]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "labelled.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in LABELLED), encoding="utf-8")
    return path


@pytest.mark.usefixtures("bundled_model")
def test_the_report_has_every_language_and_their_mean(quick: Koe, labelled: Path) -> None:
    outcome = quick("evaluate", labelled, "--json")
    report = json.loads(outcome.out)
    assert (outcome.code, outcome.err) == (0, "")
    assert [(one["language"], one["rows"]) for one in report["languages"]] == [("en", 2), ("ja", 2)]
    assert report["mean_macro_f1"] == pytest.approx(sum(one["macro_f1"] for one in report["languages"]) / 2)
    assert (report["rows"], report["topic_rows"], report["complaint_rows"], report["skipped"]) == (4, 1, 2, 0)
    assert 0 <= report["calibration_error"] <= 1
    low, high = report["macro_f1_interval"]
    assert low <= report["macro_f1"] <= high


@pytest.mark.usefixtures("bundled_model")
def test_people_read_a_table(quick: Koe, labelled: Path) -> None:
    shown = quick("evaluate", labelled).out
    assert [line.split()[:2] for line in shown.splitlines()[:4]] == [["LANGUAGE", "ROWS"], ["en", "2"], ["ja", "2"], ["all", "4"]]
    assert "calibration error" in shown


@pytest.mark.usefixtures("bundled_model")
def test_rows_without_a_right_label_are_left_out_and_named(quick: Koe, labelled: Path) -> None:
    with labelled.open("a") as file:
        file.write('{"text": "good", "sentiment": "great"}\n{"sentiment": "neutral"}\n')
    outcome = quick("evaluate", labelled)
    assert outcome.code == 1
    assert "left out: line 5: sentiment must be one of negative, neutral, positive" in outcome.err
    assert "left out: line 6: text is missing" in outcome.err


@pytest.mark.usefixtures("bundled_model")
def test_rows_are_judged_for_the_tasks_they_are_labelled_for(quick: Koe, tmp_path: Path) -> None:
    rows = [
        {"text": "The parcel came late.", "topics": [{"id": "delivery", "sentiment": "negative"}], "split": "dev", "kind": "a"},
        {"text": "I am so happy!", "emotions": ["joy", "trust"], "sentiment": None, "split": "dev", "kind": "b"},
        {"text": "Never again.", "complaint": True, "split": "dev"},
        {"text": "It is raining.", "sentiment": None, "topics": [], "complaint": None, "split": "dev"},
        {"text": "Bad.", "sentiment": "negative", "split": "train"},
    ]
    with gzip.open(tmp_path / "raw.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    outcome = quick("evaluate", "raw.jsonl.gz", "--split", "dev", "--by", "kind", "--json")
    report = json.loads(outcome.out)
    assert (outcome.code, outcome.err) == (0, "")
    assert (report["rows"], report["sentiment_rows"], report["topic_rows"], report["complaint_rows"]) == (3, 0, 1, 1)
    assert (report["topic_sentiment_accuracy"], report["macro_f1"], report["unlabelled"]) == (1.0, None, 1)
    assert [(one["kind"], one["rows"]) for one in report["groups"]] == [("a", 1), ("b", 1)]


@pytest.mark.usefixtures("bundled_model")
def test_topics_of_another_scheme_are_not_held_against_ours(quick: Koe, tmp_path: Path) -> None:
    rows = [
        {"text": "Tasty soup.", "topics": ["food quality"], "sentiment": "positive"},
        {"text": "Too dear.", "topics": ["price"]},
        {"text": "Fine.", "topics": [], "sentiment": "positive"},
    ]
    (tmp_path / "raw.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = json.loads(quick("evaluate", "raw.jsonl", "--json").out)
    assert (report["topic_rows"], report["foreign_topic_rows"], report["sentiment_rows"]) == (1, 1, 2)
    assert "topics of 1 rows are not judged: they are no topics of ours (food quality)" in quick("evaluate", "raw.jsonl").err


@pytest.mark.usefixtures("bundled_model")
def test_rubbish_is_named_and_the_rest_is_judged(quick: Koe, labelled: Path) -> None:
    with labelled.open("ab") as file:
        file.write(b'\xff\xfe\n[1, 2]\n{"text": 3, "sentiment": "neutral"}\n{"text": "ok", "emotion": 7}\n{"text": "ok"}\n')
    outcome = quick("evaluate", labelled)
    assert outcome.code == 1
    for reason in ("line 5: line 5 is not UTF-8", "not an object", "text must be text", "emotion must be one of anger", "line 9: no label"):
        assert reason in outcome.err
    assert "all" in outcome.out


@pytest.mark.usefixtures("bundled_model")
def test_a_file_that_only_claims_to_be_gzip_is_refused(quick: Koe, tmp_path: Path) -> None:
    (tmp_path / "raw.jsonl.gz").write_text('{"text": "good"}\n')
    outcome = quick("evaluate", "raw.jsonl.gz")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "raw.jsonl.gz cannot be unpacked" in outcome.err


@pytest.mark.usefixtures("bundled_model")
def test_a_file_without_a_single_labelled_row_is_refused(quick: Koe, tmp_path: Path) -> None:
    (tmp_path / "plain.jsonl").write_text('{"text": "good"}\n')
    outcome = quick("evaluate", "plain.jsonl")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
