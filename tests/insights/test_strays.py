"""How often a series strays by itself: what is short teaches, what lasts was a surge."""

from collections.abc import Iterable

import pytest

from insights.strays import PRIOR_EXCESS, PRIOR_RATE, Strays

HOUR = 3_600.0


def taught(surprises: Iterable[float]) -> Strays:
    strays = Strays(HOUR)
    for surprise in surprises:
        strays.learn(surprise, due=True)
    return strays


def test_a_series_that_never_strays_is_believed() -> None:
    strays = taught([0.5] * 24 * 28)
    assert (strays.rate(), strays.mean_excess()) == (PRIOR_RATE, PRIOR_EXCESS)
    assert strays.calibrate(6.0) == 6.0


def test_short_strays_make_the_next_one_less_surprising() -> None:
    assert taught(([8.0] * 3 + [0.0] * 45) * 14).calibrate(8.0) < 5


@pytest.mark.parametrize("hours", [14, 36])
def test_a_surge_that_lasted_does_not(hours: int) -> None:
    assert taught(([8.0] * hours + [0.0] * 60) * 7).calibrate(8.0) == 8.0


def test_one_surge_broken_by_an_ordinary_hour_is_one() -> None:
    assert taught(([8.0] * 7 + [1.0] + [8.0] * 7 + [0.0] * 60) * 7).calibrate(8.0) == 8.0
