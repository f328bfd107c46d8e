"""POST /v1/classify: annotations in the order of the texts, and every fault by its name."""

import pytest

from api.bodies import PARSED_AT_ONCE
from core.nudges import Stage
from tests.api.annotating import WordAnnotator
from tests.api.client import Client


def test_answers_in_the_order_of_the_texts(api: Client) -> None:
    answer = api.post("/v1/classify", json={"texts": ["it came late", "I love it", "a box"]})
    assert answer.status_code == 200
    assert answer.json()["model"] == "words-1"
    assert [one["sentiment"]["label"] for one in answer.json()["results"]] == ["negative", "positive", "neutral"]


def test_an_annotation_has_the_shape_of_the_contract(api: Client) -> None:
    assert api.post("/v1/classify", json={"texts": ["it came late"]}).json()["results"] == [
        {
            "language": {"code": "en", "confidence": 0.5},
            "sentiment": {
                "label": "negative",
                "confidence": 0.8,
                "scores": {"negative": 0.8, "neutral": 0.1, "positive": 0.1},
                "abstained": False,
            },
            "topics": [{"id": "delivery", "confidence": 0.75, "sentiment": "negative", "evidence": [{"start": 8, "end": 12}]}],
            "complaint": {"label": True, "confidence": 0.75},
            "emotion": None,
            "model": "words-1",
            "taxonomy": "1",
        }
    ]


def test_an_annotation_tells_the_emotion_where_the_model_does(api: Client) -> None:
    answer = api.post("/v1/classify", json={"texts": ["I love it"]}).json()["results"][0]
    assert answer["emotion"] == {"label": "joy", "confidence": 0.6}


def test_looks_for_the_topics_that_were_asked_for_only(api: Client) -> None:
    answer = api.post("/v1/classify", json={"texts": ["it came late"], "topics": ["price"], "language": "en-GB", "question": "How was it?"})
    assert answer.json()["results"][0]["topics"] == []


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"texts": []}, "texts", "at least 1 item"),
        ({"texts": ["a"] * 257}, "texts", "at most 256 items"),
        ({"texts": ["a", ""]}, "texts.1", "at least 1 character"),
        ({"texts": ["a", "b" * 20_001]}, "texts.1", "at most 20000 characters"),
        ({"texts": ["a", "b", " \u200b\n"]}, "texts.2", "only white space"),
        ({"texts": ["a", 5]}, "texts.1", "valid string"),
        ({"texts": "a"}, "texts", "valid list"),
        ({"text": ["a"]}, "texts", "Field required"),
        ({"texts": ["a"], "topics": ["delivery", "weather"]}, "topics", "valid are delivery, price"),
        ({"texts": ["a"], "topics": []}, "topics", "at least 1 item"),
        ({"texts": ["a"], "language": "english!"}, "language", "ISO 639"),
        ({"texts": ["a"], "langauge": "en"}, "langauge", "no such member; valid are texts, language,"),
    ],
)
def test_names_the_fault_and_what_would_be_valid(api: Client, body: object, field: str, reason: str) -> None:
    answer = api.post("/v1/classify", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert field in [fault["field"] for fault in answer.json()["errors"]]
    assert reason in answer.json()["detail"]


def test_takes_256_texts_of_20_000_characters_outside_the_basic_plane(api: Client, annotator: WordAnnotator) -> None:
    assert api.post("/v1/classify", json={"texts": ["😀" * 20_000] * 256}).status_code == 200
    assert len(annotator.texts) == 256


def test_a_megabyte_of_marks_in_one_text_is_refused_in_words(api: Client) -> None:
    answer = api.post("/v1/classify", json={"texts": ["ok", "z" + "\u0301" * 500_000]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "texts.1"
    assert "at most 20000 characters" in answer.json()["errors"][0]["message"]


def test_a_large_body_that_is_not_json_is_refused_as_a_small_one_is(api: Client) -> None:
    small, large = (
        api.post("/v1/classify", content=b'{"texts": ["' + b"a" * size, headers={"Content-Type": "application/json"})
        for size in (10, 2 * PARSED_AT_ONCE)
    )
    assert small.status_code == large.status_code == 422
    assert small.json()["detail"] == large.json()["detail"]


def test_a_text_can_hold_anything_and_keeps_its_length(api: Client, annotator: WordAnnotator) -> None:
    body = b'{"texts": ["a\\u0000b\\ud83d late </script>{{7*7}} \\u202e"]}'
    answer = api.post("/v1/classify", content=body, headers={"Content-Type": "application/json"})
    assert answer.json()["results"][0]["topics"][0]["evidence"] == [{"start": 5, "end": 9}]
    assert annotator.texts == ["a\ufffdb\ufffd late </script>{{7*7}} \u202e"]


def test_stores_nothing_and_wakes_nobody(api: Client, nudges: list[Stage]) -> None:
    api.post("/v1/classify", json={"texts": ["it came late"]})
    assert api.get("/v1/feedback").json() == {"data": [], "next": None}
    assert nudges == []
