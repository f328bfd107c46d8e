"""Raw rows of the data folder become examples with the right labels and weights."""

import gzip
import json
from pathlib import Path
from typing import Any

from models.training.data import ABSENT_BY_GUESS, STRONG, WEAK, Mark, Mix, example_of, load, own_rows, read_rows, segments, topic_ids


def a_row(source: str = "umsab", text: str = "fine", **labels: Any) -> dict[str, Any]:
    return {"text": text, "lang": "en", "source": source, "split": "train", "domain": "review", "sentiment": None, "topics": [], **labels}


def marks(row: dict[str, Any]) -> dict[str, Mark]:
    return {topic_ids()[topic]: mark for topic, mark in example_of(row).presence.items()}


def test_an_aspect_marks_its_topic_and_the_silence_on_the_others() -> None:
    row = a_row("m_absa", variant="restaurant", aspects=[["soup", "food quality", "negative"]])
    found = marks(row)
    assert found["food"] == Mark(1, STRONG)
    assert found["price"] == Mark(0, STRONG)
    assert found["refund"] == Mark(0, ABSENT_BY_GUESS)
    assert example_of(row).topic_sentiment == {topic_ids().index("food"): 0}


def test_a_topic_spoken_of_both_ways_has_no_sentiment_of_its_own() -> None:
    row = a_row("m_absa", variant="restaurant", aspects=[["soup", "food quality", "negative"], ["tea", "drinks quality", "positive"]])
    assert example_of(row).topic_sentiment == {}


def test_a_doubtful_label_leaves_the_topic_unknown() -> None:
    assert "product_quality" not in marks(a_row("m_absa", variant="laptop", aspects=[["it", "LAPTOP#GENERAL", "positive"]]))


def test_keywords_speak_softly_in_any_script() -> None:
    assert marks(a_row(text="Geld zurück!"))["refund"] == Mark(1, WEAK)
    assert marks(a_row(text="まだ返金されません"))["refund"] == Mark(1, WEAK)
    assert marks(a_row(text="I am happy"))["app_website"] == Mark(0, ABSENT_BY_GUESS)


def test_a_negative_review_is_weakly_a_complaint_and_praise_is_none() -> None:
    assert example_of(a_row(sentiment="negative")).complaint == Mark(1, WEAK)
    assert example_of(a_row(sentiment="negative", domain="tweet")).complaint is None
    assert example_of(a_row(sentiment="positive", domain="tweet")).complaint == Mark(0, WEAK)
    assert example_of(a_row("ijcnlp2017_feedback", complaint=True)).complaint == Mark(1, STRONG)


def test_off_topic_rows_teach_no_sentiment() -> None:
    assert example_of(a_row("germeval2017", sentiment="neutral", relevant=False)).sentiment is None


def test_sentences_end_at_the_marks_of_any_script() -> None:
    assert segments("Late again. Never more!\n二度と買わない。最悪！") == ["Late again.", "Never more!", "二度と買わない。", "最悪！"]


def test_only_sets_that_may_train_are_loaded(tmp_path: Path) -> None:
    from models.training.data import mix

    for source in mix():
        with gzip.open(tmp_path / f"{source}.jsonl.gz", "wt") as file:
            file.write(json.dumps(a_row(source)))
    trained = {row["source"] for row in load(tmp_path, split="train")}
    assert "us_airline" not in trained
    assert {"umsab", "m_absa"} <= trained


def test_what_we_wrote_ourselves_trains_and_never_measures(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"text": "まあまあ", "lang": "ja", "sentiment": "neutral", "complaint": False}) + "\n")
    (row,) = own_rows(path, "own_ja")
    assert row["split"] == "train"
    assert example_of(row).complaint == Mark(0, STRONG)
    assert {row["split"] for row in read_rows(tmp_path, "own_ja")} == {"train"}


def test_the_mix_is_reproducible_and_sees_all_rows_before_any_again() -> None:
    rows = [a_row(text=f"text {number}") for number in range(10)]
    first, second = Mix(rows, seed=5), Mix(rows, seed=5)
    drawn = [window[0].text for window in first.draw(10)]
    assert sorted(drawn) == sorted(row["text"] for row in rows)
    assert drawn == [window[0].text for window in second.draw(10)]


def test_emotions_say_the_sentiment_of_a_post_that_nobody_labelled() -> None:
    def felt(*emotions: str, source: str = "brighter_emotions") -> int | None:
        example = example_of(a_row(source, emotions=list(emotions)))
        assert example.binary is (example.sentiment is not None)  # it was never said that nothing is neutral
        return example.sentiment

    assert (felt("joy"), felt("anger", "sadness"), felt("joy", "sadness"), felt("surprise"), felt()) == (2, 0, None, None, None)
    assert felt("joy", source="xed") is None  # in a film others speak
