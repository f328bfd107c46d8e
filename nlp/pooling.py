"""Token states to one vector per text and one per segment: means over content tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlp.batching import Window

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pooled:
    """`whole` (hidden,) of a text; `segments` (n, hidden) of those of its segments that have tokens, whose numbers are `numbers`."""

    whole: Floats
    segments: Floats
    numbers: tuple[int, ...]


def pool(windows: Sequence[Window], states: Sequence[Floats]) -> Pooled:
    """Means over the tokens of each segment and over all of them; `states` (len(window), hidden) belong to `windows` of one text.

    A text without any content token is the mean of bos and eos. Sums are made in float64 in the order of the text.
    """
    sums: dict[int, NDArray[np.float64]] = {}
    counts: dict[int, int] = {}
    for window, state in zip(windows, states, strict=True):
        for part in window.parts:
            sums[part.segment] = sums.get(part.segment, 0.0) + state[part.start : part.end].sum(axis=0, dtype=np.float64)
            counts[part.segment] = counts.get(part.segment, 0) + part.end - part.start
    if not sums:
        ends: Floats = states[0].mean(axis=0)
        return Pooled(ends, np.zeros((0, len(ends)), np.float32), ())
    totals = np.stack(list(sums.values()))
    lengths = np.array(list(counts.values()), np.float64)
    whole: Floats = (totals.sum(axis=0) / lengths.sum()).astype(np.float32)
    segments: Floats = (totals / lengths[:, np.newaxis]).astype(np.float32)
    return Pooled(whole, segments, tuple(sums))
