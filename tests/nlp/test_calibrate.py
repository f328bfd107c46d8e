"""Calibration on made-up answers whose truth is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nlp.calibrate import best_threshold, confidence_at_coverage, fit_temperature, sigmoid, softmax


def some_logits(rows: int, classes: int) -> NDArray[np.float32]:
    return np.random.default_rng(2).normal(scale=2, size=(rows, classes)).astype(np.float32)


def draw(probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
    random = np.random.default_rng(3)
    return np.array([random.choice(len(row), p=row / row.sum()) for row in probabilities.astype(np.float64)])


def test_probabilities_survive_huge_logits() -> None:
    assert softmax(np.array([[1e4, 0, -1e4]], np.float32)).tolist() == [[1, 0, 0]]
    assert sigmoid(np.array([-1e4, 0, 1e4], np.float32)).tolist() == [0, 0.5, 1]


def test_finds_the_temperature_that_labels_were_drawn_with() -> None:
    logits = some_logits(4000, 3)
    assert fit_temperature(logits, draw(softmax(logits, 2.0))) == pytest.approx(2.0, rel=0.1)


def test_finds_the_temperature_of_a_binary_task() -> None:
    logits = some_logits(4000, 1)[:, 0]
    present = draw(np.stack([1 - sigmoid(logits, 0.5), sigmoid(logits, 0.5)], axis=1))
    assert fit_temperature(logits, present) == pytest.approx(0.5, rel=0.15)


def test_a_temperature_needs_rows() -> None:
    with pytest.raises(ValueError, match="at least one"):
        fit_temperature(some_logits(0, 3), np.zeros(0, np.int64))


def test_the_threshold_parts_present_from_absent() -> None:
    probabilities = np.array([0.1, 0.3, 0.55, 0.7, 0.8], np.float32)
    threshold = best_threshold(probabilities, np.array([False, False, False, True, True]))
    assert 0.55 < threshold <= 0.7


def test_heavy_rows_move_the_threshold() -> None:
    probabilities = np.array([0.4, 0.5, 0.6, 0.7], np.float32)
    present = np.array([True, False, False, True])
    assert best_threshold(probabilities, present, np.array([1, 0.1, 0.1, 1], np.float32)) <= 0.4
    assert best_threshold(probabilities, present, np.array([0.1, 1, 1, 1], np.float32)) > 0.6


def test_the_model_answers_the_share_it_is_asked_to() -> None:
    probabilities = softmax(some_logits(1000, 3))
    least = confidence_at_coverage(probabilities, 0.9)
    assert (probabilities.max(axis=1) >= least).mean() == pytest.approx(0.9, abs=0.002)
