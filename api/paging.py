"""Lists come in pages: `{"data": [...], "next": cursor or null}`, and a cursor is opaque to the one who sends it back."""

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from store.paging import open_cursor, seal_cursor

Row = TypeVar("Row")
Limit = Annotated[int, Query(ge=1, le=1000, description="How many rows a page holds at most.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before; leave it out for the first page.")]
DEFAULT_LIMIT = 100


class Page(BaseModel, Generic[Row]):
    data: list[Row]
    next: str | None = Field(default=None, description="Pass it as `cursor` for the next page; null on the last one.")


def page_of(
    rows: Sequence[Row], limit: int, cursor: str | None, key: Callable[[Row], str], *, newest_first: bool = False
) -> tuple[list[Row], str | None]:
    """The page after `cursor` of a list that is at hand whole, by id, and the cursor of the next. Raises InvalidInput for a foreign one.

    A row deleted between two pages moves none of the others.
    """
    sign = -1 if newest_first else 1
    last = None if cursor is None else int(open_cursor(cursor, int)[0])
    rest = sorted((row for row in rows if last is None or sign * int(key(row)) > sign * last), key=lambda row: sign * int(key(row)))
    return rest[:limit], seal_cursor([int(key(rest[limit - 1]))]) if len(rest) > limit else None
