"""The import stage: rows once, broken ones named, and a worker that dies is followed at the very row."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import TransientError
from store.database import Database
from store.feedback import count_unannotated
from store.imports import append_bytes, claim_import, complete_upload, create_import, get_import
from store.records import FeedbackQuery, Import, Workspace
from store.search import search_feedback
from tests.builders import NOW
from workers import importing
from workers.importing import LEASE, Imported, run


def never() -> bool:
    return False


def upload(database: Database, workspace: Workspace, content: bytes, filename: str = "reviews.csv") -> Import:
    with database.write() as connection:
        import_ = create_import(connection, workspace.id, filename=filename, source="reviews", mapping={}, now=NOW)
        for number in range(0, len(content) // 1000 + 1):
            append_bytes(connection, import_.id, number, content[number * 1000 : (number + 1) * 1000])
        complete_upload(connection, workspace.id, import_.id)
    return import_


def csv(count: int, broken: tuple[int, ...] = ()) -> bytes:
    lines = [f'{number},"{"" if number in broken else f"The parcel, number {number}, came late."}",2026-02-01' for number in range(count)]
    return "\n".join(["id,text,created_at", *lines, ""]).encode()


def go(database: Database, folder: Path, enough: Callable[[], bool] = never) -> Imported:
    return run(database, folder=folder, clock=lambda: NOW, enough=enough)


def seen(database: Database, workspace: Workspace, import_: Import) -> Import:
    with database.read() as connection:
        return get_import(connection, workspace.id, import_.id)


def stored(database: Database) -> int:
    with database.read() as connection:
        return count_unannotated(connection)


def test_reads_a_file_to_its_end(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    import_ = upload(database, workspace, csv(2500))
    assert go(database, tmp_path) == Imported(1, 2500, more=False)
    done = seen(database, workspace, import_)
    assert (done.state, done.created, done.rows_read, done.error) == ("done", 2500, 2500, None)
    assert dict(done.mapping) == {"id": "external_id", "text": "text", "created_at": "created_at"}
    assert stored(database) == 2500


def test_the_same_file_again_changes_nothing(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    upload(database, workspace, csv(50))
    again = upload(database, workspace, csv(50))
    assert go(database, tmp_path).files == 2
    assert seen(database, workspace, again).unchanged == 50
    assert stored(database) == 50


def test_broken_rows_are_named_and_the_good_ones_kept(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    import_ = upload(database, workspace, csv(10, broken=(3, 7)))
    go(database, tmp_path)
    done = seen(database, workspace, import_)
    assert (done.created, done.rejected) == (8, 2)
    assert [reject.line for reject in done.rejects] == [5, 9]


def test_a_file_that_cannot_be_read_says_why(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    import_ = upload(database, workspace, b"")
    assert go(database, tmp_path).files == 1
    done = seen(database, workspace, import_)
    assert done.state == "failed"
    assert done.error


def test_what_comes_before_a_broken_place_is_kept(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    whole = gzip.compress(csv(5000), compresslevel=1)
    import_ = upload(database, workspace, whole[: len(whole) // 2], "reviews.csv.gz")
    go(database, tmp_path)
    done = seen(database, workspace, import_)
    assert 0 < done.created == stored(database) < 5000
    assert "ends in the middle" in done.rejects[-1].reason


def test_a_worker_that_stops_gives_the_import_back_and_another_goes_on(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    import_ = upload(database, workspace, csv(2500))
    answers = iter([False, True])
    assert go(database, tmp_path, lambda: next(answers)) == Imported(0, 1000, more=True)
    assert (seen(database, workspace, import_).state, seen(database, workspace, import_).rows_read) == ("running", 1000)
    assert go(database, tmp_path) == Imported(1, 1500, more=False)
    assert (seen(database, workspace, import_).created, stored(database)) == (2500, 2500)


def test_a_worker_that_died_is_followed_at_the_very_row(
    database: Database, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_ = upload(database, workspace, csv(2500, broken=(5,)))
    monkeypatch.setattr(importing, "CHUNK", 700)
    with database.write() as connection:
        claimed = claim_import(connection, now=NOW, lease=LEASE)
    assert claimed is not None
    reads = iter([False, False])
    with pytest.raises(StopIteration):
        importing.take_in(database, claimed, folder=tmp_path, clock=lambda: NOW, enough=lambda: next(reads))
    assert go(database, tmp_path) == Imported(0, 0, more=False)
    assert run(database, folder=tmp_path, clock=lambda: NOW + LEASE, enough=never) == Imported(1, 400, more=False)
    done = seen(database, workspace, import_)
    assert (done.created, done.rejected, done.rows_read, stored(database)) == (2499, 1, 2500, 2499)


def test_a_worker_that_was_silent_for_too_long_leaves_the_import_to_the_other(
    database: Database, workspace: Workspace, tmp_path: Path
) -> None:
    import_ = upload(database, workspace, csv(2500))
    with database.write() as connection:
        slow = claim_import(connection, now=NOW, lease=LEASE)
    assert slow is not None
    run(database, folder=tmp_path, clock=lambda: NOW + LEASE, enough=never)
    with pytest.raises(TransientError, match="went on without this worker"):
        importing.take_in(database, slow, folder=tmp_path, clock=lambda: NOW, enough=never)
    assert (seen(database, workspace, import_).state, stored(database)) == ("done", 2500)


def test_imported_feedback_is_history(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    now = NOW.isoformat().encode()
    upload(database, workspace, b"id,text,created_at\n1,The parcel came late.," + now + b"\n")
    go(database, tmp_path)
    with database.read() as connection:
        row = search_feedback(connection, workspace.id, FeedbackQuery()).rows[0]
    assert row.feedback.live is False


def test_nothing_is_left_in_the_folder(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    upload(database, workspace, csv(10))
    go(database, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} - {path.name for path in before} <= {"koe.sqlite3-wal", "koe.sqlite3-shm"}
