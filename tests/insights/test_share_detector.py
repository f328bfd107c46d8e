"""Shares: more talk is not more anger, and the tail is the beta-binomial's."""

from datetime import timedelta

import numpy as np
import pytest
from scipy.stats import betabinom

from insights.lanes import Arrays
from insights.share_detector import ShareDetector
from insights.shares import share_interval, share_tail
from insights.spikes import Finding, SpikeConfig, finding
from tests.insights.series import HOUR, START


def after(weeks: int, negative: float, total: float, *, share: float = 0.2, seed: int = 1) -> Finding:
    """The last window, after weeks of about 30 texts an hour."""
    rng, config = np.random.default_rng(seed), SpikeConfig()
    detector = ShareDetector(HOUR, config)
    for number in range(weeks * 168):
        said = float(rng.poisson(30))
        detector.learn(START + number * HOUR, (float(rng.binomial(int(said), share)), said))
    start = START + weeks * 168 * HOUR
    return finding(start, HOUR, config, detector.look(start, (negative, total)))


def test_ten_times_the_talk_with_the_usual_share_is_no_surge() -> None:
    assert not after(2, 60, 300).surging


def test_the_usual_talk_with_three_times_the_share_is() -> None:
    found = after(2, 20, 30)
    assert found.surging
    assert found.tail == pytest.approx(share_tail(found.observed, found.total or 0, found.expected / (found.total or 1), found.spread))


def test_what_a_series_was_before_it_began_is_no_past() -> None:
    rng, began = np.random.default_rng(3), START + 20 * 24 * HOUR
    detector = ShareDetector(HOUR, SpikeConfig(), first_seen=began)
    for number in range(25 * 24):
        start = START + number * HOUR
        detector.learn(start, (float(rng.binomial(30, 0.2 if start < began else 0.5)), 30.0))
    assert detector.share == pytest.approx(0.5, abs=0.03)
    now = START + 25 * 24 * HOUR
    assert not finding(now, HOUR, SpikeConfig(), detector.look(now, (17.0, 30.0))).surging


def test_three_of_three_are_too_few() -> None:
    assert not after(2, 3, 3).surging


def test_a_share_that_is_not_known_for_three_days_is_not_judged() -> None:
    config = SpikeConfig()
    detector = ShareDetector(HOUR, config)
    for number in range(60):
        detector.learn(START + number * HOUR, (2.0, 20.0))
    assert not detector.look(START + 60 * HOUR, (20.0, 20.0)).ready


def test_a_plain_number_pages_whatever_is_usual() -> None:
    detector = ShareDetector(HOUR, SpikeConfig(threshold=0.5))
    assert detector.look(START, (12.0, 20.0)).surging
    assert not detector.look(START, (9.0, 20.0)).surging


def test_the_tail_is_that_of_the_beta_binomial() -> None:
    size = 1 / 0.03 - 1
    assert share_tail(25, 60, 0.2, 0.03) == pytest.approx(betabinom.sf(24, 60, 0.2 * size, 0.8 * size))
    assert share_tail(0, 60, 0.2, 0.03) == 1
    assert share_interval(60, 0.2, 0.03) == tuple(betabinom.ppf([0.025, 0.975], 60, 0.2 * size, 0.8 * size))
    assert share_tail(150_000, 400_000, 0.3, 0.01) == pytest.approx(0.05, abs=0.03)


def test_says_of_each_of_many_what_it_says_of_one() -> None:
    rng, config = np.random.default_rng(2), SpikeConfig(minimum_history=timedelta(days=1))
    together, alone = ShareDetector(HOUR, config, lanes=Arrays(3)), [ShareDetector(HOUR, config) for _ in range(3)]
    for number in range(24 * 4):
        total = rng.poisson([3, 20, 200]).astype(float)
        negative = rng.binomial(total.astype(int), 0.6 if number > 90 else 0.2).astype(float)
        start = START + number * HOUR
        looked = together.look(start, (negative, total))
        for lane, detector in enumerate(alone):
            one = detector.look(start, (float(negative[lane]), float(total[lane])))
            assert one.p_value == pytest.approx(looked.p_value[lane], rel=1e-9)
            assert one.surging == looked.surging[lane]
            detector.learn(start, (float(negative[lane]), float(total[lane])))
        together.learn(start, (negative, total))
