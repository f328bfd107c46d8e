"""Windows of examples to padded arrays, the way serving builds them: each segment tokenised by itself, bos + ids + eos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.training.data import Example, segments
from models.training.emotion_labels import covered_by, shares_of
from nlp.clean import clean
from nlp.encode import Tokenizer, WordVectors

UNKNOWN = -100  # torch's ignored label


@dataclass(frozen=True, slots=True)
class Encoded:
    """One window: ids of each example in it."""

    examples: list[Example]
    ids: list[list[int]]

    @property
    def length(self) -> int:
        return sum(map(len, self.ids)) + 2


@dataclass(frozen=True, slots=True)
class Targets:
    """Labels of n units; weights of 0 are unknown."""

    sentiment: Tensor
    binary: Tensor
    complaint: Tensor
    complaint_weight: Tensor
    presence: Tensor
    presence_weight: Tensor
    topic_sentiment: Tensor
    emotion: Tensor
    emotion_covered: Tensor
    emotion_weight: Tensor
    sentiment_weight: Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """Word vectors (b, l, hidden), mask and unit numbers (b, l), and the labels of the units."""

    vectors: Tensor
    mask: Tensor
    unit: Tensor
    targets: Targets

    @property
    def units(self) -> int:
        return len(self.targets.sentiment)


def encode(windows: Sequence[list[Example]], tokenizer: Tokenizer, max_tokens: int) -> list[Encoded]:
    """Ids of every example, cut so that the window fits; an example that no longer fits is left out."""
    parts = [[clean(part) for part in segments(example.text)] for window in windows for example in window]
    encoded = iter(tokenizer.encode([part for group in parts for part in group]))
    ids = iter([[piece for _ in group for piece in next(encoded)] for group in parts])
    return [_fit(window, [next(ids) for _ in window], max_tokens - 2) for window in windows]


def _fit(window: list[Example], ids: list[list[int]], room: int) -> Encoded:
    kept: list[tuple[Example, list[int]]] = [(window[0], ids[0][:room])]
    for example, pieces in zip(window[1:], ids[1:], strict=True):
        if sum(len(seen) for _, seen in kept) + len(pieces) <= room:
            kept.append((example, pieces))
    return Encoded([example for example, _ in kept], [pieces for _, pieces in kept])


def by_length(encoded: Sequence[Encoded], size: int) -> list[list[Encoded]]:
    """Batches of `size` windows of like length."""
    ordered = sorted(encoded, key=lambda window: window.length)
    return [ordered[at : at + size] for at in range(0, len(ordered), size)]


def collate(encoded: Sequence[Encoded], tokenizer: Tokenizer, words: WordVectors, topics: int) -> Batch:
    """Pads to the longest window, and to whole pairs of tokens, and looks the word vectors up."""
    longest = max(window.length for window in encoded)
    longest += longest % 2
    ids = np.full((len(encoded), longest), tokenizer.pad, np.int64)
    unit = np.full((len(encoded), longest), -1, np.int64)
    number = 0
    for row, window in enumerate(encoded):
        flat = [piece for pieces in window.ids for piece in pieces]
        ids[row, : len(flat) + 2] = [tokenizer.bos, *flat, tokenizer.eos]
        at = 1
        for pieces in window.ids:
            unit[row, at : at + len(pieces)] = number
            at, number = at + len(pieces), number + 1
    mask = torch.from_numpy((ids != tokenizer.pad).astype(np.int64))
    examples = [example for window in encoded for example in window.examples]
    return Batch(torch.from_numpy(words.rows(ids)), mask, torch.from_numpy(unit), targets(examples, topics))


def targets(examples: Sequence[Example], topics: int) -> Targets:
    """The labels of examples as tensors."""
    count = len(examples)
    presence, weight = np.zeros((count, topics), np.float32), np.zeros((count, topics), np.float32)
    polarity = np.full((count, topics), UNKNOWN, np.int64)
    for row, example in enumerate(examples):
        for topic, mark in example.presence.items():
            presence[row, topic], weight[row, topic] = mark.value, mark.weight
        for topic, value in example.topic_sentiment.items():
            polarity[row, topic] = value
    complaints, emotions = [example.complaint for example in examples], [example.emotion for example in examples]
    return Targets(
        sentiment=torch.tensor([UNKNOWN if example.sentiment is None else example.sentiment for example in examples]),
        binary=torch.tensor([example.binary for example in examples]),
        complaint=torch.tensor([float(mark.value) if mark else 0.0 for mark in complaints]),
        complaint_weight=torch.tensor([mark.weight if mark else 0.0 for mark in complaints]),
        presence=torch.from_numpy(presence),
        presence_weight=torch.from_numpy(weight),
        topic_sentiment=torch.from_numpy(polarity),
        emotion=torch.from_numpy(shares_of(emotions)),
        emotion_covered=torch.from_numpy(covered_by(emotions)),
        emotion_weight=torch.tensor([emotion.weight if emotion else 0.0 for emotion in emotions]),
        sentiment_weight=torch.tensor([example.sentiment_weight for example in examples]),
    )
