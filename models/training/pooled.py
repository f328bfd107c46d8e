"""Text vectors as serving makes them: cleaned segments, each tokenised by itself, packed into windows; the mean over all content tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nlp.backend import Backend
from nlp.clean import clean
from nlp.encode import Tokenizer
from nlp.segments import split

Floats = NDArray[np.float32]


def windows_of(text: str, tokenizer: Tokenizer, max_tokens: int) -> list[list[int]]:
    """bos + ids of consecutive segments + eos, each at most max_tokens long; a longer segment is cut into pieces."""
    room = max_tokens - 2
    pieces = tokenizer.encode([clean(text[span.start : span.end]) for span in split(text)])
    windows: list[list[int]] = [[]]
    for ids in (part for piece in pieces for part in _cut(piece, room)):
        if windows[-1] and len(windows[-1]) + len(ids) > room:
            windows.append([])
        windows[-1] += ids
    return [[tokenizer.bos, *window, tokenizer.eos] for window in windows]


def _cut(ids: Sequence[int], room: int) -> Iterator[Sequence[int]]:
    return (ids[at : at + room] for at in range(0, len(ids), room))


def pooled(texts: Sequence[str], tokenizer: Tokenizer, backend: Backend, max_tokens: int) -> Floats:
    """(n, hidden) text vectors; zeros for a text without a token."""
    groups = [windows_of(text, tokenizer, max_tokens) for text in texts]
    states = iter(backend.states([window for group in groups for window in group]))
    return np.stack([_mean([next(states)[1:-1] for _ in group]) for group in groups])


def _mean(parts: Sequence[Floats]) -> Floats:
    content = np.concatenate(parts)
    mean: Floats = content.mean(axis=0) if len(content) else np.zeros(content.shape[1], np.float32)
    return mean
