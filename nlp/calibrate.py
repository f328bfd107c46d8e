"""Makes confidences mean what they say: a temperature per task, a threshold per topic, the confidence under which the model abstains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Probabilities over the last axis of logits / temperature."""
    scaled = logits / np.float32(temperature)
    raised = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return shares


def sigmoid(logits: Floats, temperature: float = 1.0) -> Floats:
    """Probabilities of logits / temperature, without overflow."""
    half = np.tanh(logits / np.float32(2 * temperature))
    probabilities: Floats = ((1 + half) / 2).astype(np.float32)
    return probabilities


def fit_temperature(logits: Floats, labels: NDArray[np.integer]) -> float:
    """The temperature in [0.25, 4] with the least negative log-likelihood: logits (n, k) with labels (n,), or binary logits (n,) with 0/1.

    Source: Guo et al., "On Calibration of Modern Neural Networks" (2017). ValueError without rows.
    """
    if not len(labels):
        raise ValueError("a temperature needs at least one labelled row")
    candidates = np.exp(np.linspace(np.log(0.25), np.log(4.0), 161))
    return float(min(candidates, key=lambda temperature: _surprise(logits, labels, float(temperature))))


def _surprise(logits: Floats, labels: NDArray[np.integer], temperature: float) -> float:
    if logits.ndim == 1:
        signed = np.where(labels == 1, logits, -logits) / temperature
        return float(np.logaddexp(0.0, -signed).mean())
    chosen = softmax(logits, temperature)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def best_threshold(
    probabilities: Floats, present: NDArray[np.bool_], weight: Floats | None = None, *, least: float = 0.3, most: float = 0.9
) -> float:
    """The threshold in [least, most] with the best F1 of `present` (n,), rows counting by their weight (n,); the lowest of equals."""
    counts = np.ones(len(present), np.float32) if weight is None else weight
    candidates = np.arange(least, most + 1e-9, 0.02)
    scores = [_f1(probabilities >= threshold, present, counts) for threshold in candidates]
    return float(round(candidates[int(np.argmax(scores))], 2))


def _f1(predicted: NDArray[np.bool_], present: NDArray[np.bool_], weight: Floats) -> float:
    said, there = float(weight[predicted].sum()), float(weight[present].sum())
    return 2 * float(weight[predicted & present].sum()) / max(1e-9, said + there)


def calibration_error(confidences: NDArray[np.floating], right: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error of answers (n,): how far confidence is from being right, in `bins` of equal width, weighted by rows."""
    at = np.minimum((confidences * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(at, weights=confidences - right, minlength=bins)
    return float(np.abs(gaps).sum() / max(len(right), 1))


def confidence_at_coverage(probabilities: Floats, coverage: float) -> float:
    """The confidence that the given share of rows (n, k) reaches: below it the model abstains."""
    return float(np.quantile(probabilities.max(axis=-1), 1 - coverage))
