"""The development rows and what the model says of them: the ground of calibration and of the model card's figures."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.data import STRONG, Example, Row, example_of, load, topic_ids
from models.training.pooled import pooled
from nlp.backend import Backend
from nlp.bundle import Bundle
from nlp.heads import TASKS

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
BATCH = 256


@dataclass(frozen=True, slots=True)
class Judgements:
    """Examples and the raw outputs of each task, row by row."""

    examples: list[Example]
    logits: dict[str, Floats]

    def where(self, keep: Sequence[bool] | Flags) -> Judgements:
        """The rows to keep."""
        flags = np.asarray(keep, np.bool_)
        kept = [example for example, flag in zip(self.examples, flags, strict=True) if flag]
        return Judgements(kept, {task: values[flags] for task, values in self.logits.items()})

    def halves(self) -> tuple[Judgements, Judgements]:
        """Two random halves: one to fit on, one to measure on."""
        order = list(range(len(self.examples)))
        random.Random(3).shuffle(order)
        first = np.isin(np.arange(len(order)), order[::2])
        return self.where(first), self.where(~first)

    def with_sentiment(self, *, three_classes: bool) -> Judgements:
        """Rows whose annotators judged the sentiment; of sets that know neutral, or of all."""
        judged = [example.sentiment is not None and example.sentiment_weight == STRONG for example in self.examples]
        return self.where([known and not (three_classes and one.binary) for known, one in zip(judged, self.examples, strict=True)])

    def with_complaint(self) -> Judgements:
        """Rows whose annotators judged complaints."""
        return self.where([example.complaint is not None and example.complaint.weight == STRONG for example in self.examples])

    def sentiments(self) -> NDArray[np.int64]:
        """(n,) sentiment labels of rows that all have one."""
        return np.array([example.sentiment for example in self.examples], np.int64)

    def complaints(self) -> NDArray[np.int64]:
        """(n,) complaint labels, 0 or 1, of rows that all have one."""
        return np.array([example.complaint.value if example.complaint else 0 for example in self.examples], np.int64)

    def presence(self) -> tuple[Floats, Flags]:
        """(n, T) weights of the topic labels, 0 where nothing is known, and whether they say present."""
        return presence_labels(self.examples)

    def annotated_presence(self) -> tuple[Flags, Flags]:
        """(n, T) whether annotators judged the topic, and whether they say present."""
        weight, present = self.presence()
        return weight == STRONG, present & (weight == STRONG)


def presence_labels(examples: Sequence[Example]) -> tuple[Floats, Flags]:
    """(n, T) weights of topic labels, 0 where nothing is known, and whether they say present."""
    shape = (len(examples), len(topic_ids()))
    weight, present = np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
    for row, example in enumerate(examples):
        for topic, mark in example.presence.items():
            weight[row, topic], present[row, topic] = mark.weight, bool(mark.value)
    return weight, present


def development_rows(data: Path, *, limit: int, training_only: bool = True) -> list[Example]:
    """The `dev` rows of every set, at most `limit` of each but UMSAB, which comes whole."""
    by_set: dict[str, list[Row]] = {}
    for row in load(data, split="dev", training_only=training_only):
        by_set.setdefault(row["source"], []).append(row)
    chosen = [row for source, rows in by_set.items() for row in _sample(source, rows, limit)]
    return [example for example in map(example_of, chosen) if is_labelled(example)]


def _sample(source: str, rows: list[Row], limit: int) -> list[Row]:
    return rows if source == "umsab" or len(rows) <= limit else random.Random(source).sample(rows, limit)


def is_labelled(example: Example) -> bool:
    """Whether sentiment, complaint or a topic was judged by somebody."""
    marks = [*example.presence.values(), *([example.complaint] if example.complaint else [])]
    return example.sentiment is not None or any(mark.weight == STRONG for mark in marks)


def judge(examples: Sequence[Example], bundle: Bundle, backend: Backend) -> Judgements:
    """Raw outputs of every task for every example."""
    ordered = sorted(examples, key=lambda example: len(example.text))
    parts: dict[str, list[Floats]] = {task: [] for task in TASKS}
    for at in range(0, len(ordered), BATCH):
        vectors = pooled([example.text for example in ordered[at : at + BATCH]], bundle.tokenizer, backend, bundle.max_tokens)
        for task in TASKS:
            parts[task].append(bundle.heads.logits(task, vectors))
    return Judgements(ordered, {task: np.concatenate(found) for task, found in parts.items()})
