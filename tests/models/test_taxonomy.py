"""The taxonomy that ships and the tables that train it agree."""

import json
from pathlib import Path
from typing import Any

import pytest

MODELS = Path(__file__).parents[2] / "models"


def read(name: str) -> Any:
    return json.loads((MODELS / name).read_text(encoding="utf-8"))


def test_every_topic_has_a_name_and_a_description_in_english_and_japanese() -> None:
    topics = read("taxonomy.json")["topics"]
    assert 12 <= len(topics) <= 20
    assert len({topic["id"] for topic in topics}) == len(topics)
    for topic in topics:
        assert topic["name"].keys() == topic["description"].keys() == {"en", "ja"}
        assert topic["parent"] is None or topic["parent"] in {other["id"] for other in topics}


@pytest.mark.parametrize("table", ["topic_mapping", "keywords"])
def test_training_tables_name_only_topics_of_the_taxonomy(table: str) -> None:
    known = {topic["id"] for topic in read("taxonomy.json")["topics"]}
    rows = {name: row for name, row in read(f"training/{table}.json").items() if name != "reading"}
    if table == "keywords":
        assert rows.keys() <= known
    else:
        named = {topic for row in rows.values() for topics in [*row.get("labels", {}).values(), row["covers"]] for topic in topics}
        assert {topic.removeprefix("?") for topic in named} <= known


def test_no_set_with_a_restrictive_licence_trains_the_weights() -> None:
    sets = read("training/mix.json")["sets"]
    forbidden = ("NC", "academic", "research only", "research use", "free for research", "GPL")
    assert [name for name, row in sets.items() if "share" in row and any(word in row["licence"] for word in forbidden)] == []
    assert all(("share" in row) != ("left_out" in row) for row in sets.values())
