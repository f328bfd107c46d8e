"""The rows that the head for emotions is fitted and measured on; emotion_mapping.json says how many rows of a set may train."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

from models.training.data import read_rows
from models.training.emotion_labels import EmotionExample, emotion_example, emotion_mappings


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
