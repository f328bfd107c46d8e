"""Text vectors as serving makes them, for calibration and measurement: cleaned segments, windows, the mean over all content tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nlp.backend import Backend
from nlp.batching import Window, windows_of
from nlp.bundle import Bundle
from nlp.clean import clean
from nlp.encode import Tokenizer
from nlp.pooling import pool
from nlp.segments import split

TEXTS = 512
LONGEST = 600  # characters of a text that are read


def vectors_of(texts: Sequence[str], bundle: Bundle, *, threads: int) -> NDArray[np.float32]:
    """(n, hidden) text vectors of the exported body, of the beginnings of the texts."""
    backend = bundle.open_backend(threads)
    # Texts of like length share a batch, which then pads little.
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    vectors = np.zeros((len(texts), bundle.hidden), np.float32)
    for at in range(0, len(order), TEXTS):
        rows = order[at : at + TEXTS]
        vectors[rows] = pooled([texts[row][:LONGEST] for row in rows], bundle.tokenizer, backend, bundle.max_tokens)
    return vectors


def pooled(texts: Sequence[str], tokenizer: Tokenizer, backend: Backend, max_tokens: int) -> NDArray[np.float32]:
    """(n, hidden) text vectors."""
    groups = [_windows(text, tokenizer, max_tokens) for text in texts]
    states = iter(backend.states([window.ids for group in groups for window in group]))
    return np.stack([pool(group, [next(states) for _ in group]).whole for group in groups])


def _windows(text: str, tokenizer: Tokenizer, max_tokens: int) -> list[Window]:
    ids = tokenizer.encode([clean(text[span.start : span.end]) for span in split(text)])
    return windows_of(ids, bos=tokenizer.bos, eos=tokenizer.eos, max_tokens=max_tokens)
