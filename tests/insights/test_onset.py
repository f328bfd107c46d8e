"""Where in its window a surge began."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from insights.onset import onset
from tests.builders import NOW


def buckets(counts: Sequence[int]) -> list[tuple[datetime, int]]:
    return [(NOW + number * timedelta(minutes=5), count) for number, count in enumerate(counts)]


def minutes(counts: Sequence[int], expected: float) -> float:
    return (onset(buckets(counts), expected) - NOW) / timedelta(minutes=1)


def test_begins_with_the_first_bucket_that_is_out_of_the_ordinary() -> None:
    assert minutes([1, 0, 1, 1, 0, 1, 1, 0, 12, 15, 20, 9], expected=8) == 40


def test_a_surge_that_fills_the_window_begins_with_it() -> None:
    assert minutes([9, 8, 12, 10], expected=4) == 0


def test_a_surge_of_this_very_bucket_begins_with_it() -> None:
    assert minutes([0, 0, 0, 30], expected=2) == 15


def test_one_bucket_is_where_it_begins() -> None:
    assert minutes([30], expected=2) == 0


def test_silence_before_is_no_part_of_it_when_nothing_was_expected() -> None:
    assert minutes([0, 0, 5, 5], expected=0) == 10
