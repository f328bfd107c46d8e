"""Physical lines of a text file, decoded one by one, so that one line in another encoding loses nothing beside it."""

import codecs
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from scrapers.encodings import VALID
from scrapers.unpacking import BrokenFile, Peekable
from store.intake import storable

LONGEST_LINE = 1_000_000
"""Bytes; a longer line is dropped while it is read, so that it never fills the memory."""


class Line(NamedTuple):
    """`text` with its line end; `problem` says why it cannot be trusted, empty when it can."""

    text: str
    problem: str = ""


def read_lines(chunks: Peekable[bytes], encoding: str) -> Iterator[Line]:
    """Lines of `chunks`, which begin after any byte order mark. Raises BrokenFile where the file breaks."""
    if encoding.startswith(("utf-16", "utf-32")):
        # Bytes of a wide character can look like a line end; those of every other encoding cannot.
        chunks, encoding = Peekable(_as_utf8(chunks, encoding)), "utf-8"
    head = b"".join(chunks.peek(4))
    end = b"\r" if b"\r" in head and b"\n" not in head else b"\n"
    for raw in _split(chunks, end):
        if raw is None:
            yield Line("\n", f"the line has more than {LONGEST_LINE:,} bytes")
            continue
        try:
            yield Line(raw.decode(encoding))
        except UnicodeDecodeError as error:
            shown = " ".join(f"{byte:02x}" for byte in raw[error.start : error.start + 4])
            yield Line(raw.decode(encoding, "replace"), f"byte {error.start + 1} of the line ({shown}) is not {encoding}; {VALID}")


def _split(chunks: Iterable[bytes], end: bytes) -> Iterator[bytes | None]:
    """Lines with their ends; None for one that is too long."""
    rest, dropping = b"", False
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(end)
        for line in whole:
            if dropping or len(line) > LONGEST_LINE:
                dropping = False
                yield None
            else:
                yield line + b"\n"
        if len(rest) > LONGEST_LINE:
            rest, dropping = b"", True
    if dropping:
        yield None
    elif rest:
        yield rest


def _as_utf8(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Half an emoji, where a program cut a text, is U+FFFD, as `storable` has it. What else cannot be decoded breaks the file there."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    try:
        for chunk in chunks:
            yield storable(decoder.decode(chunk)).encode()
        yield storable(decoder.decode(b"", final=True)).encode()
    except UnicodeDecodeError as error:
        yield storable(error.object[: error.start].decode(encoding, "surrogatepass")).encode()
        raise BrokenFile(f"the file is not {encoding} any more from here; {VALID}") from error
