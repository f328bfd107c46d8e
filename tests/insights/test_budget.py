"""A budget of pages a week becomes a p-value, and the past is asked whether it holds."""

import numpy as np
import pytest

from insights.budget import MOST_SENSITIVE, calibrate, discoveries, quiet_at, sensitivity_of, within


def test_a_budget_is_shared_by_all_series_and_hours_of_a_week() -> None:
    assert sensitivity_of(1.0, 100) == pytest.approx(1 / 168 / 100)
    assert sensitivity_of(1.0, 1) == MOST_SENSITIVE


def test_a_past_that_pages_as_often_as_agreed_leaves_the_threshold_alone() -> None:
    found = calibrate(1.0, 10, 8, lambda p: [1e-5] * 8)
    assert (found.sensitivity, found.pages) == (sensitivity_of(1.0, 10), 8)


def test_a_past_that_pages_too_often_lowers_it_until_it_does_not() -> None:
    peaks = list(np.logspace(-4, -6.5, 60))
    found = calibrate(1.0, 10, 8, lambda p: [peak for peak in peaks if peak < p])
    assert found.sensitivity < sensitivity_of(1.0, 10) / 10
    assert within(sum(peak < found.sensitivity for peak in peaks if peak >= sensitivity_of(1.0, 10) / 1000), 8, 1.0)


def test_a_lowered_threshold_keeps_room_for_the_page_that_lies_just_above_it() -> None:
    peaks = [1e-4, 9e-5, 1e-5, 9e-6, 8e-6, 7e-6, 6e-6, 5e-6, 1e-6, 9e-7]
    found = calibrate(1.0, 10, 8, lambda p: [peak for peak in peaks if peak < p])
    assert within(8, 8, 1.0)
    assert found.pages == 3
    assert found.sensitivity == pytest.approx(sensitivity_of(1.0, 10) / 10**2)


def test_real_surges_of_the_past_do_not_make_a_rule_deaf() -> None:
    found = calibrate(0.1, 10, 8, lambda p: [1e-30] * 20)
    assert (found.sensitivity, found.pages) == (sensitivity_of(0.1, 10), 20)


def test_says_with_which_budget_it_would_have_been_quiet() -> None:
    assert quiet_at([1e-4, 1e-6], 2) == pytest.approx(1e-6 * 168 * 2)


def test_series_that_surge_together_share_the_allowance() -> None:
    alone, together = np.full(100, 0.5), np.full(100, 0.5)
    alone[0], together[:4] = 2.5e-6, 2.5e-6
    assert not discoveries(alone, 1e-6, 100).any()
    assert discoveries(together, 1e-6, 100).sum() == 4


def test_without_anything_wrong_pages_stay_within_the_budget() -> None:
    rng = np.random.default_rng(3)
    found = discoveries(rng.uniform(size=(168 * 20, 50)), sensitivity_of(1.0, 50), 50)
    assert found.any(axis=1).sum() < 20 + 4 * 20**0.5


def test_a_short_past_with_two_surges_leaves_the_threshold_alone() -> None:
    found = calibrate(0.5, 6, 1.3, lambda p: [peak for peak in (2e-6, 1.4e-4) if peak < p])
    assert (found.sensitivity, found.pages) == (sensitivity_of(0.5, 6), 2)
