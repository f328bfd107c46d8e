"""A source that goes quiet: what is due and does not come."""

from collections.abc import Sequence
from datetime import timedelta

from insights.spikes import SPANS, SpikeConfig, Surge, replay, surges
from tests.insights.series import HOUR, START, days, hourly, noisy

CONFIG = SpikeConfig(direction="fall", spans=(*SPANS, timedelta(days=1)))


def found(counts: Sequence[int]) -> list[Surge]:
    return surges(replay(hourly(counts), None, CONFIG))


def test_a_source_that_stops_is_found_and_stays_found_until_it_speaks_again() -> None:
    past = noisy(days(14, 12), seed=1)
    (silence,) = found([*past, *[0] * 72, *noisy(days(17, 12)[17 * 24 - 48 :], seed=2)])
    assert START + timedelta(days=14) - 2 * HOUR <= silence.started_at <= START + timedelta(days=14, hours=8)
    assert timedelta(hours=68) <= silence.ended_at - silence.started_at <= timedelta(hours=80)


def test_a_quiet_night_is_no_silence() -> None:
    shape = [0.0] * 7 + [1.0] * 14 + [0.0] * 3
    assert found(noisy([20 * shape[hour % 24] for hour in range(24 * 28)], seed=3)) == []


def test_a_source_that_says_little_is_not_judged() -> None:
    assert found([1, 0, 0, 0, 0, 0] * 4 * 20 + [0] * 48) == []


def test_a_source_that_was_just_connected_is_not_judged() -> None:
    assert found([30] * 24 + [0] * 40) == []
