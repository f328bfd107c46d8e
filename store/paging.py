"""Keyset cursors: where the page before ended, opaque to the one who sends it back."""

import base64
import binascii
import json
from collections.abc import Sequence

from core.errors import InvalidInput


def seal_cursor(parts: Sequence[str | int]) -> str:
    """A cursor that stands for `parts`."""
    return base64.urlsafe_b64encode(json.dumps(list(parts), separators=(",", ":")).encode()).decode().rstrip("=")


def open_cursor(cursor: str, *kinds: type[str] | type[int]) -> list[str | int]:
    """The parts behind a cursor, one of each kind. Raises InvalidInput for one that is not ours."""
    try:
        parts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        parts = None
    fits = isinstance(parts, list) and len(parts) == len(kinds) and all(type(part) is kind for part, kind in zip(parts, kinds, strict=True))
    if not isinstance(parts, list) or not fits or any(isinstance(part, int) and abs(part) > 2**62 for part in parts):
        raise InvalidInput("cursor is not one of ours; pass `next` of the page before, or leave it out", field="cursor")
    return parts
