"""Lists come in pages: `{"data": [...], "next": cursor or null}`, and a cursor is opaque to the one who sends it back."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from core.errors import InvalidInput

Row = TypeVar("Row")
Limit = Annotated[int, Query(ge=1, le=1000, description="How many rows a page holds at most.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before; leave it out for the first page.")]
DEFAULT_LIMIT = 100


class Page(BaseModel, Generic[Row]):
    data: list[Row]
    next: str | None = Field(None, description="Pass it as `cursor` for the next page; null on the last one.")


def page_of(rows: Sequence[Row], limit: int, cursor: str | None, key: Callable[[Row], str]) -> tuple[list[Row], str | None]:
    """The page after `cursor` of a list that is at hand whole, by id, and the cursor of the next. Raises InvalidInput for a foreign one."""
    last = (0, "") if cursor is None else _order(_opened(cursor))
    rest = sorted((row for row in rows if _order(key(row)) > last), key=lambda row: _order(key(row)))
    return rest[:limit], _sealed(key(rest[limit - 1])) if len(rest) > limit else None


def _order(identity: str) -> tuple[int, str]:
    """Ids are numbers written as text: the shorter is the smaller. A row deleted between two pages moves none of the others."""
    return len(identity), identity


def _sealed(last: str) -> str:
    return base64.urlsafe_b64encode(f"after:{last}".encode()).decode().rstrip("=")


def _opened(cursor: str) -> str:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        text = ""
    if not text.startswith("after:"):
        raise InvalidInput("cursor is not one of ours; pass `next` of the page before, or leave it out", field="cursor")
    return text.removeprefix("after:")
