"""The migrations: up and down on both databases, and the same schema as the tables say."""

import re
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, TextClause, inspect, text

from store.database import Database
from store.tables import metadata
from tests.postgres import fresh_database


def test_migrates_down_to_nothing_and_up_again(database: Database) -> None:
    assert database.is_current()
    database.downgrade("base")
    with database.read() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version", "sqlite_sequence"}
    assert not database.is_current()
    database.upgrade()
    assert database.is_current()


def test_makes_the_schema_that_the_tables_say(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    database.upgrade()
    assert database.is_current()


def test_makes_the_very_tables_and_indexes_on_sqlite(sqlite_database: Database, tmp_path: Path) -> None:
    """Also what alembic does not compare: conditions of indexes, WITHOUT ROWID, AUTOINCREMENT."""
    other = Database(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    with other.write() as connection:
        metadata.create_all(connection)
    query = text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'")
    with sqlite_database.read() as migrated, other.read() as created:
        assert shapes(migrated, query) == shapes(created, query)
    other.dispose()


def test_makes_the_very_indexes_on_postgresql(postgres_database: Database, postgres_server: str) -> None:
    query = text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'")
    with fresh_database(postgres_server) as url:
        other = Database(url)
        with other.write() as connection:
            metadata.create_all(connection)
        with postgres_database.read() as migrated, other.read() as created:
            assert shapes(migrated, query) == shapes(created, query)
        other.dispose()


def shapes(connection: Connection, query: TextClause) -> dict[str, list[str]]:
    """The words of each statement, in whatever order its constraints come."""
    return {name: sorted(re.findall(r"[^\s,()]+", sql)) for name, sql in connection.execute(query)}
