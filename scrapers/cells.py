"""One cell of a file turned into what a field wants; what can be read in two ways is refused, never guessed."""

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from core.errors import InvalidInput
from core.times import VALID_TIME, parse_time
from store.intake import LONGEST_ATTRIBUTE_VALUE, attribute_text

Cell = object
"""Text from CSV; numbers, booleans, times, lists and mappings too from JSON, Excel and Parquet."""

EPOCH_SECONDS = (1_000_000_000, 10_000_000_000)
"""Typed numbers in this range are seconds since 1970 (2001 to 2286). Milliseconds, and numbers such as 20260301, lie outside: refused."""
DEFAULT_SCALE = 5.0
_NOTHING = frozenset({"", "-", "–", "—", "n/a", "na", "nan", "null", "none", "#n/a"})
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})日?"
    r"(?:[T\s]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d{1,6})?))?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?",
    re.ASCII | re.IGNORECASE,
)
_SHARE = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:/|out of|von|sur|de)\s*(\d+)(?:\s*stars?)?", re.IGNORECASE)
_STARS = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:stars?|★|つ星|星)", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\d+,\d{1,2}|\.\d+)")


def plain_cell(cell: Cell) -> Cell:
    """A cell without the types that only Excel and Parquet know: NaN is nothing, a decimal a number, a time of day or a duration text."""
    match cell:
        case float() | Decimal() if cell != cell:  # noqa: PLR0124 - only NaN differs from itself
            return None
        case Decimal():
            return int(cell) if cell.is_finite() and cell == cell.to_integral_value() else float(cell)
        case time():
            return cell.isoformat()
        case timedelta() | UUID():
            return str(cell)
    return cell


def text_cell(cell: Cell, field: str) -> str | None:
    """Text as it is; numbers and times as text; None for nothing. Raises InvalidInput, naming `field`, for lists and objects."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, date):
        return cell.isoformat()
    return attribute_text(cell, field)


def short_cell(cell: Cell, field: str) -> str | None:
    """Like text_cell, stripped; "" counts as nothing."""
    text = text_cell(cell, field)
    return (text.strip() or None) if text is not None else None


def attribute_cell(cell: Cell) -> str | None:
    """The value of an attribute, cut at its limit; what is no text is nothing, for no attribute is worth the customer's words."""
    try:
        text = short_cell(cell, "attributes")
    except InvalidInput:
        return None
    return text[:LONGEST_ATTRIBUTE_VALUE] if text is not None else None


def time_cell(cell: Cell) -> datetime | None:
    """A time: ISO 8601, the same with the year first but other marks (2026/3/1 9:30, 2026年3月1日), a typed time, or typed epoch seconds.

    Without a zone it is UTC. Raises InvalidInput for anything else: 03/04/2026 could be March or April.
    """
    if cell is None or isinstance(cell, datetime):
        return cell
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day, tzinfo=UTC)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if not EPOCH_SECONDS[0] <= cell < EPOCH_SECONDS[1]:
            raise InvalidInput(f"{cell} is no time: give {VALID_TIME}, or a number of seconds since 1970", field="created_at")
        return datetime.fromtimestamp(cell, UTC)
    if not isinstance(cell, str):
        raise InvalidInput(f"created_at must be {VALID_TIME}", field="created_at")
    if cell.strip().casefold() in _NOTHING:
        return None
    try:
        return parse_time(cell, field="created_at")
    except InvalidInput:
        matched = _YEAR_FIRST.fullmatch(cell.strip())
        if matched is None:
            raise
        return _year_first(matched, cell)


def number_cell(cell: Cell, field: str) -> float | None:
    """A number; "4,5" is 4.5, "n/a" is nothing. Raises InvalidInput."""
    if cell is None or (isinstance(cell, str) and cell.strip().casefold() in _NOTHING):
        return None
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return cell
    if isinstance(cell, str) and len(cell) < 40 and _NUMBER.fullmatch(cell.strip()):
        return float(cell.strip().replace(",", "."))
    shown = repr(cell[:40]) if isinstance(cell, str) else "the cell"
    raise InvalidInput(f"{field} {shown} is not a number such as 4 or 4.5", field=field)


def rating_cell(cell: Cell) -> tuple[float, float | None] | None:
    """Value and, where the cell says it, scale: 4, "4/5", "4 out of 5", "4 stars", "★★★★☆". Raises InvalidInput."""
    if isinstance(cell, str) and len(cell) < 40:
        text = cell.strip()
        if text and not text.strip("★☆"):
            return float(text.count("★")), float(len(text)) if "☆" in text else DEFAULT_SCALE
        if matched := _SHARE.fullmatch(text):
            return float(matched[1].replace(",", ".")), float(matched[2])
        if matched := _STARS.fullmatch(text):
            return float(matched[1].replace(",", ".")), DEFAULT_SCALE
    value = number_cell(cell, "rating.value")
    return None if value is None else (value, None)


def _year_first(matched: re.Match[str], cell: str) -> datetime:
    parts = matched.groupdict(default="")
    zone = "+00:00" if parts["zone"].upper() in {"", "Z", "UTC", "GMT"} else parts["zone"]
    clock = f"{int(parts['hour'] or 0):02}:{parts['minute'] or '00'}:{parts['second'] or '00'}"
    try:
        return parse_time(f"{parts['year']}-{int(parts['month']):02}-{int(parts['day']):02}T{clock}{zone}", field="created_at")
    except InvalidInput:
        raise InvalidInput(f"{cell.strip()[:40]!r} is not {VALID_TIME}", field="created_at") from None
