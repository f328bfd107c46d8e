"""Windows that end every five minutes, and rules whose window is wider than an hour, judged by a past that is kept in hours."""

from datetime import timedelta

import pytest

from insights.rules import config_of, kept_width
from insights.spikes import Detector, SpikeConfig, judge, looks_of
from store.records import RuleOptions
from tests.insights.series import HOUR, START, hourly

CONFIG = SpikeConfig()


def test_an_hour_of_live_watching_counts_for_more_than_one_look() -> None:
    assert looks_of(300, 3, gliding=True) == looks_of(300, 3, gliding=False) == 12
    assert looks_of(3600, 1, gliding=False) == 1
    assert 2 < looks_of(3600, 1, gliding=True) < 3
    assert looks_of(3600, 24, gliding=True) < 1.5
    series = hourly([10, 12, 9, 11] * 6 * 14)
    start = START + len(series) * HOUR
    replayed, live = judge(series, start, 24, CONFIG), judge(series, start, 24, CONFIG, lately=[10, 12, 9, 11] * 2 + [10, 12, 9])
    assert live.windows == replayed.windows
    assert live.tail == pytest.approx(replayed.tail)
    assert live.p_value == pytest.approx(replayed.p_value * live.looks)


def test_what_was_learned_of_a_surge_does_not_excuse_what_follows_of_it() -> None:
    ordinary, surge = [10, 12, 9, 11] * 6 * 14, [19] * 9
    detector = Detector(HOUR, CONFIG)
    for number, count in enumerate([*ordinary, *surge]):
        detector.learn(START + number * HOUR, float(count))
    start = START + (len(ordinary) + 11) * HOUR
    late = detector.judge(start, 19, [float(count) for count in [*surge, 19, 19]])
    assert late.windows == 12
    assert 120 < late.expected < 140


def test_a_window_at_any_moment_knows_its_hours() -> None:
    by_hour = [4 if hour < 12 else 40 for hour in range(24)]
    detector = Detector(HOUR, CONFIG)
    for number in range(24 * 21):
        detector.learn(START + number * HOUR, float(by_hour[(START + number * HOUR).hour]))
    for minutes in (0, 15, 30, 45):
        morning, evening = (detector.judge(START + timedelta(days=21, hours=hour, minutes=minutes), 20).own_expected for hour in (5, 17))
        assert 2 < morning < 8
        assert 30 < evening < 50


@pytest.mark.parametrize("phase", [0, 3, 6, 9])
def test_half_a_day_is_compared_with_the_same_half_of_other_days(phase: int) -> None:
    by_hour = [12 if hour < 12 else 36 for hour in range(24)]
    config = config_of("negative", RuleOptions(), 12 * HOUR, sensitivity=1e-3, least=8)
    detector = Detector(kept_width(12 * HOUR), config)
    for number in range(24 * 21 + phase):
        detector.learn(START + number * HOUR, float(by_hour[(START + number * HOUR).hour]))
    hours = [START + (24 * 21 + phase + number) * HOUR for number in range(12)]
    finding = detector.judge(hours[-1], by_hour[hours[-1].hour], [float(by_hour[hour.hour]) for hour in hours[:-1]])
    assert finding.windows == 12
    assert finding.expected == pytest.approx(sum(by_hour[hour.hour] for hour in hours), rel=0.15)


def test_the_past_is_kept_in_windows_of_at_most_an_hour() -> None:
    kept = {minutes: kept_width(timedelta(minutes=minutes)) // timedelta(minutes=1) for minutes in (5, 60, 65, 90, 240, 1440)}
    assert kept == {5: 5, 60: 60, 65: 5, 90: 45, 240: 60, 1440: 60}


def test_a_plain_number_counts_in_the_whole_window_of_a_rule() -> None:
    config = config_of("negative", RuleOptions(threshold=30.0), 4 * HOUR, sensitivity=1e-3, least=20)
    detector = Detector(HOUR, config)
    for number, count in enumerate([0.0] * 24 + [9.0] * 3):
        detector.learn(START + number * HOUR, count)
    start = START + 27 * HOUR
    assert [detector.judge(start, count).surging for count in (2, 3)] == [False, True]
    assert [detector.judge(start, count, [9.0, 9.0, 9.0]).surging for count in (2, 3)] == [False, True]
