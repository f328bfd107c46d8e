"""Where a moment lies in the day, the week and the holidays of the people who are listened to."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import holidays

from core.errors import InvalidInput

DAY_SECONDS = 86_400
HOLIDAY = 7
"""The weekday of a holiday, after those of Monday (0) to Sunday (6)."""
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Seasons:
    """`zone`: whose hours of the day and days of the week count. `country`: whose holidays, None for none (ISO 3166, or with its part:
    `DE-BY`)."""

    zone: str = "UTC"
    country: str | None = None
    _offsets: dict[int, tuple[int, float]] = field(default_factory=dict, repr=False, compare=False)

    def place(self, start: float) -> tuple[int, float]:
        """Weekday (HOLIDAY on a holiday) and second of the local day of a moment in seconds since 1970."""
        quarter = int(start // 900)
        known = self._offsets.get(quarter)
        if known is None:
            # No zone has ever changed its clocks within a quarter of an hour, and memory does not grow with the length of a series.
            if len(self._offsets) > 4096:
                self._offsets.clear()
            known = self._offsets[quarter] = self._place(quarter * 900)
        weekday, second = known
        return weekday, second + start - quarter * 900

    def _place(self, start: int) -> tuple[int, float]:
        local = datetime.fromtimestamp(start, _zone(self.zone))
        second = local.hour * 3600 + local.minute * 60 + local.second
        if self.country is not None and is_holiday(local.date(), self.country):
            return HOLIDAY, float(second)
        return local.weekday(), float(second)

    def local(self, moment: datetime) -> datetime:
        """The moment on the clocks of this zone."""
        return moment.astimezone(_zone(self.zone))


def check_zone(name: str, *, field: str = "timezone") -> str:
    """The zone of this name. Raises InvalidInput with names like it."""
    if name in zones():
        return name
    wanted = name.casefold().rsplit("/", 1)[-1].replace(" ", "_")
    like = sorted(one for one in zones() if wanted and wanted in one.casefold())
    raise InvalidInput(f"unknown time zone {name[:40]!r}; valid are {_some(like or COMMON_ZONES)}", field=field)


def check_country(code: str, *, field: str = "country") -> str:
    """The country (or its part) in capitals. Raises InvalidInput with what is known."""
    country, _, part = code.upper().partition("-")
    known = _countries()
    if country not in known:
        raise InvalidInput(f"unknown country {code[:40]!r}; valid are two letters such as {_some(COMMON_COUNTRIES)}", field=field)
    if part and part not in known[country]:
        parts = _some([f"{country}-{one}" for one in known[country]]) if known[country] else "no parts"
        raise InvalidInput(f"unknown part {code[:40]!r}; of {country} there are {parts}", field=field)
    return f"{country}-{part}" if part else country


COMMON_ZONES = ("UTC", "Europe/Berlin", "Asia/Tokyo", "America/New_York", "Australia/Sydney")
COMMON_COUNTRIES = ("US", "JP", "DE", "GB", "FR", "BR", "IN")


def _some(names: Iterable[str]) -> str:
    chosen = list(names)
    return ", ".join(chosen[:SHOWN]) + (", ..." if len(chosen) > SHOWN else "")


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


@lru_cache(maxsize=1)
def _countries() -> dict[str, list[str]]:
    return holidays.list_supported_countries(include_aliases=False)


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> frozenset[date]:
    code, _, part = country.partition("-")
    return frozenset(holidays.country_holidays(code, subdiv=part or None, years=year))


def is_holiday(day: date, country: str) -> bool:
    """Whether the country rests on that day."""
    return day in _holidays(country, day.year)
