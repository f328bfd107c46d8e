"""Forms are read as they arrive, cut anywhere, and never kept."""

from collections.abc import AsyncIterator

import anyio
import pytest

from api.multipart import Event, Field, FileStart, read_form
from core.errors import InvalidInput

TYPE = "multipart/form-data; boundary=XX"
FORM = (
    b'--XX\r\nContent-Disposition: form-data; name="source"\r\n\r\nShop \xe2\x82\xac\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\nType: text/csv\r\n\r\ntext\r\n--X\r\nhello\r\n--XX--\r\n'
)


def events(body: bytes, *, piece: int = 7, content_type: str = TYPE) -> list[Event]:
    async def cut() -> AsyncIterator[bytes]:
        for start in range(0, len(body), piece):
            yield body[start : start + piece]

    async def collect() -> list[Event]:
        return [event async for event in read_form(content_type, cut())]

    return anyio.run(collect)


@pytest.mark.parametrize("piece", [1, 2, 7, 64, 10_000])
def test_gives_fields_and_the_content_of_the_file_wherever_the_body_is_cut(piece: int) -> None:
    found = events(FORM, piece=piece)
    assert found[:2] == [Field("source", "Shop €"), FileStart("a.csv")]
    assert b"".join(part for part in found if isinstance(part, bytes)) == b"text\r\n--X\r\nhello"


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (FORM[:-10], TYPE, "ends too early"),
        (b"", TYPE, "ends too early"),
        (FORM, "multipart/form-data", "names its boundary"),
        (b"text without any boundary", TYPE, "not a form that can be read"),
        (b'--XX\r\nContent-Disposition: form-data; name="source"\r\n\r\n' + b"a" * 70_000, TYPE, "longer than 65,536"),
        (b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 30, TYPE, "at most 20 parts"),
    ],
)
def test_says_why_a_form_cannot_be_read(body: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        events(body, content_type=content_type)
