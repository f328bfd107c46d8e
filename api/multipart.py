"""A multipart form read as it arrives: fields as text, one file in pieces, nothing on disk."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from core.errors import InvalidInput
from store.intake import storable

LONGEST_FIELD = 64 * 1024
MOST_PARTS = 20


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FileStart:
    """A file begins; its content follows as bytes."""

    filename: str


Event = Field | FileStart | bytes


async def read_form(content_type: str, body: AsyncIterator[bytes]) -> AsyncIterator[Event]:
    """The parts of a `multipart/form-data` body (RFC 7578) in order. Raises InvalidInput when it is none, or is cut off."""
    reader = _Reader(content_type)
    async for piece in body:
        for event in reader.feed(piece):
            yield event
    reader.finish()


class _Reader:
    """Collects what the parser calls back with, until it is fetched."""

    def __init__(self, content_type: str) -> None:
        _, options = parse_options_header(content_type)
        if not options.get(b"boundary"):
            raise InvalidInput("the Content-Type of a form names its boundary: multipart/form-data; boundary=...")
        self._events: list[Event] = []
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._field: bytearray | None = None
        self._name = ""
        self._parts = 0
        self._ended = False
        self._parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": self._begin_part,
                "on_header_begin": self._begin_header,
                "on_header_field": self._add_header,
                "on_header_value": self._add_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._open_part,
                "on_part_data": self._add_content,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def feed(self, piece: bytes) -> list[Event]:
        self._run(piece)
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        if not self._ended:
            raise InvalidInput("the form ends too early: its closing boundary is missing")

    def _run(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise InvalidInput(f"not a form that can be read: {error}") from None

    def _begin_part(self) -> None:
        self._disposition = b""
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise InvalidInput(f"a form has at most {MOST_PARTS} parts here")

    def _begin_header(self) -> None:
        self._header = self._value = b""

    def _add_header(self, content: bytes, start: int, end: int) -> None:
        self._header += content[start:end]

    def _add_value(self, content: bytes, start: int, end: int) -> None:
        self._value += content[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value

    def _open_part(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = _text(options.get(b"name", b""))
        if b"filename" in options:
            self._field = None
            self._events.append(FileStart(_text(options[b"filename"])))
        else:
            self._field = bytearray()

    def _add_content(self, content: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._events.append(content[start:end])
            return
        self._field += content[start:end]
        if len(self._field) > LONGEST_FIELD:
            raise InvalidInput(f"longer than {LONGEST_FIELD:,} bytes", field=self._name[:80])

    def _end_part(self) -> None:
        if self._field is not None:
            self._events.append(Field(self._name, _text(bytes(self._field))))

    def _end(self) -> None:
        self._ended = True


def _text(content: bytes) -> str:
    return storable(content.decode("utf-8", "replace"))
