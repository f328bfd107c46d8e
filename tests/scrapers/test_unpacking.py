"""Chunks, gzip members and their breaks."""

import gzip
import io
from collections.abc import Iterator

import pytest

from scrapers.unpacking import BrokenFile, ChunkStream, Peekable, unpacked

DATA = bytes(range(256)) * 2000


def test_plain_bytes_stay_as_they_are() -> None:
    assert b"".join(unpacked(io.BytesIO(DATA))) == DATA


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_gzip_is_unpacked_whatever_pieces_it_comes_in(size: int) -> None:
    packed = gzip.compress(DATA) + gzip.compress(b"more")
    chunks = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert b"".join(unpacked(ChunkStream(chunks))) == DATA + b"more"


def test_pieces_stay_small_however_well_it_was_packed() -> None:
    assert max(map(len, unpacked(io.BytesIO(gzip.compress(bytes(10_000_000)))))) <= 64 * 1024


@pytest.mark.parametrize("cut", [1, 8, 100, 1000])
def test_what_is_whole_before_a_break_is_kept(cut: int) -> None:
    kept: list[bytes] = []
    with pytest.raises(BrokenFile, match="ends in the middle"):
        kept.extend(unpacked(io.BytesIO(gzip.compress(DATA)[:-cut])))
    assert DATA.startswith(b"".join(kept))


def test_rubbish_after_a_gzip_is_a_break() -> None:
    chunks = unpacked(io.BytesIO(gzip.compress(b"all of it") + b"rubbish that is no member"))
    assert next(chunks) == b"all of it"
    with pytest.raises(BrokenFile, match="damaged"):
        next(chunks)


def test_looking_ahead_postpones_a_break_to_where_it_is() -> None:
    def breaking() -> Iterator[int]:
        yield 1
        yield 2
        raise BrokenFile("here")

    numbers = Peekable(breaking())
    assert (numbers.peek(1), numbers.peek(9), next(numbers), next(numbers)) == ([1], [1, 2], 1, 2)
    with pytest.raises(BrokenFile, match="here"):
        next(numbers)
    assert list(numbers) == []


def test_a_stream_out_of_chunks_reads_like_a_file() -> None:
    stream = ChunkStream([b"ab", b"", b"cdef", b"g"])
    assert [stream.read(3), stream.read(3), stream.read(3), stream.read(3)] == [b"abc", b"def", b"g", b""]
