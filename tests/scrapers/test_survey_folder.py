"""A folder where files are dropped: what is read when, what is refused, and that nothing outside it can be reached."""

import errno
import gzip
import io
import os
import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from core.errors import InvalidInput, Misconfigured
from scrapers.pull import MOST_PAGES
from scrapers.table import connector_named, validate_options
from tests.scrapers.worlds import NOW, Pulled, World, collect


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own = tmp_path / "surveys" / "7" / "nps"
    own.mkdir(parents=True)
    return own


def drop(folder: Path, name: str, content: str | bytes, *, seconds_ago: float = 60) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    moment = NOW.timestamp() - seconds_ago
    os.utime(path, (moment, moment))
    return path


def pulled_from(folder: Path, cursor: str | None = None, *, columns: str = "", most_pages: int = 1000) -> Pulled:
    world = World({"path": "nps", "columns": columns}, folder=folder.parents[1])
    return collect("survey_folder", world, cursor, most_pages=most_pages)


def rows(first: int, last: int) -> str:
    return "comment,date,nps\n" + "".join(f"answer {number},2026-02-01,{number % 11}\n" for number in range(first, last + 1))


def test_reads_every_kind_of_file_as_survey_answers(folder: Path) -> None:
    drop(folder, "a.csv", rows(1, 2))
    drop(folder, "b.csv.gz", gzip.compress(rows(3, 4).encode()))
    drop(folder, "c.jsonl", '{"text": "answer 5", "created_at": "2026-02-01", "kind": "chat"}\n')
    pulled = pulled_from(folder)
    assert (pulled.texts, pulled.error) == ([f"answer {number}" for number in range(1, 6)], None)
    assert sorted(row.kind for row in pulled.rows) == ["chat", *["survey"] * 4]
    assert pulled.rows[0].scores is not None


def test_a_file_that_may_still_grow_waits(folder: Path) -> None:
    drop(folder, "a.csv", rows(1, 2), seconds_ago=2)
    first = pulled_from(folder)
    drop(folder, "a.csv", rows(1, 2), seconds_ago=60)
    assert (first.rows, len(pulled_from(folder, first.cursor).rows)) == ([], 2)


def test_a_file_is_read_once_and_again_when_it_changed(folder: Path) -> None:
    drop(folder, "a.csv", rows(1, 2))
    first = pulled_from(folder)
    second = pulled_from(folder, first.cursor)
    drop(folder, "a.csv", rows(1, 3), seconds_ago=30)
    third = pulled_from(folder, second.cursor)
    assert (len(first.rows), len(second.rows), len(third.rows)) == (2, 0, 3)
    assert set(first.ids) < set(third.ids)


def test_a_file_that_was_removed_is_forgotten(folder: Path) -> None:
    path = drop(folder, "a.csv", rows(1, 2))
    first = pulled_from(folder)
    drop(folder, "b.csv", rows(3, 3))
    path.unlink()
    second = pulled_from(folder, first.cursor)
    assert ("a.csv" in str(first.cursor), "a.csv" in str(second.cursor)) == (True, False)


def test_a_pull_that_died_in_a_long_file_goes_on_after_its_last_page(folder: Path) -> None:
    drop(folder, "a.csv", rows(1, 2500))
    first = pulled_from(folder, most_pages=1)
    rest = pulled_from(folder, first.cursor)
    assert (len(first.rows), len(rest.rows)) == (1000, 1500)
    assert len({*first.ids, *rest.ids}) == 2500


def test_broken_rows_are_named_with_their_file(folder: Path) -> None:
    drop(folder, "a.csv", "comment,date\ngood,2026-02-01\nbad,03/04/2026\n")
    (reject,) = pulled_from(folder).rejects
    assert (reject.file, reject.line, reject.reason.startswith("'03/04/2026'")) == ("a.csv", 3, True)


def test_a_file_that_cannot_be_read_is_reported_once(folder: Path) -> None:
    drop(folder, "a.pdf", b"%PDF-1.7\n" + bytes(range(256)) * 20)
    drop(folder, "b.csv", rows(1, 1))
    first = pulled_from(folder)
    second = pulled_from(folder, first.cursor)
    assert (len(first.rows), [reject.file for reject in first.rejects], second.rejects) == (1, ["a.pdf"], [])


@pytest.mark.parametrize("trouble", [errno.EMFILE, errno.EACCES, errno.ENOSPC, errno.ESTALE])
def test_a_file_that_the_server_could_not_read_is_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch, trouble: int) -> None:
    def refused(path: Path) -> BinaryIO:
        raise OSError(trouble, os.strerror(trouble))

    drop(folder, "a.csv", rows(1, 2))
    with monkeypatch.context() as broken:
        broken.setattr("scrapers.survey_folder.open_regular", refused)
        first = pulled_from(folder)
    second = pulled_from(folder, first.cursor)
    told = [(reject.file, reject.reason) for reject in first.rejects]
    assert told == [("a.csv", f"{os.strerror(trouble)}; it is tried again at the next pull")]
    assert (first.rows, second.texts, second.rejects) == ([], ["answer 1", "answer 2"], [])


