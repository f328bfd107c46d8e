"""Ids of segments to windows for the transformer, and texts to batches of a bounded number of padded tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Positions [start, end) of a window that hold tokens of one segment, named by its number in the text."""

    segment: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """bos, ids of segments of one text, eos."""

    ids: tuple[int, ...]
    parts: tuple[Part, ...]


def windows_of(segments: Sequence[Sequence[int]], *, bos: int, eos: int, max_tokens: int) -> list[Window]:
    """Ids of the segments of one text, in windows of at most `max_tokens` with bos and eos; every id is in exactly one window.

    A window holds whole segments, as many as fit, so that each is read beside its neighbours; a longer segment is cut into equal
    pieces. A text without any id is one window of bos and eos. The windows of a text depend on nothing but the text.
    """
    room = max_tokens - 2
    windows: list[Window] = []
    ids: list[int] = [bos]
    parts: list[Part] = []
    for number, piece in _pieces(segments, room):
        if len(ids) - 1 + len(piece) > room:
            windows.append(Window((*ids, eos), tuple(parts)))
            ids, parts = [bos], []
        parts.append(Part(number, len(ids), len(ids) + len(piece)))
        ids += piece
    windows.append(Window((*ids, eos), tuple(parts)))
    return windows


def segment_ids(windows: Sequence[Window]) -> dict[int, list[int]]:
    """The ids of each segment that has any, by its number, in the order of the text."""
    found: dict[int, list[int]] = {}
    for window in windows:
        for part in window.parts:
            found.setdefault(part.segment, []).extend(window.ids[part.start : part.end])
    return found


def _pieces(segments: Sequence[Sequence[int]], room: int) -> Iterator[tuple[int, Sequence[int]]]:
    for number, ids in enumerate(segments):
        if ids:
            count = -(-len(ids) // room)
            size = -(-len(ids) // count)
            yield from ((number, ids[at : at + size]) for at in range(0, len(ids), size))


def batches(sizes: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices of `sizes` (padded tokens) in batches, largest first: the sum of a batch is within `budget`.

    Something larger than the budget is a batch of its own. Every index comes exactly once.
    """
    batch: list[int] = []
    left = budget
    for index in sorted(range(len(sizes)), key=lambda index: (-sizes[index], index)):
        if batch and sizes[index] > left:
            yield batch
            batch, left = [], budget
        batch.append(index)
        left -= sizes[index]
    if batch:
        yield batch
