"""Surges in synthetic series: what must be found, and what must never be."""

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import InvalidInput
from insights.spikes import SpikeConfig, judge, replay, surges

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 2, tzinfo=UTC)
Series = list[tuple[datetime, int]]


def hourly(counts: list[int], start: datetime = START) -> Series:
    return [(start + n * HOUR, count) for n, count in enumerate(counts)]


def test_finds_a_surge_and_says_when_it_began_and_ended() -> None:
    series = hourly([4, 5, 6, 5] * 60 + [40, 60, 30] + [5] * 24)
    (surge,) = surges(replay(series, None, SpikeConfig()))
    assert surge.started_at == START + 240 * HOUR
    assert surge.ended_at == START + 243 * HOUR
    assert surge.peak.expected < 20 < surge.peak.observed


def test_judges_one_window_as_replay_does() -> None:
    series = hourly([4, 5, 6, 5] * 60 + [40])
    (start, observed) = series[-1]
    assert judge(series[:-1], start, observed, SpikeConfig()) == replay(series, None, SpikeConfig())[-1]


def test_a_series_without_history_makes_no_surge() -> None:
    assert not judge([], START, 500, SpikeConfig()).ready
    assert surges(replay(hourly([0] * 500 + [90] * 48), None, SpikeConfig())) == []


def test_stray_rows_long_before_a_source_starts_are_no_history() -> None:
    series = hourly([1] + [0] * 40 + [1] + [0] * 50 + [90, 85, 95] * 8)
    assert surges(replay(series, None, SpikeConfig())) == []


def test_refuses_history_with_holes() -> None:
    with pytest.raises(InvalidInput, match="equal width"):
        judge([(START, 1), (START + 3 * HOUR, 1)], START + 4 * HOUR, 9, SpikeConfig())
