"""Logistic regression that is pulled towards where it starts, and folds that hold every row out once."""

import numpy as np
import pytest

from nlp.refit import Layer, Rows, folds, refit, tuned


def rows(count: int = 120, *, exclusive: bool = True, noise: float = 0.3) -> Rows:
    """Targets that are a matter of the first dimension."""
    generator = np.random.default_rng(1)
    hidden = generator.normal(size=(count, 4))
    right = np.digitize(hidden[:, 0] + noise * generator.normal(size=count), [-0.5, 0.5])
    targets = np.eye(3)[right] if exclusive else (right[:, np.newaxis] >= [1, 2]).astype(np.float64)
    return Rows(hidden, targets, np.ones(targets.shape, np.bool_), exclusive)


def nothing(outputs: int = 3) -> Layer:
    return Layer(np.zeros((outputs, 4)), np.zeros(outputs))


@pytest.mark.parametrize("exclusive", [True, False])
def test_finds_what_surprises_least(exclusive: bool) -> None:  # noqa: FBT001
    given, start = rows(exclusive=exclusive), nothing(3 if exclusive else 2)
    found = refit(start, given, 0.01)
    assert given.surprise(found.logits(given.hidden)) < 0.7 * given.surprise(start.logits(given.hidden))
    assert abs(found.weight[0, 0]) > 5 * abs(found.weight[:, 1:]).max() / 2


def test_a_strong_pull_holds_the_weights_where_they_were() -> None:
    shipped = Layer(np.ones((3, 4)), np.ones(3))
    assert np.allclose(refit(shipped, rows(), 1e6).weight, shipped.weight, atol=1e-4)
    far, near = (np.abs(refit(shipped, rows(), pull).weight - 1).max() for pull in (0.01, 1.0))
    assert far > near


def test_what_is_not_known_counts_for_nothing() -> None:
    given = rows(exclusive=False)
    known = given.known.copy()
    known[60:, 0] = False
    lies = given.targets.copy()
    lies[60:, 0] = 1 - lies[60:, 0]
    truth, lied = (refit(nothing(2), Rows(given.hidden, targets, known, exclusive=False), 0.1) for targets in (given.targets, lies))
    assert np.allclose(truth.weight, lied.weight)


def test_few_noisy_rows_are_pulled_harder_than_many_clear_ones() -> None:
    noisy, clear = tuned(nothing(), rows(30, noise=20.0), seed=1), tuned(nothing(), rows(600, noise=0.0), seed=1)
    assert noisy.pull > clear.pull


def test_every_row_is_held_out_once_and_rare_answers_are_in_every_fold() -> None:
    given = rows(100)
    given.targets[:] = np.eye(3)[[0] * 90 + [1] * 5 + [2] * 5]
    held_out = list(folds(given, 5, seed=2))
    assert (np.sum(held_out, axis=0) == 1).all()
    assert all(given.targets[chosen].sum(axis=0).tolist() == [18, 1, 1] for chosen in held_out)
