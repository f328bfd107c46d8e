"""The negative binomial, against scipy's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from insights.counts import interval, upper_tail

means = st.floats(0.01, 5_000)
spreads = st.floats(0.001, 5)


@given(st.integers(0, 3_000), means, spreads)
def test_the_tail_is_that_of_scipy(observed: int, mean: float, spread: float) -> None:
    size = 1 / spread
    assert upper_tail(observed, mean, spread) == pytest.approx(
        stats.nbinom.sf(observed - 1, size, size / (size + mean)), rel=1e-6, abs=1e-300
    )


@given(st.integers(0, 500), st.floats(0.01, 500))
def test_without_spread_it_is_poisson(observed: int, mean: float) -> None:
    assert upper_tail(observed, mean, 0.0) == pytest.approx(stats.poisson.sf(observed - 1, mean), rel=1e-6, abs=1e-300)


@given(st.floats(0.01, 1_000), spreads)
def test_the_interval_holds_its_share(mean: float, spread: float) -> None:
    size = 1 / spread
    low, high = interval(mean, spread)
    assert (low, high) == (stats.nbinom.ppf(0.025, size, size / (size + mean)), stats.nbinom.ppf(0.975, size, size / (size + mean)))
