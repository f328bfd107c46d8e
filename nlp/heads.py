"""Pooled vectors to probabilities, in numpy: the small last layers of every task, with their calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlp.calibrate import sigmoid, softmax

Floats = NDArray[np.float32]
EPSILON = np.float32(1e-5)  # of torch's LayerNorm, which trained the heads
TASKS = ("sentiment", "complaint", "presence", "topic_sentiment")
EMOTION, EMBEDDING = "emotion", "embedding"  # what a model may lack
BACKGROUND = "background"
WORDS_MIDDLE, BACKGROUND_WORDS, NAMES_MIDDLE, ODDS = "words.middle", "background.words", "background.names", "odds"  # for custom topics
PARTS = ("norm.weight", "norm.bias", "dense.weight", "dense.bias", "out.weight", "out.bias")
SENTIMENTS = ("negative", "neutral", "positive")


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted on development rows: a temperature per task, a threshold per topic, the least confidence of an answer."""

    temperature: Mapping[str, float]
    thresholds: tuple[float, ...]
    abstain_below: float


class Heads:
    """LayerNorm, tanh layer, linear layer, temperature: one per task. Vectors are means of token states, (n, hidden) float32."""

    def __init__(self, weights: Mapping[str, Floats], topics: Sequence[str], calibration: Calibration) -> None:
        self.topics = tuple(topics)
        self.calibration = calibration
        self.thresholds: Floats = np.array(calibration.thresholds, np.float32)
        self.abstain_below = calibration.abstain_below
        self.temperatures = calibration.temperature
        self._weights = weights

    def replaced(self, arrays: Mapping[str, Floats], calibration: Calibration) -> Heads:
        """These heads with other values for the arrays that are named, and another calibration."""
        return Heads({**self._weights, **arrays}, self.topics, calibration)

    def array(self, name: str) -> Floats | None:
        """One of the arrays by its name in heads.npz; None where the model lacks it."""
        return self._weights.get(name)

    def logits(self, task: str, pooled: Floats) -> Floats:
        """Raw outputs of one task, before its temperature: (n, outputs)."""
        return row_by_row(self.hidden(task, pooled), *self.last_layer(task))

    def last_layer(self, task: str) -> tuple[Floats, Floats]:
        """Weight (outputs, hidden) and bias (outputs,) of what makes the raw outputs of the hidden layer."""
        return self._weights[f"{task}.out.weight"], self._weights[f"{task}.out.bias"]

    def hidden(self, task: str, pooled: Floats) -> Floats:
        """What the last layer of one task reads: (n, hidden)."""
        part = {name: self._weights[f"{task}.{name}"] for name in PARTS}
        centred = pooled - pooled.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
        normal = centred / scale * part["norm.weight"] + part["norm.bias"]
        hidden: Floats = np.tanh(row_by_row(normal, part["dense.weight"], part["dense.bias"]))
        return hidden

    def sentiment(self, pooled: Floats) -> Floats:
        """(n, 3) probabilities of negative, neutral, positive."""
        return softmax(self.logits("sentiment", pooled), self.temperatures["sentiment"])

    def complaint(self, pooled: Floats) -> Floats:
        """(n,) probabilities that the text complains."""
        return sigmoid(self.logits("complaint", pooled)[:, 0], self.temperatures["complaint"])

    @property
    def tells_emotion(self) -> bool:
        """Whether this model has a head for emotions."""
        return f"{EMOTION}.out.bias" in self._weights

    def emotion(self, pooled: Floats) -> Floats:
        """(n, 7) probabilities of each of EMOTIONS; only where the model tells them."""
        return softmax(self.logits(EMOTION, pooled), self.temperatures[EMOTION])

    @property
    def embeds(self) -> bool:
        """Whether this model has a head for embeddings."""
        return f"{EMBEDDING}.out.bias" in self._weights

    def embedding(self, pooled: Floats) -> Floats:
        """(n, d) vectors of length one whose angles tell how alike texts are in meaning; only where the model embeds."""
        raw = self.logits(EMBEDDING, pooled)
        vectors: Floats = raw / np.sqrt((raw**2).sum(axis=-1, keepdims=True) + EPSILON)
        return vectors

    @property
    def background(self) -> Floats:
        """(b, d) embeddings of ordinary feedback, of length one: what a topic is told apart from. None (0, d) where the model has none."""
        stored = self._weights.get(BACKGROUND)
        if stored is None:
            return np.zeros((0, len(self._weights[f"{EMBEDDING}.out.bias"])), np.float32)
        units: Floats = stored / np.sqrt((stored**2).sum(axis=1, keepdims=True))
        return units

    def topic_presence(self, pooled: Floats) -> Floats:
        """(n, T) probabilities that a topic is spoken of; it is when its threshold is reached."""
        return sigmoid(self.logits("presence", pooled), self.temperatures["presence"])

    def topic_sentiment(self, pooled: Floats) -> Floats:
        """(n, T, 3) probabilities of the sentiment towards each topic, should it be spoken of."""
        logits = self.logits("topic_sentiment", pooled).reshape(len(pooled), len(self.topics), 3)
        return softmax(logits, self.temperatures["topic_sentiment"])


def row_by_row(vectors: Floats, weight: Floats, bias: Floats) -> Floats:
    """vectors (n, in) x weight (out, in) + bias, every row a product of its own.

    A product of another shape may take another kernel and round otherwise: with one shape a row's answer never depends on its neighbours.
    It takes a tenth longer than blocks of 16 rows where there are many, and a single text does not pay for 16.
    """
    outputs: Floats = np.matmul(vectors[:, np.newaxis, :], weight.T)[:, 0] + bias
    return outputs
