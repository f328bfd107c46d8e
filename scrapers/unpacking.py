"""Bytes of an import file, unpacked and bounded: gzip or plain, and what is whole before a break is kept."""

import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Generic, Protocol, TypeVar

from core.errors import KoeError

T = TypeVar("T")

CHUNK = 64 * 1024
MOST_UNPACKED = 2 * 1024**3
"""Bytes of one file after unpacking: eight times the largest upload by default, and what a bomb may cost at most."""
_IN_MEMORY = 8 * 1024**2


class ByteStream(Protocol):
    """All that reading asks of a file."""

    def read(self, size: int, /) -> bytes: ...


class BrokenFile(KoeError):
    """The rest of a file cannot be read; the rows before it are kept. Turned into the last reject of the file."""


class Peekable(Iterator[T], Generic[T]):
    """An iterator that can be looked into; a BrokenFile met while looking is raised when reading gets there."""

    def __init__(self, source: Iterable[T]) -> None:
        self._source = iter(source)
        self._held: deque[T] = deque()
        self._failure: BrokenFile | None = None

    def peek(self, most: int) -> list[T]:
        """Up to `most` next elements, which stay."""
        while len(self._held) < most and self._failure is None:
            try:
                self._held.append(next(self._source))
            except StopIteration:
                break
            except BrokenFile as error:
                self._failure = error
        return list(self._held)[:most]

    def __next__(self) -> T:
        if self._held:
            return self._held.popleft()
        if self._failure is not None:
            failure, self._failure, self._source = self._failure, None, iter(())
            raise failure
        return next(self._source)


def unpacked(stream: ByteStream, most: int = MOST_UNPACKED) -> Peekable[bytes]:
    """The bytes of `stream` in chunks of at most 64 KiB, gunzipped when they begin like gzip.

    Iterating raises BrokenFile where the gzip breaks, ends early, or holds more than `most` bytes.
    """
    raw = Peekable(iter(lambda: stream.read(CHUNK), b""))
    packed = b"".join(raw.peek(1)).startswith(b"\x1f\x8b")
    return Peekable(_bounded(_gunzipped(raw) if packed else raw, most))


def spooled(chunks: Iterable[bytes]) -> IO[bytes]:
    """A file that can be sought, for formats that begin at their end; in memory while small. The caller closes it."""
    spool = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the caller closes it
    try:
        for chunk in chunks:
            spool.write(chunk)
    except BaseException:
        spool.close()
        raise
    spool.seek(0)
    return spool


class ChunkStream:
    """A stream for `read_rows` out of chunks of any size, as the store keeps uploads."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        while len(self._rest) < size and (chunk := next(self._chunks, None)) is not None:
            self._rest += chunk
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def _bounded(chunks: Iterable[bytes], most: int) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > most:
            raise BrokenFile(f"the file unpacks to more than {most:,} bytes; the rest was not read, split the file")
        yield chunk


def _gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """All members of a gzip, in pieces of bounded size."""
    unpack = zlib.decompressobj(wbits=31)
    try:
        for raw in chunks:
            waiting = raw
            while waiting:
                if unpack.eof:
                    # Zero padding after the last member is usual; anything else that is no member is a break.
                    waiting = waiting.lstrip(b"\0")
                    if not waiting:
                        break
                    unpack = zlib.decompressobj(wbits=31)
                piece = unpack.decompress(waiting, CHUNK)
                waiting = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
                if piece:
                    yield piece
        while not unpack.eof and (piece := unpack.decompress(unpack.unconsumed_tail, CHUNK)):
            yield piece
    except zlib.error as error:
        raise BrokenFile(f"the gzip file is damaged here ({error}); the rows before were read") from error
    if not unpack.eof:
        raise BrokenFile("the gzip file ends in the middle; the rows before were read, send the whole file")
