"""The migrations: up and down on both databases, and the same schema as the tables say."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from store.database import Database
from store.tables import metadata


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
