"""Quiet hours: nights and weekends in the channel's own zone, what breaks through, and the nights on which clocks are changed."""

from datetime import UTC, datetime, time, timedelta

import pytest

from insights.quiet import LONGEST, end_of_quiet, quiet_until
from insights.reach import Calendar
from store.records import WEEKDAYS, QuietHours, QuietWindow, Schedule, Severity, Weekday
from tests.builders import NOW
from tests.insights.test_on_call import a_schedule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def nights(
    channel: str = "1", *, zone: str = "Europe/Berlin", start: time = time(22), end: time = time(7), days: tuple[Weekday, ...] = WEEKDAYS,
    breaks_through: Severity | None = "critical", pass_to: tuple[str, ...] = (),
) -> QuietHours:  # fmt: skip
    return QuietHours(channel, zone, (QuietWindow(days, start, end),), breaks_through, pass_to)


def test_a_page_at_three_waits_until_seven() -> None:
    assert quiet_until(nights(), at("2026-03-01T03:00+01:00"), "high") == at("2026-03-01T07:00+01:00")
    assert quiet_until(nights(), at("2026-02-28T22:00+01:00"), "high") == at("2026-03-01T07:00+01:00")
    assert quiet_until(nights(), at("2026-03-01T07:00+01:00"), "high") is None
    assert quiet_until(nights(), at("2026-03-01T21:59+01:00"), "high") is None


def test_what_is_severe_enough_breaks_through() -> None:
    at_three = at("2026-03-01T03:00+01:00")
    assert quiet_until(nights(), at_three, "critical") is None
    assert quiet_until(nights(breaks_through="high"), at_three, "high") is None
    assert quiet_until(nights(breaks_through=None), at_three, "critical") is not None


def test_the_night_is_that_of_the_zone() -> None:
    assert quiet_until(nights(zone="Asia/Tokyo"), at("2026-03-01T03:00+01:00"), "low") is None
    assert quiet_until(nights(zone="Asia/Tokyo"), at("2026-03-01T03:00+09:00"), "low") == at("2026-03-01T07:00+09:00")


@pytest.mark.parametrize(
    ("night", "begins", "ends"),
    [
        ("forward", "2026-03-28T22:00+01:00", "2026-03-29T07:00+02:00"),
        ("back", "2026-10-24T22:00+02:00", "2026-10-25T07:00+01:00"),
    ],
)
def test_a_night_in_which_clocks_change_ends_when_they_show_seven(night: str, begins: str, ends: str) -> None:
    length = at(ends) - at(begins)
    assert length == timedelta(hours=8 if night == "forward" else 10)
    for minutes in range(0, int(length.total_seconds() // 60), 7):
        assert end_of_quiet(nights(), at(begins) + timedelta(minutes=minutes)) == at(ends)
    assert end_of_quiet(nights(), at(ends)) is None
    assert end_of_quiet(nights(), at(begins) - timedelta(minutes=1)) is None


def test_quiet_that_ends_in_the_hour_shown_twice_ends_the_second_time() -> None:
    hours = nights(end=time(2, 30))
    assert end_of_quiet(hours, at("2026-10-25T02:40+02:00")) == at("2026-10-25T02:30+01:00")
    assert end_of_quiet(hours, at("2026-10-25T02:30+01:00")) is None


def test_windows_that_touch_are_one() -> None:
    weekend = QuietWindow(("sat", "sun"), time(0), time(0))
    hours = QuietHours("1", "Europe/Berlin", (QuietWindow(WEEKDAYS, time(22), time(7)), weekend), None, ())
    assert end_of_quiet(hours, at("2026-02-27T23:00+01:00")) == at("2026-03-02T07:00+01:00")


def test_quiet_that_never_ends_is_looked_at_only_so_far() -> None:
    assert end_of_quiet(nights(start=time(0), end=time(0)), NOW) == NOW + LONGEST


def a_calendar(*hours: QuietHours, schedules: tuple[Schedule, ...] = (), channels: str = "123") -> Calendar:
    return Calendar(frozenset(channels), {one.channel: one for one in hours}, {one.id: one for one in schedules})


AT_THREE = at("2026-03-01T03:00+01:00")
AT_SEVEN = at("2026-03-01T07:00+01:00")


def test_a_page_goes_to_who_is_awake_or_waits() -> None:
    asleep, awake = nights("1", pass_to=("2", "3")), nights("2", zone="Asia/Tokyo")
    assert a_calendar(asleep, awake).reach(["1"], (), "high", AT_THREE) == {"2": None, "3": None}
    assert a_calendar(nights("1", pass_to=("2",)), nights("2")).reach(["1"], (), "high", AT_THREE) == {"1": AT_SEVEN}
    assert a_calendar(asleep).reach(["1"], (), "critical", AT_THREE) == {"1": None}


def test_nobody_waits_who_is_reached_otherwise() -> None:
    assert a_calendar(nights("1", pass_to=("2",)), nights("3")).reach(["1", "2", "3"], (), "low", AT_THREE) == {"2": None, "3": AT_SEVEN}


def test_whoever_is_on_call_hears_and_the_others_if_their_channel_is_gone() -> None:
    schedule = a_schedule(rotation=("1", "2", "3"))
    on_call_is_one = at("2026-03-01T12:00+01:00")
    assert a_calendar(schedules=(schedule,)).reach((), ["1"], "low", on_call_is_one) == {"1": None}
    assert a_calendar(schedules=(schedule,), channels="23").reach((), ["1"], "low", on_call_is_one) == {"2": None, "3": None}
    assert a_calendar().reach(["9"], ["9"], "low", NOW) == {}
