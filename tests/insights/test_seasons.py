"""Hours of the day and days of the week on the clocks of those who write, and their holidays."""

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import InvalidInput
from insights.seasons import HOLIDAY, Seasons, check_country, check_zone
from insights.spikes import Detector, SpikeConfig
from tests.insights.series import HOUR, days, noisy


def place(moment: str, seasons: Seasons) -> tuple[int, float]:
    return seasons.place(datetime.fromisoformat(moment).timestamp())


def test_places_a_moment_on_the_clocks_of_the_zone() -> None:
    assert place("2026-03-01T20:10:00Z", Seasons("Asia/Tokyo")) == (0, 5 * 3600 + 600)
    assert place("2026-03-01T20:10:00Z", Seasons()) == (6, 20 * 3600 + 600)


def test_follows_summer_time() -> None:
    winter, summer = place("2026-03-28T12:00Z", Seasons("Europe/Berlin")), place("2026-03-30T12:00Z", Seasons("Europe/Berlin"))
    assert (winter[1], summer[1]) == (13 * 3600, 14 * 3600)


def test_knows_the_holidays_of_a_country_and_of_its_parts() -> None:
    assert place("2026-12-25T12:00Z", Seasons("Europe/Berlin", "DE"))[0] == HOLIDAY
    assert place("2026-12-25T12:00Z", Seasons("Asia/Tokyo", "JP"))[0] == 4
    assert place("2026-01-06T12:00Z", Seasons("Europe/Berlin", "DE"))[0] == 1
    assert place("2026-01-06T12:00Z", Seasons("Europe/Berlin", "DE-BY"))[0] == HOLIDAY


def test_says_what_zones_and_countries_there_are() -> None:
    assert check_zone("Asia/Tokyo") == "Asia/Tokyo"
    assert (check_country("jp"), check_country("de-by")) == ("JP", "DE-BY")
    with pytest.raises(InvalidInput, match="valid are America/New_York"):
        check_zone("new york")
    with pytest.raises(InvalidInput, match="such as US, JP"):
        check_country("Nippon")
    with pytest.raises(InvalidInput, match="there are DE-BB"):
        check_country("DE-XX")


def test_a_holiday_is_expected_to_be_as_quiet_as_a_sunday() -> None:
    """Four quiet weekends, then Christmas, a Friday."""
    start = datetime(2026, 11, 23, tzinfo=UTC)
    means = [mean * (0.3 if (number // 24) % 7 >= 5 else 1.0) for number, mean in enumerate(days(32, 40))]
    expected = {}
    for country in (None, "DE"):
        detector = Detector(HOUR, SpikeConfig(), seasons=Seasons("UTC", country))
        for number, count in enumerate(noisy(means, seed=5, spread=0.02)):
            detector.learn(start + number * HOUR, count)
        expected[country] = detector.judge(start + timedelta(days=32, hours=12), 10).own_expected
    assert expected["DE"] < 0.6 * (expected[None] or 0)
