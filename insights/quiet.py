"""Quiet hours: when a channel sleeps, in its own zone, and what is loud enough to wake it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from insights.wall_clock import moment_of
from store.records import SEVERITIES, WEEKDAYS, QuietHours, Severity

DAY = timedelta(days=1)
LONGEST = timedelta(days=8)
"""Quiet hours that never end are asked for no further ahead."""


def quiet_until(hours: QuietHours, now: datetime, severity: Severity) -> datetime | None:
    """When the quiet that lies over `now` ends; None when it is not quiet, or the severity breaks through."""
    if hours.breaks_through is not None and SEVERITIES.index(severity) >= SEVERITIES.index(hours.breaks_through):
        return None
    return end_of_quiet(hours, now)


def end_of_quiet(hours: QuietHours, now: datetime) -> datetime | None:
    """The same whatever the severity. Windows that touch are one; the end is never more than LONGEST away."""
    spans = sorted(_spans(hours, now))
    end = now
    for since, until in spans:
        if since <= end < until:
            end = until
    return None if end == now else min(end, now + LONGEST)


def _spans(hours: QuietHours, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Every window from the day before on, as moments. One that ends where it begins, or before, ends on the day after."""
    zone = ZoneInfo(hours.time_zone)
    today = now.astimezone(zone).date()
    for ahead in range(-1, LONGEST.days + 1):
        day = today + ahead * DAY
        for window in hours.windows:
            if WEEKDAYS[day.weekday()] in window.days:
                last_day = day if window.end > window.start else day + DAY
                yield moment_of(day, window.start, zone), moment_of(last_day, window.end, zone, last=True)
