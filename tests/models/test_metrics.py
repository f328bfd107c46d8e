"""Scores worked out by hand."""

import pytest

from models.evaluation.metrics import binary_f1, expected_calibration_error, macro_f1, micro_f1


def test_macro_f1_counts_every_label_the_same() -> None:
    gold = ["negative", "negative", "negative", "positive"]
    predicted = ["negative", "negative", "positive", "positive"]
    assert macro_f1(gold, predicted) == pytest.approx((4 / 5 + 2 / 3) / 2)


def test_macro_f1_does_not_judge_a_label_that_no_row_bears() -> None:
    assert macro_f1(["negative", "positive"], ["neutral", "positive"]) == pytest.approx((0 + 1) / 2)


def test_macro_f1_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        macro_f1([], [])


def test_micro_f1_counts_pairs_of_row_and_topic() -> None:
    gold = [{"price", "delivery"}, set(), {"food"}]
    predicted = [{"price"}, {"food"}, {"food"}]
    assert micro_f1(gold, predicted) == pytest.approx(2 * 2 / (3 + 3))


def test_binary_f1_is_of_the_true_rows() -> None:
    assert binary_f1([True, True, False, False], [True, False, True, False]) == pytest.approx(0.5)
    assert binary_f1([False], [False]) == 0.0


def test_calibration_error_is_the_distance_between_confidence_and_accuracy() -> None:
    assert expected_calibration_error([0.9] * 10, [True] * 9 + [False]) == pytest.approx(0.0)
    assert expected_calibration_error([0.9] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.4)
    assert expected_calibration_error([1.0, 0.5], [True, False]) == pytest.approx(0.25)
