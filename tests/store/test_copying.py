"""A database moves to another of whichever kind: every row, what was erased stays erased, and no id is given twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Row, select

from core.errors import InvalidInput, Misconfigured
from store.copying import copy_database
from store.database import Database
from store.feedback import add_new, delete_feedback
from store.records import Workspace
from store.tables import metadata
from store.workspaces import create_workspace
from tests.builders import NOW, a_new_feedback
from tests.store.test_isolation import fill


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path / 'target.sqlite3'}")
        yield made
        made.dispose()
    else:
        yield request.getfixturevalue("postgres_database")


def rows_of(database: Database) -> dict[str, list[Row[tuple[object, ...]]]]:
    with database.read() as connection:
        return {
            table.name: list(connection.execute(select(table).order_by(*table.primary_key.columns))) for table in metadata.sorted_tables
        }


def test_every_row_moves_and_no_id_is_given_twice(database: Database, workspace: Workspace, target: Database) -> None:
    if database.name == target.name == "postgresql":
        pytest.skip("the suite has one PostgreSQL database")
    feed = a_new_feedback("erase me", external_id="gone")
    with database.write() as connection:
        fill(connection, workspace)
        (last,) = add_new(connection, workspace.id, [feed], now=NOW, live=True)
        delete_feedback(connection, workspace.id, last.id, NOW)
    told = dict[str, int]()
    copy_database(database, target, note=told.__setitem__)
    there = rows_of(target)
    assert there == rows_of(database)
    assert told == {name: len(rows) for name, rows in there.items()}
    assert sum(bool(rows) for rows in there.values()) > 20
    with target.write() as connection:
        erased, fresh = add_new(connection, workspace.id, [feed, a_new_feedback()], now=NOW, live=True)
    assert erased.status == "erased"
    assert int(fresh.id) > int(last.id)


def test_what_is_there_already_is_not_mixed(sqlite_database: Database, target: Database) -> None:
    with sqlite_database.write() as connection:
        create_workspace(connection, "acme", NOW)
    copy_database(sqlite_database, target)
    before = rows_of(target)
    with pytest.raises(InvalidInput, match="holds workspaces already: give a database that is empty"):
        copy_database(sqlite_database, target)
    assert rows_of(target) == before


def test_an_older_schema_is_upgraded_first(sqlite_database: Database, target: Database) -> None:
    sqlite_database.downgrade("-1")
    with pytest.raises(Misconfigured, match="koe db upgrade"):
        copy_database(sqlite_database, target)


def test_a_database_of_another_version_is_not_touched(sqlite_database: Database, target: Database) -> None:
    target.upgrade()
    target.downgrade("-1")
    before = target.revision()
    with pytest.raises(InvalidInput, match="of another version of Koe"):
        copy_database(sqlite_database, target)
    assert target.revision() == before
    target.upgrade()
