"""Surges in series: what must be found, what must never be, and that live, replay and backtest are one judgement."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidInput
from insights.spikes import SpikeConfig, Surge, judge, replay, surges
from tests.insights.series import HOUR, START, days, hourly, noisy

CONFIG = SpikeConfig()


def found(counts: Sequence[int], config: SpikeConfig = CONFIG) -> list[Surge]:
    return surges(replay(hourly(counts), None, config))


def test_finds_a_surge_and_says_when_it_began_and_ended() -> None:
    (surge,) = found([4, 5, 6, 5] * 60 + [40, 60, 30] + [5] * 24)
    assert (surge.started_at, surge.ended_at) == (START + 240 * HOUR, START + 243 * HOUR)
    assert surge.peak.expected < 20 < surge.peak.observed
    low, high = surge.peak.interval
    assert low <= surge.peak.expected <= high < surge.peak.observed


def test_a_rise_too_slow_for_one_hour_is_found_over_many() -> None:
    counts = [10] * (24 * 14) + [17, 18, 17, 19, 18, 17, 18, 19, 17, 18, 19, 18]
    (surge,) = found(counts)
    assert surge.peak.windows > 1
    assert surge.started_at == START + 24 * 14 * HOUR


def test_a_busy_afternoon_is_no_surge_but_the_same_count_at_night_is() -> None:
    past = noisy(days(14), seed=1)
    afternoon, night = 14 * 24 + 15, 14 * 24 + 3
    assert found([*past, *noisy(days(15)[14 * 24 : afternoon], seed=2), 22]) == []
    assert len(found([*past, *noisy(days(15)[14 * 24 : night], seed=2), 22])) == 1


def test_a_weekend_that_is_always_quiet_makes_no_surge_of_monday() -> None:
    week = days(56, 20, shape=lambda hour: 0.3 if (hour // 24) % 7 >= 5 else 1.0)
    assert [surge for surge in found(noisy(week, seed=3)) if surge.started_at >= START + timedelta(days=28)] == []


def test_a_series_without_history_makes_no_surge() -> None:
    assert not judge([], START, 500, CONFIG).ready
    assert found([0] * 500 + [90] * 48) == []


def test_stray_rows_long_before_a_source_starts_are_no_history() -> None:
    assert found([1] + [0] * 40 + [1] + [0] * 50 + [90, 85, 95] * 8) == []


def test_a_series_known_to_be_quiet_for_weeks_may_surge() -> None:
    (surge,) = found([1] + [0] * 24 * 20 + [30])
    assert surge.peak.observed == 30


def test_less_is_known_of_a_short_history_so_more_is_let_pass() -> None:
    counts = noisy(days(28), seed=4)
    short, long = (judge(hourly(counts[-24 * number :]), START + 24 * number * HOUR, 60, CONFIG) for number in (4, 28))
    assert short.p_value > long.p_value


def test_a_past_surge_is_not_learnt_as_normal() -> None:
    quiet = noisy([10.0] * 24 * 14, seed=5)
    before, after = (judge(hourly(past), START + len(past) * HOUR, 60, CONFIG) for past in (quiet, [*quiet, *[80] * 12, *quiet[:24]]))
    assert before.surging
    assert after.surging
    assert after.expected < 1.5 * before.expected


def test_a_change_that_stays_becomes_normal_within_days() -> None:
    counts = noisy([10.0] * 24 * 14 + [30.0] * 24 * 10, seed=6)
    assert [surge for surge in found(counts) if surge.started_at > START + timedelta(days=19)] == []


def test_a_series_that_often_strays_pages_less() -> None:
    calm = noisy([10.0] * 24 * 28, seed=7)
    wild = list(calm)
    for hour in range(30, len(wild), 50):
        wild[hour] = 45
    calm_finding, wild_finding = (judge(hourly(past), START + len(past) * HOUR, 45, CONFIG) for past in (calm, wild))
    assert calm_finding.surging
    assert not wild_finding.surging


def test_one_surge_with_an_ordinary_hour_in_its_middle_is_one_surge() -> None:
    assert len(found([5, 6, 4, 5] * 60 + [50, 60, 5, 55, 40] + [5] * 24)) == 1


def test_two_surges_a_day_apart_are_two() -> None:
    first, second = found([5, 6, 4, 5] * 60 + [60] + [5, 6, 4, 5] * 6 + [70] + [5] * 24)
    assert first.ended_at < second.started_at


def test_a_surge_in_five_minutes_is_found_in_five_minute_windows() -> None:
    step = timedelta(minutes=5)
    series = [(START + number * step, 5 + number % 3) for number in range(288 * 5)]
    series += [(START + (288 * 5 + number) * step, 60) for number in range(6)]
    (surge,) = surges(replay(series, None, CONFIG))
    assert surge.started_at == START + 288 * 5 * step
    assert surge.findings[0].start <= surge.started_at + 2 * step


def test_judges_one_window_as_replay_does() -> None:
    series = hourly([*noisy(days(21), seed=8), 60])
    start, observed = series[-1]
    assert judge(series[:-1], start, observed, CONFIG) == replay(series, None, CONFIG)[-1]


def test_only_what_is_live_counts_before_the_judged_window() -> None:
    series = hourly([10] * 24 * 14 + [25] * 11)
    start = START + len(series) * HOUR
    assert judge(series, start, 25, CONFIG).surging
    imported = judge(series, start, 25, CONFIG, lately=[10] * 11)
    assert (imported.windows, imported.observed) == (1, 25) or imported.observed == 25 + 10 * (imported.windows - 1)


def test_says_the_tail_that_can_be_recomputed() -> None:
    finding = judge(hourly([4, 5, 6, 5] * 100), START + 400 * HOUR, 40, CONFIG)
    share = len(CONFIG.windows(HOUR)) / finding.windows
    assert finding.p_value >= finding.tail * share * 0.999


@pytest.mark.parametrize(
    ("wrong", "field"), [({"sensitivity": 0.0}, "sensitivity"), ({"least": 0}, "least"), ({"spans": (HOUR, timedelta(0))}, "spans")]
)
def test_refuses_a_rule_that_makes_no_sense(wrong: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput, match="valid") as refused:
        SpikeConfig(**wrong)  # type: ignore[arg-type] # that is the point
    assert refused.value.field == field


def test_refuses_history_with_holes() -> None:
    with pytest.raises(InvalidInput, match="equal width"):
        judge([(START, 1), (START + 3 * HOUR, 1)], START + 4 * HOUR, 9, CONFIG)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3000), st.integers(80, 400))
def test_a_constant_series_never_surges(count: int, length: int) -> None:
    assert found([count] * length) == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 7), min_size=100, max_size=300))
def test_counts_below_the_floor_never_page(counts: list[int]) -> None:
    assert found(counts) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=80, max_size=160), st.lists(st.integers(0, 2000), min_size=2, max_size=6))
def test_more_is_never_less_of_a_surge(past: list[int], observed: list[int]) -> None:
    findings = [judge(hourly(past), START + len(past) * HOUR, count, CONFIG) for count in sorted(observed)]
    p_values = [finding.p_value for finding in findings]
    assert p_values == sorted(p_values, reverse=True)
    assert [finding.surging for finding in findings] == sorted(finding.surging for finding in findings)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10**12) | st.just(0), min_size=1, max_size=150))
def test_any_counts_give_numbers(counts: list[int]) -> None:
    for finding in replay(hourly(counts), None, CONFIG):
        low, high = finding.interval
        assert np.isfinite([finding.expected, finding.spread, low, high]).all()
        assert 0 <= finding.p_value <= 1
        assert 0 <= finding.tail <= 1
        assert finding.expected > 0


def test_well_behaved_series_page_at_most_as_often_as_was_asked() -> None:
    weeks = 0.0
    pages: list[Surge] = []
    for seed in range(12):
        counts = noisy(days(56, 2.0 + 4 * seed), seed=100 + seed)
        pages += found(counts)
        weeks += len(counts) / 168
    assert len(pages) / weeks < 0.05


def test_the_first_hours_of_a_slow_rise_do_not_excuse_those_that_follow() -> None:
    """How far sums stray is known from before the judged one: the same, whether it rises or not."""
    half_a_day = SpikeConfig(spans=(12 * HOUR,))
    past, next_day = noisy(days(10), seed=9), noisy(days(11)[240:252], seed=10)
    ordinary, rising = (replay(hourly([*past, *(times * count for count in next_day)]), None, half_a_day)[-1] for times in (1, 2))
    assert rising.observed == 2 * ordinary.observed
    assert rising.spread == pytest.approx(ordinary.spread, rel=0.05)
