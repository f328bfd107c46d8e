"""The rows with emotions: every set's labels read as ours by emotion_mapping.json, which also says how many rows of a set may train."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from models.training.data import HERE, Row, read_rows
from store.records import EMOTIONS, EmotionLabel


@dataclass(frozen=True, slots=True)
class EmotionMapping:
    """How one set's emotions read; `rows` 0: it only measures."""

    rows: int
    weight: float
    covers: frozenset[EmotionLabel]
    none: EmotionLabel | None
    labels: Mapping[str, EmotionLabel]


@dataclass(frozen=True, slots=True)
class EmotionExample:
    """A text with the emotions that annotators found in it, one or several; those not in `covers` were not asked for."""

    text: str
    language: str
    source: str
    emotions: frozenset[EmotionLabel]
    covers: frozenset[EmotionLabel]
    weight: float


@cache
def emotion_mappings() -> dict[str, EmotionMapping]:
    """The mappings of emotion_mapping.json by the name of the set, or of the set and a language."""
    table: dict[str, Any] = json.loads((HERE / "emotion_mapping.json").read_text(encoding="utf-8"))
    return {name: _mapping(entry) for name, entry in table.items() if name != "reading"}


def _mapping(entry: Mapping[str, Any]) -> EmotionMapping:
    ours: dict[str, EmotionLabel] = {str(label): label for label in EMOTIONS}
    return EmotionMapping(
        rows=entry.get("rows", 0),
        weight=entry.get("weight", 1.0),
        covers=frozenset(ours[label] for label in entry["covers"]),
        none=ours[entry["none"]] if "none" in entry else None,
        labels={theirs: ours[label] for theirs, label in entry["labels"].items()},
    )


def emotion_example(row: Row) -> EmotionExample | None:
    """The row in our emotions; None when its annotators saw none of ours."""
    mapping = emotion_mappings()[row["source"]]
    theirs = row.get("emotions") or []
    emotions = {mapping.labels[label] for label in theirs if label in mapping.labels}
    if not theirs and mapping.none is not None:
        emotions = {mapping.none}
    if not emotions:
        return None
    return EmotionExample(row["text"], row["lang"], row["source"], frozenset(emotions), mapping.covers, mapping.weight)


def training_emotions(folder: Path) -> list[EmotionExample]:
    """The `train` rows of the sets that may train, as many of each as its mapping says."""
    return [
        example
        for source, mapping in emotion_mappings().items()
        if mapping.rows
        for example in _sample(_examples(folder, source, "train"), mapping.rows)
    ]


def development_emotions(folder: Path, *, limit: int) -> list[EmotionExample]:
    """The `dev` rows of every set, at most `limit` of each."""
    return [example for source in emotion_mappings() for example in _sample(_examples(folder, source, "dev"), limit)]


def _examples(folder: Path, source: str, split: str) -> list[EmotionExample]:
    rows = (row for row in read_rows(folder, source) if row["split"] == split)
    return [example for row in rows if (example := emotion_example(row)) is not None]


def _sample(examples: list[EmotionExample], most: int) -> list[EmotionExample]:
    """At most `most`, the same from each language where there are enough."""
    by_language: dict[str, list[EmotionExample]] = defaultdict(list)
    for example in examples:
        by_language[example.language].append(example)
    chosen: list[EmotionExample] = []
    smallest_first = sorted(by_language.items(), key=lambda pair: len(pair[1]))
    for number, (language, found) in enumerate(smallest_first):
        fair = (most - len(chosen)) // (len(smallest_first) - number)
        chosen += found if len(found) <= fair else random.Random(language).sample(found, fair)
    return chosen
