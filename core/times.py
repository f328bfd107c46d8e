"""Times are aware and UTC inside; zones exist only at the edge, and a bucket is five minutes."""

from datetime import UTC, datetime, timedelta

from core.errors import InvalidInput

BUCKET = timedelta(minutes=5)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
VALID_TIME = "a time such as 2026-03-01T09:30:00Z, 2026-03-01T09:30:00+09:00 or 2026-03-01"


def utcnow() -> datetime:
    """The present, aware, in UTC. Call it at the edge of a process and pass the result on."""
    return datetime.now(UTC)


def floor_to(moment: datetime, width: timedelta) -> datetime:
    """The start of the `width`-long stretch (five minutes, an hour, a UTC day) that holds `moment`."""
    seconds = int(width.total_seconds())
    return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, UTC)


def parse_time(text: str, *, field: str | None = None) -> datetime:
    """Read an ISO 8601 / RFC 3339 time; one without a zone is UTC. Anything else is refused, never guessed.

    Raises InvalidInput with what would be valid ("03/04/2026" could be March or April).
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is not {VALID_TIME}", field=field) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"{text[:40]!r} is outside the years 1 to 9999", field=field) from None
    if not 1970 <= moment.year < 9999:
        raise InvalidInput(f"{text[:40]!r} is outside the years 1970 to 9998", field=field)
    return moment


def to_rfc3339(moment: datetime) -> str:
    """`2026-03-01T09:30:00Z`; fractions of a second only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
