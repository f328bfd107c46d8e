"""The words of a text as they stand alone: the frozen vectors in front of the body, each counting by how rare it is.

They know no context, yet they keep what training takes from a body: which very word was said, in a hundred languages that share one space.
Source: Arora et al., "A Simple but Tough-to-Beat Baseline for Sentence Embeddings" (2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlp.encode import Tokenizer, WordVectors
from nlp.heads import Floats

RARE = 1e-4  # a piece that is so frequent counts half


@dataclass(frozen=True, slots=True)
class Words:
    """Vectors of the words of a text (n, d), and how much each counts (n,)."""

    vectors: Floats
    weights: Floats

    @property
    def direction(self) -> Floats:
        """(d,) of length one: where the words point together; zero without any word."""
        direction: Floats = units((self.weights @ self.vectors)[np.newaxis])[0]
        return direction


class Wording:
    """Looks words up. Threads may share it."""

    def __init__(self, words: WordVectors, tokenizer: Tokenizer, middle: Floats) -> None:
        """`middle` (d,) of all words of the language, as often as each is used: vectors count from there."""
        self._words, self._tokenizer, self._middle = words, tokenizer, middle

    def of(self, ids: Sequence[int]) -> Words:
        """The words of a text by their ids, without specials."""
        weights = RARE / (RARE + self._tokenizer.frequencies(ids))
        return Words(self._words.rows(np.array(ids, np.int64)) - self._middle, weights.astype(np.float32))


class Phrases:
    """Names that are looked for word by word."""

    def __init__(self, phrases: Sequence[Words]) -> None:
        """At least one; each with a word."""
        self._directions = units(np.concatenate([phrase.vectors for phrase in phrases]))
        weights = [phrase.weights / max(float(phrase.weights.sum()), 1e-9) for phrase in phrases]
        self._weights = np.zeros((len(phrases), len(self._directions)), np.float32)
        at = 0
        for row, shares in enumerate(weights):
            self._weights[row, at : at + len(shares)] = shares
            at += len(shares)

    def said_in(self, text: Words) -> Floats:
        """(n,) for each phrase the mean cosine of its words with the nearest word of the text, 1 where all of it is said.

        Source: Khattab and Zaharia, "ColBERT" (2020).
        """
        if not len(text.vectors):
            return np.zeros(len(self._weights), np.float32)
        nearest = (self._directions @ units(text.vectors).T).max(axis=1)
        said: Floats = self._weights @ nearest
        return said


def units(vectors: Floats) -> Floats:
    """(n, d) of length one; zero stays zero."""
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
