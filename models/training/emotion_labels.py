"""The emotions of a row: every set's labels read as ours by emotion_mapping.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    table: dict[str, Any] = json.loads((Path(__file__).parent / "emotion_mapping.json").read_text(encoding="utf-8"))
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


def emotion_example(row: Mapping[str, Any]) -> EmotionExample | None:
    """The row in our emotions; None when its annotators saw none of ours."""
    mapping = emotion_mappings()[row["source"]]
    theirs = row.get("emotions") or []
    emotions = {mapping.labels[label] for label in theirs if label in mapping.labels}
    if not theirs and mapping.none is not None:
        emotions = {mapping.none}
    if not emotions:
        return None
    return EmotionExample(row["text"], row["lang"], row["source"], frozenset(emotions), mapping.covers, mapping.weight)


def shares_of(emotions: Sequence[EmotionExample | None]) -> NDArray[np.float32]:
    """(n, 7): 1 shared between the emotions of each row; nothing where none are known."""
    return np.array([[(label in one.emotions) / len(one.emotions) if one else 0.0 for label in EMOTIONS] for one in emotions], np.float32)


def covered_by(emotions: Sequence[EmotionExample | None]) -> NDArray[np.bool_]:
    """(n, 7): whether the annotators of each row were asked for the emotion."""
    return np.array([[one is None or label in one.covers for label in EMOTIONS] for one in emotions], np.bool_)
