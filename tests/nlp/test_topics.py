"""The taxonomy that ships, and what a broken one says."""

import json
from pathlib import Path

import pytest

from core.errors import InvalidInput, Misconfigured
from nlp.topics import load_taxonomy


def test_ships_named_topics_in_two_languages() -> None:
    taxonomy = load_taxonomy()
    assert 12 <= len(taxonomy.topics) <= 20
    assert {"delivery", "price", "support"} <= taxonomy.ids
    assert all(topic.name["ja"] and topic.description["en"] for topic in taxonomy.topics)


def test_an_unknown_topic_is_answered_with_the_valid_ones() -> None:
    taxonomy = load_taxonomy()
    assert taxonomy.check(frozenset({"price"})) == {"price"}
    with pytest.raises(InvalidInput, match=r"no topic 'prize'; valid are .*price"):
        taxonomy.check(frozenset({"price", "prize"}))


@pytest.mark.parametrize(
    ("topics", "reason"),
    [
        ([{"id": "a", "parent": None}], "expected version and topics"),
        (
            [{"id": "a", "parent": None, "name": {"en": "A", "ja": ""}, "description": {"en": "a", "ja": "a"}}],
            "no name or description in ja",
        ),
        ([{"id": "a", "parent": "b", "name": {"en": "A", "ja": "A"}, "description": {"en": "a", "ja": "a"}}], "'b' of topic 'a'"),
        ([{"id": "a", "parent": None, "name": {"en": "A", "ja": "A"}, "description": {"en": "a", "ja": "a"}}] * 2, "one id"),
        ("none", "expected version and topics"),
    ],
)
def test_a_broken_file_says_what_is_wrong(tmp_path: Path, topics: object, reason: str) -> None:
    (tmp_path / "taxonomy.json").write_text(json.dumps({"version": "1", "topics": topics}))
    with pytest.raises(Misconfigured, match=reason):
        load_taxonomy(tmp_path / "taxonomy.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"gone\.json cannot be read"):
        load_taxonomy(tmp_path / "gone.json")
