"""`koe backtest`: what is read, what is refused, and that a row is judged by its past alone."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import InvalidInput
from core.times import parse_time
from insights.backtest import BacktestInput, BacktestOptions, BacktestRow, backtest_rows, read_inputs
from insights.seasons import Seasons, is_holiday
from tests.insights.series import noisy
from tests.shared import shared_file

START = datetime(2026, 3, 2, tzinfo=UTC)


def rows(values: list[float], step: timedelta = timedelta(minutes=5)) -> list[BacktestInput]:
    return [BacktestInput(START + n * step, value) for n, value in enumerate(values)]


def test_reads_the_columns_it_needs_in_any_order() -> None:
    (row,) = read_inputs(["total,Value,note,timestamp", '9,4,"a, b",2026-03-02 09:00:53'])
    assert (row.value, row.total, row.written) == (4.0, 9.0, "2026-03-02 09:00:53")
    assert row.timestamp == datetime(2026, 3, 2, 9, 0, 53, tzinfo=UTC)


@pytest.mark.parametrize("value", ["nan", "-1", "inf", "", "twelve", "1e999", "1e13"])
def test_refuses_a_count_that_is_none(value: str) -> None:
    with pytest.raises(InvalidInput, match=r"line 3: value is .*; valid is a count such as 0, 12 or 3.5"):
        list(read_inputs(["timestamp,value", "2026-03-02,4", f"2026-03-03,{value}"]))


def test_refuses_a_header_without_a_timestamp() -> None:
    with pytest.raises(InvalidInput, match="no column timestamp; valid is timestamp,value"):
        list(read_inputs(["time,value", "2026-03-02,4"]))


def test_refuses_an_empty_file() -> None:
    with pytest.raises(InvalidInput, match="no column timestamp and value"):
        list(read_inputs([]))


def test_refuses_times_in_other_forms_with_the_line() -> None:
    with pytest.raises(InvalidInput, match="line 2: '03/04/2026' is not a time such as"):
        list(read_inputs(["timestamp,value", "03/04/2026,4"]))


def test_refuses_rows_out_of_order_but_takes_an_hour_that_comes_twice() -> None:
    hours = ["timestamp,value", "2026-10-25T01:00,1", "2026-10-25T02:00,1", "2026-10-25T02:00,1", "2026-10-25T03:00,2"]
    assert len(list(read_inputs(hours))) == 4
    with pytest.raises(InvalidInput, match=r"line 6: .* oldest first"):
        list(read_inputs([*hours, "2026-10-20T00:00,2"]))


def test_refuses_a_value_that_is_not_finite_when_called_without_a_file() -> None:
    with pytest.raises(InvalidInput, match="valid is a count"):
        list(backtest_rows(rows([3.0, math.nan])))


def test_a_row_is_judged_by_the_rows_before_it_alone() -> None:
    values = [float(5 + n % 7) for n in range(1500)]
    whole = list(backtest_rows(rows([*values, 400.0, 500.0])))
    assert list(backtest_rows(rows(values))) == whole[: len(values)]


def test_pages_once_for_a_surge_and_keeps_the_timestamps_as_written() -> None:
    values = [float(5 + n % 7) for n in range(288 * 5)] + [90.0] * 24 + [8.0] * 48
    judged = list(backtest_rows(rows(values)))
    assert [n for n, row in enumerate(judged) if row.alert] in ([288 * 5], [288 * 5 + 1])
    assert judged[0].cells() == ["2026-03-02T00:00:00+00:00", "5", judged[0].cells()[2], "0.0000", "0"]


def test_one_row_and_rows_of_one_moment_are_judged_without_a_step() -> None:
    same = [BacktestInput(START, 3.0)] * 50
    assert not any(row.alert for row in backtest_rows(same))


def test_finds_both_surges_of_a_real_series_and_pages_for_little_else() -> None:
    with shared_file("nab/Twitter_volume_FB.csv").open() as lines:
        pages = [row.timestamp for row in backtest_rows(read_inputs(lines)) if row.alert]
    windows = [("2015-03-14T22:12:53Z", "2015-03-17T16:02:53Z"), ("2015-04-02T08:52:53Z", "2015-04-05T02:42:53Z")]
    inside = [sum(parse_time(start) <= page <= parse_time(end) for page in pages) for start, end in windows]
    assert min(inside) >= 1
    assert len(pages) <= sum(inside) + 6


def hours(values: list[float], totals: list[float] | None = None) -> list[BacktestInput]:
    return [BacktestInput(START + n * timedelta(hours=1), value, None if totals is None else totals[n]) for n, value in enumerate(values)]


def pages(rows: list[BacktestInput], options: BacktestOptions) -> list[int]:
    return [number for number, row in enumerate(backtest_rows(rows, options)) if row.alert]


def test_the_share_of_a_total_pages_for_anger_and_not_for_talk() -> None:
    values, totals = [4.0 + n % 3 for n in range(600)], [40.0] * 600
    values[480], totals[480] = 50.0, 400.0
    values[550] = 28.0
    assert pages(hours(values, totals), BacktestOptions(share=True)) == [550]
    assert pages(hours(values, totals), BacktestOptions())[0] == 480


@pytest.mark.parametrize("total", [None, 3.0])
def test_a_share_needs_a_total_that_is_no_less(total: float | None) -> None:
    with pytest.raises(InvalidInput, match="valid is a part of a total"):
        list(backtest_rows([BacktestInput(START, 4.0, total)], BacktestOptions(share=True)))


def test_a_smaller_budget_pages_no_more_often_and_every_row_knows_its_past_alone() -> None:
    chance = random.Random(7)
    values = [float(chance.choice([3, 4, 5, 6, 30 if chance.random() < 0.04 else 4])) for _ in range(24 * 70)]
    rows = hours(values)
    often, seldom = (len(pages(rows, BacktestOptions(budget=budget))) for budget in (20.0, 0.1))
    assert seldom < often
    options = BacktestOptions(budget=0.5)
    assert list(backtest_rows(rows[:1000], options)) == list(backtest_rows(rows, options))[:1000]


def test_a_holiday_is_a_sunday_where_it_is_known() -> None:
    """Sundays are three times as busy, and so are holidays; the first of May is a Friday."""
    starts = [START + n * timedelta(hours=1) for n in range(24 * 63)]
    busy = [start.weekday() == 6 or is_holiday(start.date(), "DE") for start in starts]
    values = [float(count) for count in noisy([30.0 if one else 10.0 for one in busy], seed=4)]
    first_of_may = slice(starts.index(datetime(2026, 5, 1, tzinfo=UTC)), starts.index(datetime(2026, 5, 2, tzinfo=UTC)))
    known, unknown = (
        list(backtest_rows(hours(values), BacktestOptions(seasons=Seasons("UTC", country))))[first_of_may] for country in ("DE", None)
    )
    assert sum(row.expected for row in known) > 1.3 * sum(row.expected for row in unknown)
    assert sum(row.score for row in known) < sum(row.score for row in unknown)


@pytest.mark.parametrize(
    ("value", "written", "expected", "shown"),
    [
        (1234567.0, "1234567", 1234567.8, "1234568"),
        (1e12, "1000000000000", 999_999_999_999.6, "1000000000000"),
        (1234567.25, "1234567.25", 12345.6, "12346"),
        (0.1, "0.1", 0.12345, "0.1235"),
        (0.0, "0", 0.0, "0"),
    ],
)
def test_counts_are_written_with_every_digit(value: float, written: str, expected: float, shown: str) -> None:
    row = BacktestRow(START, value, expected, 0.0, alert=False)
    assert row.cells()[1:3] == [written, shown]


def test_a_refused_count_is_named_with_every_digit() -> None:
    with pytest.raises(InvalidInput, match="value 1234568 is more than its total, 1234567;"):
        list(backtest_rows([BacktestInput(START, 1234568, 1234567)], BacktestOptions(share=True)))
