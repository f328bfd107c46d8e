"""The door: every rule for a feedback that comes in, with the words of its refusal."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.errors import InvalidInput
from store.intake import feedback_from_fields
from store.records import Author, NewFeedback, Rating, Scores

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def read(**fields: object) -> NewFeedback:
    return feedback_from_fields({"text": "Late again", **fields}, now=NOW)


def refusal(**fields: object) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read(**fields)
    return caught.value


def test_reads_every_field() -> None:
    feedback = read(
        external_id=42, source="App Store", created_at="2026-02-28T21:00:00+09:00", title=" No ", parent_id="41",
        author={"id": "7", "name": "Ana", "followers": 3}, url="https://example.com/r/1", language="pt-BR", country="br", kind="Review",
        rating={"value": 1, "scale": 5}, scores={"nps": 0, "csat": None, "ces": 7}, question="Why?", product="App",
        attributes={"plan": "pro", "seats": 5, "trial": True},
    )  # fmt: skip
    assert feedback == NewFeedback(
        text="Late again", created_at=NOW - timedelta(days=1), source="App Store", external_id="42", title="No",
        author=Author("7", "Ana", 3), url="https://example.com/r/1", language="pt", country="BR", kind="review", rating=Rating(1, 5),
        scores=Scores(nps=0, ces=7), question="Why?", product="App", parent_id="41",
        attributes={"plan": "pro", "seats": "5", "trial": "true"},
    )  # fmt: skip


def test_takes_none_and_empty_as_absent() -> None:
    empty = read(title="", author={}, rating=None, scores={"nps": None}, attributes={"plan": " "}, language="und", created_at="")
    assert empty == NewFeedback(text="Late again", created_at=NOW, dated=False)


def test_keeps_the_text_as_it_was_given() -> None:
    assert read(text="  <b>\u202e=1+1 \n").text == "  <b>\u202e=1+1 \n"


def test_replaces_one_for_one_what_no_database_can_hold() -> None:
    assert read(text="a\x00b\ud800c").text == "a\ufffdb\ufffdc"


def test_reads_times_without_a_zone_as_utc_and_with_one_into_utc() -> None:
    assert read(created_at=datetime(2026, 1, 1)).created_at == datetime(2026, 1, 1, tzinfo=UTC)  # noqa: DTZ001
    moved = read(created_at=datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=9)))).created_at
    assert (moved, moved.tzinfo) == (datetime(2026, 1, 1, tzinfo=UTC), UTC)


def test_takes_exactly_20000_characters_and_no_more() -> None:
    assert len(read(text="😀" * 20_000).text) == 20_000
    assert "20,001 characters" in str(refusal(text="a" * 20_001))


def test_takes_a_text_whose_only_visible_character_is_the_last() -> None:
    for unseen in (" ", "\u200b", "\x01"):
        text = unseen * 19_999 + "a"
        assert read(text=text).text == text


@pytest.mark.parametrize("text", ["", " \n\t", "\u3000\u00a0", "\u200b\ufeff", "\x00\x1b"])
def test_refuses_a_text_in_which_nothing_can_be_seen(text: str) -> None:
    assert (refusal(text=text).field, "empty" in str(refusal(text=text))) == ("text", True)


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"text": None}, "text", "missing"),
        ({"text": 5}, "text", "a number"),
        ({"stars": 5}, "stars", "known are text"),
        ({"created_at": "03/04/2026"}, "created_at", "2026-03-01T09:30:00Z"),
        ({"created_at": 1772355600}, "created_at", "2026-03-01T09:30:00Z"),
        ({"created_at": "1969-12-31"}, "created_at", "1970"),
        ({"created_at": "2026-03-02T12:00:01Z"}, "created_at", "more than a day in the future"),
        ({"created_at": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))}, "created_at", "outside"),
        ({"external_id": "x" * 257}, "external_id", "at most 256"),
        ({"title": ["x"]}, "title", "a list"),
        ({"author": "Ana"}, "author", '"name": "Ana"'),
        ({"author": {"age": 5}}, "author", "author.followers"),
        ({"author": {"followers": 1.5}}, "author.followers", "whole number"),
        ({"author": {"followers": 2**31}}, "author.followers", "whole number"),
        ({"url": "javascript:alert(1)"}, "url", "https://example.com"),
        ({"url": "https:///x"}, "url", "https://example.com"),
        ({"url": "https://a b"}, "url", "https://example.com"),
        ({"url": "http://[::1"}, "url", "https://example.com"),
        ({"url": "https://example.com/" + "x" * 2000}, "url", "at most 2,000"),
        ({"language": "English"}, "language", "pt-BR"),
        ({"country": "JPN"}, "country", "JP"),
        ({"kind": "tweet"}, "kind", "review, survey"),
        ({"rating": {"value": 4}}, "rating.scale", '"scale": 5'),
        ({"rating": {"value": 6, "scale": 5}}, "rating.value", "from 0 to the scale, 5"),
        ({"rating": {"value": 0, "scale": 0}}, "rating.scale", "above 0"),
        ({"rating": {"value": float("nan"), "scale": 5}}, "rating.value", "finite"),
        ({"rating": {"value": True, "scale": 5}}, "rating.value", "true/false"),
        ({"rating": {"value": 10**400, "scale": 5}}, "rating.value", "finite"),
        ({"scores": {"nps": 11}}, "scores.nps", "from 0 to 10"),
        ({"scores": {"csat": 0}}, "scores.csat", "from 1 to 5"),
        ({"scores": {"ces": 8}}, "scores.ces", "from 1 to 7"),
        ({"attributes": {"a" * 41: "x"}}, "attributes", "1 to 40"),
        ({"attributes": {"a": "x" * 201}}, "attributes.a", "at most 200"),
        ({"attributes": {"a": ["x"]}}, "attributes.a", "a list"),
        ({"attributes": {str(n): "x" for n in range(33)}}, "attributes", "at most 32"),
    ],
)
def test_refuses_and_says_what_would_be_valid(fields: dict[str, object], field: str, says: str) -> None:
    error = refusal(**fields)
    assert error.field == field
    assert says in str(error)
