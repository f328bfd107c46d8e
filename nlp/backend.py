"""The port between windows of token ids and token states, and how a batch is laid out so that an answer never depends on its neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

STEP = 16  # padded lengths are multiples of this: few shapes, so that kernels are compiled once
SIZES = (8, 1)  # windows in a batch: larger ones measured no faster, and each shape costs memory and a warm-up


class Backend(Protocol):
    """Runs the transformer."""

    @property
    def name(self) -> str:
        """Which engine, for logs and /metrics."""
        ...

    def states(self, windows: Sequence[Sequence[int]], *, by_token: bool = False) -> list[NDArray[np.float32]]:
        """Token states of windows of ids (with bos and eos, at most the bundle's max_tokens): (len(window), hidden) each, in order.

        The answer for a window does not depend on the others. `by_token`: every layer sees every token, those too that see pairs of
        tokens otherwise; dearer, and truer to what two or three words mean.
        """
        ...


@dataclass(frozen=True, slots=True)
class PaddedBatch:
    """Windows of one padded length: `rows` says which, `ids` and `mask` are (len(rows), length)."""

    rows: tuple[int, ...]
    ids: NDArray[np.int64]
    mask: NDArray[np.int64]


def padded_length(tokens: int) -> int:
    """The length that a window of so many tokens is padded to: its own business, never its batch's."""
    return -(-tokens // STEP) * STEP


def padded_batches(windows: Sequence[Sequence[int]], pad: int) -> Iterator[PaddedBatch]:
    """Batches of 8 windows or 1, all of the same padded length, longest first.

    Windows of different padded length never meet: floating-point sums over other lengths would round differently.
    """
    by_length: dict[int, list[int]] = defaultdict(list)
    for row, window in enumerate(windows):
        by_length[padded_length(len(window))].append(row)
    for length in sorted(by_length, reverse=True):
        rows = by_length[length]
        while rows:
            size = next(size for size in SIZES if size <= len(rows))
            yield _padded(windows, rows[:size], length, pad)
            rows = rows[size:]


def _padded(windows: Sequence[Sequence[int]], rows: Sequence[int], length: int, pad: int) -> PaddedBatch:
    ids = np.full((len(rows), length), pad, np.int64)
    mask = np.zeros((len(rows), length), np.int64)
    for at, row in enumerate(rows):
        ids[at, : len(windows[row])] = windows[row]
        mask[at, : len(windows[row])] = 1
    return PaddedBatch(tuple(rows), ids, mask)
