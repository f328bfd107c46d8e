"""Who is on call: turns, overrides, and the two days of a year on which clocks are changed."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from core.errors import InvalidInput
from insights.on_call import next_on_call, on_call
from insights.wall_clock import moment_of, wall_time, zone_named
from store.records import Override, Schedule
from tests.builders import NOW

HOUR = timedelta(hours=1)


def a_schedule(
    *, zone: str = "Europe/Berlin", turn: str = "daily", handover: time = time(9), starts_on: date = date(2026, 3, 1),
    rotation: tuple[str, ...] = ("1", "2", "3"), overrides: tuple[Override, ...] = (),
) -> Schedule:  # fmt: skip
    return Schedule("1", "1", "Berlin", zone, "weekly" if turn == "weekly" else "daily", handover, starts_on, rotation, overrides, NOW)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_turns_change_at_the_handover_of_the_zone() -> None:
    schedule = a_schedule(zone="Asia/Tokyo")
    assert on_call(schedule, at("2026-03-01T08:59:59+09:00")).channel == "3"
    assert on_call(schedule, at("2026-03-01T09:00+09:00")).channel == "1"
    shift = on_call(schedule, at("2026-03-05T12:00+09:00"))
    assert (shift.channel, shift.since, shift.until) == ("2", at("2026-03-05T09:00+09:00"), at("2026-03-06T09:00+09:00"))
    assert next_on_call(schedule, at("2026-03-05T12:00+09:00")).channel == "3"


def test_a_weekly_turn_changes_on_the_day_of_the_week_it_began() -> None:
    schedule = a_schedule(turn="weekly", starts_on=date(2026, 3, 2), rotation=("1", "2"))
    shifts = [on_call(schedule, at(f"2026-03-{day:02}T12:00+01:00")).channel for day in (2, 8, 9, 15, 16)]
    assert shifts == ["1", "1", "2", "2", "1"]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_turn_is_an_hour_shorter_or_longer_when_clocks_are_changed(day: str, hours: int) -> None:
    shift = on_call(a_schedule(handover=time(0)), at(f"{day}T12:00+01:00"))
    assert shift.until - shift.since == hours * HOUR


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"])
def test_at_every_moment_of_a_year_one_turn_holds_it_and_the_next_begins_where_it_ends(zone: str) -> None:
    schedule = a_schedule(zone=zone, handover=time(2, 30))
    moment = at("2026-01-01T00:00+00:00")
    while moment < at("2027-01-01T00:00+00:00"):
        shift = on_call(schedule, moment)
        assert shift.since <= moment < shift.until
        assert on_call(schedule, shift.until).since == shift.until
        assert on_call(schedule, shift.until).channel != shift.channel
        moment = shift.until


def test_an_override_stands_in_and_the_turn_goes_on_after_it() -> None:
    start = at("2026-03-01T12:00+01:00")
    schedule = a_schedule(overrides=(Override("7", "9", start, start + 2 * HOUR),))
    before, during, after = (on_call(schedule, start + hours * HOUR) for hours in (-1, 1, 3))
    assert (before.channel, before.until) == ("1", start)
    assert (during.channel, during.since, during.until, during.override) == ("9", start, start + 2 * HOUR, "7")
    assert (after.channel, after.since) == ("1", start + 2 * HOUR)


def test_of_two_overrides_the_later_made_counts() -> None:
    start = at("2026-03-01T12:00+01:00")
    overrides = (Override("1", "8", start, start + 6 * HOUR), Override("2", "9", start + HOUR, start + 2 * HOUR))
    schedule = a_schedule(overrides=overrides)
    shifts = [on_call(schedule, start + hours * HOUR) for hours in (0, 1, 2)]
    assert [(shift.channel, shift.since, shift.until) for shift in shifts] == [
        ("8", start, start + HOUR),
        ("9", start + HOUR, start + 2 * HOUR),
        ("8", start + 2 * HOUR, start + 6 * HOUR),
    ]


def test_a_time_that_clocks_skip_comes_as_much_later_and_one_shown_twice_comes_first() -> None:
    zone = zone_named("Europe/Berlin")
    assert moment_of(date(2026, 3, 29), time(2, 30), zone) == at("2026-03-29T03:30+02:00")
    assert moment_of(date(2026, 10, 25), time(2, 30), zone) == at("2026-10-25T02:30+02:00")
    assert moment_of(date(2026, 10, 25), time(2, 30), zone, last=True) == at("2026-10-25T02:30+01:00")


def test_a_zone_that_does_not_exist_is_answered_with_some_that_do() -> None:
    with pytest.raises(InvalidInput, match="Europe/Berlin"):
        zone_named("Europe/Berlni")
    for name in ("../etc/passwd", "", "CEST+2", "a" * 500):
        with pytest.raises(InvalidInput, match="valid are IANA names"):
            zone_named(name)


@pytest.mark.parametrize("text", ["24:00", "9:00", "09:60", "0900", "-1:00", "09:00:00", "٠٩:٠٠", ""])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="00:00 to 23:59"):
        wall_time(text, field="handover")
