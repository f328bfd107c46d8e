"""Windows without padding: their tokens lie end to end in a pack, and only attention, which looks at one window at a time, pads them.

For a body that makes one state of two neighbouring tokens each window begins at an even place of its pack, so that both are of one window.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nlp.backend import padded_length

Window = Sequence[int]
Lengths = TypeVar("Lengths", int, NDArray[np.int64])
# Tokens of a pack with its filling. Half of all feedback has up to 24 and is mostly asked alone, so that the small sizes lie close; each
# shape costs a millisecond of every layer once, and 5 MB a thread: with one more, of 48, a serving process would peak above 500 MB.
SIZES = (24, 32, 64, 128, 256)
LEAST = 32  # less work than this is not shared between threads
FULL = SIZES[-1]  # measured no faster with more; half as fast with 64, because weights are then read for few tokens


@dataclass(frozen=True, slots=True)
class Pack:
    """Windows of one padded length L: `rows` says which, `lengths` how long they are.

    `ids` (T,) are their tokens, filled up to one of SIZES, the first of each window at the place that `starts` says; `places` (1, T) where
    each stands in its window. `slots` (B, L) are indices of tokens, window by window, with `mask` (B, L) 1 where there is one; `back`
    (1, T) finds each token among those B x L. `there` (1, T) is 1 where `ids` has a token of a window.
    """

    rows: tuple[int, ...]
    lengths: tuple[int, ...]
    starts: tuple[int, ...]
    ids: NDArray[np.int64]
    places: NDArray[np.int32]
    slots: NDArray[np.int32]
    mask: NDArray[np.int64]
    back: NDArray[np.int32]
    there: NDArray[np.int64]


def packs(windows: Sequence[Window], *, pad: int, threads: int, align: int = 1, copies: int = 1) -> list[Pack]:
    """Packs of windows of one padded length, longest windows first, with enough packs for all of `threads` where there is work for them.

    Windows of different padded length never meet: floating-point sums over other lengths would round differently. Everything outside
    attention is computed token by token, so that neither its neighbours nor the size of its pack touch a token. A window begins at a
    multiple of `align`, and has `copies` of each token side by side, all at the token's own place: attention sees no difference.
    """
    lengths = [copies * len(window) for window in windows]
    tokens = sum(_taken(length, align) for length in lengths)
    room = min(FULL, max(LEAST, -(-tokens // threads)))
    return [_pack(windows, rows, pad, align, copies) for rows in _filled(lengths, room, align)]


def _filled(lengths: Sequence[int], room: int, align: int) -> Iterator[list[int]]:
    """Rows of windows of one padded length with at most `room` tokens together, or one alone."""
    classes: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, length in enumerate(lengths):
        classes[padded_length(length)][_taken(length, align)].append(row)
    for _, waiting in sorted(classes.items(), reverse=True):
        while waiting:
            pack: list[int] = []
            left = room
            while length := _next_length(waiting, left) or (0 if pack else max(waiting)):
                pack.append(waiting[length].pop())
                left -= length
                if not waiting[length]:
                    del waiting[length]
            yield pack


def _next_length(lengths: Collection[int], room: int) -> int:
    """The longest that fits and leaves no remainder too small for any other, else the longest that fits, else 0."""
    fitting = [length for length in lengths if length <= room]
    shortest = min(lengths, default=0)
    return max((length for length in fitting if length == room or room - length >= shortest), default=max(fitting, default=0))


def _taken(length: Lengths, align: int) -> Lengths:
    """Places that a window takes until the next may begin; of many at once, too."""
    return -(-length // align) * align


def _pack(windows: Sequence[Window], rows: Sequence[int], pad: int, align: int, copies: int) -> Pack:
    lengths = np.array([copies * len(windows[row]) for row in rows])
    taken = _taken(lengths, align)
    starts = np.cumsum(taken) - taken
    size = next((size for size in SIZES if size >= taken.sum()), padded_length(int(taken.sum())))
    longest = padded_length(int(lengths.max()))
    inside = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = inside + np.repeat(starts, lengths)
    mask = np.arange(longest) < lengths[:, np.newaxis]
    ids = np.full(size, pad, np.int64)
    ids[at] = np.repeat([token for row in rows for token in windows[row]], copies)
    return Pack(
        rows=tuple(rows),
        lengths=tuple(lengths.tolist()),
        starts=tuple(starts.tolist()),
        ids=ids,
        places=_put(inside // copies, at, size).astype(np.int32),
        slots=np.where(mask, starts[:, np.newaxis] + np.arange(longest), 0).astype(np.int32),
        mask=mask.astype(np.int64),
        back=_put(inside + np.repeat(np.arange(len(rows)) * longest, lengths), at, size).astype(np.int32),
        there=_put(np.ones_like(at), at, size),
    )


def _put(values: NDArray[np.int64], at: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """(1, size): the values at these places, and zeros where nobody asks for what is computed."""
    filled = np.zeros((1, size), np.int64)
    filled[0, at] = values
    return filled
