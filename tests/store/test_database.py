"""The door to the database: snapshots, all-or-nothing, threads, forks and errors that a caller can act on."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from core.errors import Misconfigured, PermanentError, TransientError
from store.database import Database
from store.tables import workspaces
from store.workspaces import create_workspace, find_workspace, list_workspaces
from tests.builders import NOW
from tests.threads import together


def test_an_exception_undoes_everything(database: Database) -> None:
    def fail_halfway() -> None:
        with database.write() as connection:
            create_workspace(connection, "half", NOW)
            raise PermanentError("no")

    with pytest.raises(PermanentError):
        fail_halfway()
    with database.read() as connection:
        assert list_workspaces(connection) == []


def test_a_reader_sees_one_moment(database: Database) -> None:
    with database.read() as reader:
        assert list_workspaces(reader) == []
        with database.write() as writer:
            create_workspace(writer, "new", NOW)
        assert list_workspaces(reader) == []
    with database.read() as reader:
        assert len(list_workspaces(reader)) == 1


def test_a_reader_cannot_write_and_the_next_writer_can(database: Database) -> None:
    with pytest.raises(Exception, match=r"readonly|read-only"), database.read() as connection:
        create_workspace(connection, "sneaky", NOW)
    with database.write() as connection:
        create_workspace(connection, "proper", NOW)


def test_writers_that_read_first_wait_for_each_other(database: Database) -> None:
    with database.write() as connection:
        create_workspace(connection, "0", NOW)

    def count_up() -> None:
        for _ in range(10):
            with database.write() as connection:
                row = connection.execute(select(workspaces).with_for_update()).one()
                connection.execute(workspaces.update().values(name=str(int(row.name) + 1)))

    together([count_up] * 4)
    with database.read() as connection:
        assert find_workspace(connection, "40") is not None


def test_keeps_times_to_the_microsecond_whatever_the_zone_of_the_session(database: Database) -> None:
    moment = NOW + timedelta(microseconds=123_457)
    with database.write() as connection:
        if database.name == "postgresql":
            connection.execute(text("SET TIME ZONE 'Asia/Tokyo'"))
        stored = create_workspace(connection, "precise", moment).created_at
    assert (stored, stored.utcoffset()) == (moment, timedelta(0))


def test_refuses_times_without_a_zone(sqlite_database: Database) -> None:
    with pytest.raises(Exception, match="no zone"), sqlite_database.write() as connection:
        create_workspace(connection, "naive", NOW.replace(tzinfo=None))


def test_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    databases = [Database(f"sqlite:///{tmp_path / 'new' / 'koe.sqlite3'}") for _ in range(3)]
    together([one.upgrade for one in databases])
    assert databases[0].is_current()
    for one in databases:
        one.dispose()


def test_processes_that_open_a_new_file_at_once_all_come_in(tmp_path: Path) -> None:
    for number in range(40):
        databases = [Database(f"sqlite:///{tmp_path}/{number}.sqlite3") for _ in range(8)]
        together([one.ping for one in databases])
        for one in databases:
            one.dispose()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_speaks_on_its_own_connection(database: Database) -> None:
    with database.write() as connection:
        create_workspace(connection, "parent", NOW)
    child = os.fork()
    if child == 0:
        with database.write() as connection:
            create_workspace(connection, "child", NOW)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    with database.read() as connection:
        assert [one.name for one in list_workspaces(connection)] == ["parent", "child"]


def test_a_database_that_is_away_can_be_tried_again() -> None:
    database = Database("postgresql://koe:hush@127.0.0.1:9/koe")
    with pytest.raises(TransientError) as caught:
        database.ping()
    assert "hush" not in str(caught.value)


def test_a_wrong_statement_is_not_tried_again(database: Database) -> None:
    with pytest.raises(DBAPIError), database.read() as connection:
        connection.execute(text("SELECT * FROM nowhere"))


def test_an_error_does_not_tell_what_a_customer_wrote(database: Database) -> None:
    with database.write() as connection:
        create_workspace(connection, "secret words", NOW)
    with pytest.raises(Exception, match=r"(?i)unique") as caught, database.write() as connection:
        connection.execute(workspaces.insert(), {"name": "secret words", "dimensions": [], "created_at": NOW})
    assert "secret words" not in str(caught.value).replace("(name)=(secret words)", "")


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgres://koe@host/koe", "postgresql+psycopg"),
        ("postgresql://koe@host/koe", "postgresql+psycopg"),
        ("postgresql+psycopg://koe@host/koe", "postgresql+psycopg"),
        ("sqlite:////tmp/koe.sqlite3", "sqlite"),
    ],
)
def test_understands_the_usual_spellings(url: str, driver: str) -> None:
    assert Database(url).url.drivername == driver


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://koe@host/koe", "sqlite://", "sqlite:///:memory:"])
def test_says_which_urls_are_valid(url: str) -> None:
    with pytest.raises(Misconfigured, match="sqlite:///"):
        Database(url)
