"""The heads in numpy, against the formula written out."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nlp.heads import EMOTION, Calibration, Heads, row_by_row

HIDDEN, TOPICS = 8, ("price", "food")
OUTPUTS = {"sentiment": 3, "complaint": 1, "presence": 2, "topic_sentiment": 6, EMOTION: 7}


def a_calibration(**temperature: float) -> Calibration:
    return Calibration(dict.fromkeys(OUTPUTS, 1.0) | temperature, (0.4, 0.6), 0.5)


def some_weights() -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(0)
    shapes: dict[str, Any] = {"norm.weight": HIDDEN, "norm.bias": HIDDEN, "dense.weight": (HIDDEN, HIDDEN), "dense.bias": HIDDEN}
    weights = {f"{task}.{name}": random.normal(size=shape) for task in OUTPUTS for name, shape in shapes.items()}
    for task, size in OUTPUTS.items():
        weights |= {f"{task}.out.weight": random.normal(size=(size, HIDDEN)), f"{task}.out.bias": random.normal(size=size)}
    return {name: value.astype(np.float32) for name, value in weights.items()}


def vectors(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(size=(count, HIDDEN)).astype(np.float32)


def test_logits_are_norm_tanh_layer_and_linear_layer() -> None:
    weights, x = some_weights(), vectors(1)
    normal = (x - x.mean()) / np.sqrt(x.var() + 1e-5) * weights["complaint.norm.weight"] + weights["complaint.norm.bias"]
    inner = np.tanh(normal @ weights["complaint.dense.weight"].T + weights["complaint.dense.bias"])
    expected = inner @ weights["complaint.out.weight"].T + weights["complaint.out.bias"]
    assert Heads(weights, TOPICS, a_calibration()).logits("complaint", x) == pytest.approx(expected, abs=1e-5)


def test_answers_are_probabilities_of_the_promised_shapes() -> None:
    heads, x = Heads(some_weights(), TOPICS, a_calibration()), vectors(5)
    assert heads.sentiment(x).shape == (5, 3)
    assert heads.topic_sentiment(x).shape == (5, 2, 3)
    assert heads.complaint(x).shape == (5,)
    assert heads.topic_presence(x).shape == (5, 2)
    assert heads.emotion(x).shape == (5, 7)
    assert heads.sentiment(x).sum(axis=1) == pytest.approx(np.ones(5))
    assert heads.emotion(x).sum(axis=1) == pytest.approx(np.ones(5))
    assert ((heads.topic_presence(x) > 0) & (heads.topic_presence(x) < 1)).all()


def test_a_row_has_the_same_answer_alone_and_among_others() -> None:
    heads, x = Heads(some_weights(), TOPICS, a_calibration()), vectors(70)
    together = heads.topic_sentiment(x)
    assert all(np.array_equal(heads.topic_sentiment(x[row : row + 1])[0], together[row]) for row in range(70))


def test_a_row_of_the_size_that_ships_has_the_same_product_wherever_it_lies() -> None:
    random = np.random.default_rng(2)
    weight, bias, x = (random.normal(size=shape).astype(np.float32) for shape in ((384, 384), 384, (70, 384)))
    together = row_by_row(x, weight, bias)
    shifted = np.zeros(x.size + 1, np.float32)[1:].reshape(x.shape)  # four bytes further than any array begins
    shifted[:] = x
    assert all(np.array_equal(row_by_row(shifted[row : row + 3], weight, bias), together[row : row + 3]) for row in range(70))


def test_a_model_may_lack_the_head_for_emotions() -> None:
    weights = {name: value for name, value in some_weights().items() if not name.startswith(EMOTION)}
    assert not Heads(weights, TOPICS, a_calibration()).tells_emotion
    assert Heads(some_weights(), TOPICS, a_calibration()).tells_emotion


def test_no_rows_have_no_answers() -> None:
    heads = Heads(some_weights(), TOPICS, a_calibration())
    assert heads.sentiment(vectors(0)).shape == (0, 3)
    assert heads.topic_sentiment(vectors(0)).shape == (0, 2, 3)


def test_a_higher_temperature_is_less_sure_of_the_same_label() -> None:
    x = vectors(20)
    cold = Heads(some_weights(), TOPICS, a_calibration()).sentiment(x)
    warm = Heads(some_weights(), TOPICS, a_calibration(sentiment=3.0)).sentiment(x)
    assert np.array_equal(cold.argmax(axis=1), warm.argmax(axis=1))
    assert (warm.max(axis=1) < cold.max(axis=1)).all()
