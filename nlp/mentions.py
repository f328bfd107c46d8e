"""Which topics a text speaks of, how, and where: probabilities of the text and of its segments to mentions with evidence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.records import SENTIMENTS, Span, TopicMention

Floats = NDArray[np.float32]
PLACES = 4  # of every probability that is answered; finer differences are rounding


@dataclass(frozen=True, slots=True)
class TopicScores:
    """Of n texts or segments: `presence` (n, T), `sentiment` (n, T, 3)."""

    presence: Floats
    sentiment: Floats

    def rows(self, start: int, end: int) -> "TopicScores":
        return TopicScores(self.presence[start:end], self.sentiment[start:end])


def mentions(
    topics: Sequence[str], thresholds: Floats, text: TopicScores, segments: TopicScores, spans: Sequence[Span]
) -> tuple[TopicMention, ...]:
    """The topics whose presence in the text reaches their threshold, the surest first.

    `text` has one row; `segments` a row for each of `spans`. Evidence of a topic are the segments that reach the threshold themselves,
    at least the best one, neighbours joined; its sentiment is theirs, weighted by presence. A text of one segment is its own evidence,
    and one of none speaks of nothing.
    """
    found = [
        _mention(topic, index, float(thresholds[index]), text, segments, spans)
        for index, topic in enumerate(topics)
        if spans and text.presence[0, index] >= thresholds[index]
    ]
    return tuple(sorted(found, key=lambda mention: (-mention.confidence, mention.id)))


def _mention(topic: str, index: int, threshold: float, text: TopicScores, segments: TopicScores, spans: Sequence[Span]) -> TopicMention:
    confidence = round(float(text.presence[0, index]), PLACES)
    if len(spans) <= 1:
        return TopicMention(topic, confidence, SENTIMENTS[int(text.sentiment[0, index].argmax())], tuple(spans))
    presence = segments.presence[:, index]
    rows = np.flatnonzero(presence >= threshold)
    if not len(rows):
        rows = np.array([presence.argmax()])
    weighted = presence[rows, np.newaxis] * segments.sentiment[rows, index]
    return TopicMention(topic, confidence, SENTIMENTS[int(weighted.sum(axis=0).argmax())], _joined([int(row) for row in rows], spans))


def _joined(rows: Sequence[int], spans: Sequence[Span]) -> tuple[Span, ...]:
    """The spans of `rows`, neighbours as one."""
    joined: list[Span] = []
    for before, row in zip((None, *rows), rows, strict=False):
        if before is not None and row == before + 1:
            joined[-1] = Span(joined[-1].start, spans[row].end)
        else:
            joined.append(spans[row])
    return tuple(joined)
