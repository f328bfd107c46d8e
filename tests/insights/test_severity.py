"""How loud an alert is, and what it says."""

from dataclasses import replace
from datetime import timedelta

import pytest

from insights.severity import severity
from insights.spikes import Finding
from insights.summary import summarize
from store.records import Scope, Severity, TopicShare
from tests.insights.series import HOUR, START


def a_finding(observed: int, expected: float, *, windows: int = 1) -> Finding:
    return Finding(
        start=START + 9 * HOUR,
        width=HOUR,
        windows=windows,
        observed=observed,
        expected=expected,
        own_observed=observed,
        own_expected=expected,
        spread=0.1,
        p_value=1e-6,
        ready=True,
        elevated=True,
        surging=True,
    )


@pytest.mark.parametrize(
    ("observed", "expected", "loud"), [(12, 6, "low"), (24, 12, "medium"), (60, 20, "high"), (10, 0.01, "low"), (800, 100, "critical")]
)
def test_is_as_loud_as_the_ratio_and_the_excess_allow(observed: int, expected: float, loud: Severity) -> None:
    assert severity(a_finding(observed, expected)) == loud


@pytest.mark.parametrize(
    ("observed", "expected", "loud"), [(700, 220, "critical"), (500, 220, "high"), (330, 300, "low"), (240, 150, "medium"), (40, 0, "high")]
)
def test_hundreds_of_people_more_make_up_for_a_smaller_ratio(observed: int, expected: float, loud: Severity) -> None:
    assert severity(a_finding(observed, expected)) == loud


@pytest.mark.parametrize(("expected", "loud"), [(99, "medium"), (100, "high")])
def test_a_silence_is_as_loud_as_what_is_missed(expected: float, loud: Severity) -> None:
    assert severity(replace(a_finding(0, expected), direction="fall")) == loud


def test_says_what_how_many_since_when_and_about_what() -> None:
    text = summarize(
        a_finding(1480, 63.9, windows=12),
        measure="negative",
        scope=Scope(brand="7", language="de"),
        started_at=START - timedelta(hours=2),
        topics=[TopicShare("delivery", 900), TopicShare("refund", 31), TopicShare("price", 0)],
        names={"7": "Delta", "delivery": "Delivery"},
    )
    assert text == (
        "1,480 negative texts on Delta in German in 12 hours where about 64 were expected, since 2026-03-01 22:00 UTC."
        " Mostly about Delivery (900) and refund (31)."
    )


def test_says_what_would_be_ordinary_where_no_topic_is_known() -> None:
    text = summarize(a_finding(9, 1.0), measure="complaint", scope=Scope(attributes={"tier": "gold"}), started_at=START)
    assert text.startswith("9 complaints with tier gold in one hour where about 1 was expected")
    assert text.endswith("No topic stands out; it is usually between 0 and 3.")


def test_a_long_name_with_control_characters_stays_one_short_line() -> None:
    text = summarize(a_finding(9, 1.0), measure="volume", scope=Scope(source="a\n\x1b[31m" + "b" * 500), started_at=START)
    assert "\n" not in text
    assert len(text) < 300