def test_a_file_that_fails_in_the_middle_goes_on_after_its_last_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Cut(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 400_000:
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            return super().read(size) or b""

    drop(folder, "a.csv", rows(1, 20_000))
    with monkeypatch.context() as broken:
        broken.setattr("scrapers.survey_folder.open_regular", Cut)
        first = pulled_from(folder)
    second = pulled_from(folder, first.cursor)
    assert (len(first.rows) > 0, len(first.rejects), len({*first.ids, *second.ids})) == (True, 1, 20_000)
    assert len(first.rows) + len(second.rows) == 20_000


def test_a_parquet_file_waits_for_the_extra_that_reads_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(folder, "a.parquet", b"PAR1" + bytes(100))
    with monkeypatch.context() as bare:
        bare.setitem(sys.modules, "pyarrow", None)
        first = pulled_from(folder)
    assert "koe[parquet]" in first.rejects[0].reason
    assert "a.parquet" not in str(first.cursor)


def test_files_that_the_server_cannot_read_do_not_hold_back_newer_ones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(MOST_PAGES + 10):
        drop(folder, f"{number}.parquet", b"PAR1" + bytes(100), seconds_ago=1000)
    drop(folder, "good.csv", rows(1, 2))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    first = pulled_from(folder)
    second = pulled_from(folder, first.cursor)
    assert (first.texts, len(first.rejects)) == (["answer 1", "answer 2"], MOST_PAGES + 10)
    assert (second.rows, second.rejects, second.pages) == ([], first.rejects, 1)


def test_files_of_other_programs_are_left_alone(folder: Path) -> None:
    for name in (".hidden.csv", "~$a.xlsx", "a.csv.part", "b.crdownload"):
        drop(folder, name, rows(1, 1))
    (folder / "sub").mkdir()
    assert (pulled_from(folder).rows, pulled_from(folder).rejects) == ([], [])


def test_a_link_out_of_the_folder_is_never_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(rows(1, 1))
    (folder / "a.csv").symlink_to(secret)
    pulled = pulled_from(folder)
    assert (pulled.rows, "links are not followed" in pulled.rejects[0].reason) == ([], True)


def test_a_folder_that_is_a_link_out_is_refused(folder: Path, tmp_path: Path) -> None:
    folder.rmdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    drop(outside, "a.csv", rows(1, 1))
    folder.symlink_to(outside)
    error = pulled_from(folder).error
    assert isinstance(error, Misconfigured)
    assert "leads out" in str(error)


def test_the_folder_of_another_workspace_is_out_of_reach(folder: Path) -> None:
    other = folder.parents[1] / "8"
    other.mkdir()
    drop(other, "a.csv", rows(1, 1))
    world = World({"path": "../8"}, folder=folder.parents[1])
    assert isinstance(collect("survey_folder", world).error, InvalidInput)


def test_pipes_and_sockets_never_block_a_pull(folder: Path) -> None:
    os.mkfifo(folder / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(folder / "s.csv"))
        for name in ("pipe.csv", "s.csv"):
            os.utime(folder / name, (0, 0))
        pulled = pulled_from(folder)
    assert (pulled.rows, len(pulled.rejects), pulled.error) == ([], 2, None)


def test_a_missing_folder_says_where_to_make_it(folder: Path) -> None:
    folder.rmdir()
    assert "no folder surveys/7/nps in KOE_HOME" in str(pulled_from(folder).error)


def test_a_process_without_a_folder_says_so() -> None:
    assert isinstance(collect("survey_folder", World({})).error, Misconfigured)


def test_columns_can_be_named(folder: Path) -> None:
    drop(folder, "a.csv", "Q1,Q7,When\n5,answer,2026-02-01\n")
    (row,) = pulled_from(folder, columns="Q7=text; When = created_at;Q1=nps").rows
    assert (row.text, row.scores is not None, row.created_at) == ("answer", True, NOW - timedelta(days=28, hours=12))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"path": "/etc"}, "path"), ({"path": "a/../../b"}, "path"), ({"path": "..\\x"}, "path"), ({"path": "a\0b"}, "path"),
        ({"columns": "Q7"}, "columns"), ({"columns": "Q7=stars"}, "columns"), ({"columns": "A=text;B=text"}, "columns"),
    ],
)  # fmt: skip
def test_refuses_options_that_cannot_work(options: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate_options(connector_named("survey_folder"), options)
    assert caught.value.field == field
