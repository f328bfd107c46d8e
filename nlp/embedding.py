"""Embeddings as bytes: directions that are compared by their angle, small enough to be kept with every annotation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nlp.heads import Floats

PLACES = 5


def packed(vectors: Floats) -> list[bytes]:
    """(n, d) -> d signed bytes each, the largest part at 127: the angle changes by less than half a degree."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    parts = np.rint(vectors / np.where(largest > 0, largest, np.float32(1)) * 127).astype(np.int8)
    return [row.tobytes() for row in parts]


def unpacked(directions: Sequence[bytes]) -> Floats:
    """(n, d) vectors of length one."""
    return _unit(np.frombuffer(b"".join(directions), np.int8).reshape(len(directions), -1).astype(np.float32))


def numbers_of(direction: bytes) -> list[float]:
    """The vector of length one as it is answered."""
    return [round(float(part), PLACES) for part in unpacked([direction])[0]]


def nearest(direction: bytes, others: Sequence[bytes], *, most: int) -> list[tuple[int, float]]:
    """The places in `others` of the `most` directions nearest to this one, and the cosine of each angle; the first of equals first."""
    if not others:
        return []
    cosines: NDArray[np.float32] = unpacked(others) @ unpacked([direction])[0]
    return [(int(place), round(float(cosines[place]), PLACES)) for place in np.argsort(-cosines, kind="stable")[:most]]


def _unit(vectors: Floats) -> Floats:
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
