"""A real stream: complaints to six airlines in the snow storms of February 2015."""

import gzip
import json
from collections import Counter
from datetime import datetime, timedelta

import numpy as np
import pytest

from core.times import floor_to, parse_time
from insights.budget import sensitivity_of
from insights.replays import replay_all
from insights.seasons import Seasons
from insights.spikes import SpikeConfig, Surge, replay, surges
from tests.insights.series import HOUR
from tests.shared import shared_file

EVENING_OF_THE_21ST = parse_time("2015-02-21T17:00Z")
THE_22ND, THE_23RD = parse_time("2015-02-22"), parse_time("2015-02-23")


@pytest.fixture(scope="module")
def found() -> dict[str, list[Surge]]:
    """The surges of negative tweets, hour by hour, for each airline."""
    hours = negative_hours()
    last = max(max(counts) for counts in hours.values())
    return {airline: surges(replay(filled(counts, last), None, SpikeConfig())) for airline, counts in hours.items()}


def negative_hours() -> dict[str, Counter[datetime]]:
    """Tweets that people called negative, or that nobody read, by airline and hour."""
    with gzip.open(shared_file("data/us_airline.jsonl.gz"), "rt") as lines:
        sentiment = {row["text"]: row["sentiment"] for row in map(json.loads, lines)}
    hours: dict[str, Counter[datetime]] = {}
    with gzip.open(shared_file("streams/airline_tweets.jsonl.gz"), "rt") as lines:
        for row in {row["external_id"]: row for row in map(json.loads, lines)}.values():
            counts = hours.setdefault(row["attributes"]["airline"], Counter())
            counts[floor_to(parse_time(row["created_at"]), HOUR)] += sentiment.get(row["text"]) not in {"neutral", "positive"}
    return hours


@pytest.fixture(scope="module")
def paged() -> dict[str, list[Surge]]:
    """What pages one workspace with a budget of one page a week, all airlines side by side."""
    hours = negative_hours()
    names, first = sorted(hours), min(min(counts) for counts in hours.values())
    windows = (max(max(counts) for counts in hours.values()) - first) // HOUR + 1
    counts = np.array([[hours[name][first + number * HOUR] for name in names] for number in range(windows)], dtype=np.float64)
    began = np.array([min(hours[name]).timestamp() for name in names])
    replayed = replay_all(first, HOUR, counts, SpikeConfig(), seasons=Seasons("America/New_York"), first_seen=began)
    pages: dict[str, list[Surge]] = {name: [] for name in names}
    for lane, surge in replayed.surges(sensitivity_of(1.0, len(names))):
        pages[names[lane]].append(surge)
    return pages


def filled(counts: Counter[datetime], last: datetime) -> list[tuple[datetime, int]]:
    first = min(counts)
    return [(first + number * HOUR, counts[first + number * HOUR]) for number in range((last - first) // HOUR + 1)]


def of_the_22nd(found: list[Surge]) -> Surge:
    return next(surge for surge in found if surge.ended_at > THE_22ND)


@pytest.mark.parametrize("airline", ["Delta", "US Airways"])
def test_finds_the_surge_of_the_22nd(found: dict[str, list[Surge]], airline: str) -> None:
    surge = of_the_22nd(found[airline])
    assert EVENING_OF_THE_21ST < surge.started_at < THE_22ND + timedelta(hours=12)
    assert surge.peak.observed > 2 * surge.peak.expected


@pytest.mark.parametrize("airline", ["Delta", "US Airways"])
def test_notices_it_within_hours_of_its_start(found: dict[str, list[Surge]], airline: str) -> None:
    surge = of_the_22nd(found[airline])
    assert surge.findings[0].until - surge.started_at <= timedelta(hours=5)


def test_a_source_that_starts_on_the_22nd_is_no_surge(found: dict[str, list[Surge]]) -> None:
    assert found["American"] == []


def test_finds_one_other_page_at_most(found: dict[str, list[Surge]]) -> None:
    stormy = {"Delta", "US Airways", "United"}
    assert [surge for airline, some in found.items() if airline not in stormy for surge in some] == []
    assert len([surge for some in found.values() for surge in some if surge.ended_at <= THE_22ND or surge.started_at >= THE_23RD]) <= 1


@pytest.mark.parametrize(("airline", "hours"), [("Delta", 3), ("US Airways", 3), ("United", 12)])
def test_a_budget_of_one_page_a_week_finds_all_three(paged: dict[str, list[Surge]], airline: str, hours: int) -> None:
    """That of United is a slow rise, which only half a day shows."""
    surge = of_the_22nd(paged[airline])
    assert surge.findings[0].until - surge.started_at <= timedelta(hours=hours)
    assert surge.findings[0].until < THE_22ND + timedelta(hours=12)


def test_a_budget_of_one_page_a_week_pages_once_for_nothing(paged: dict[str, list[Surge]]) -> None:
    assert sum(len(some) for some in paged.values()) <= 3 + 1
