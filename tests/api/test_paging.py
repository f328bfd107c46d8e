"""Pages neither repeat nor lose a row, whatever is deleted between two of them."""

import pytest

from api.paging import page_of
from core.errors import InvalidInput


def pages(ids: list[str], limit: int) -> list[list[str]]:
    found, cursor = [], None
    while True:
        rows, cursor = page_of(ids, limit, cursor, str)
        found.append(rows)
        if cursor is None:
            return found


def test_pages_hold_every_row_once_in_the_order_of_ids() -> None:
    assert pages(["10", "9", "2", "1", "11"], 2) == [["1", "2"], ["9", "10"], ["11"]]


def test_a_full_last_page_promises_no_other() -> None:
    assert pages(["1", "2"], 2) == [["1", "2"]]


def test_a_row_deleted_between_two_pages_moves_no_other() -> None:
    _, cursor = page_of(["1", "2", "3", "4"], 2, None, str)
    assert page_of(["1", "3", "4"], 2, cursor, str) == (["3", "4"], None)


@pytest.mark.parametrize("cursor", ["", "x", "%%%", "YWZ0ZXI", "é", "a" * 499])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor is not one of ours"):
        page_of(["1"], 2, cursor, str)


def test_the_newest_can_come_first() -> None:
    first, cursor = page_of(["1", "2", "3"], 2, None, str, newest_first=True)
    assert (first, page_of(["1", "2", "3", "4"], 2, cursor, str, newest_first=True)) == (["3", "2"], (["1"], None))
