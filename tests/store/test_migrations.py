"""The migrations: up and down on both databases, and the same schema as the tables say."""

import re
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, TextClause, insert, inspect, select, text

from core.times import BUCKET, DAY, HOUR
from store.brands import counts_of_brands, create_brand
from store.database import Database
from store.dialect import UtcTime
from store.model_changes import comparable_since, note_model
from store.records import BrandCounts, Workspace
from store.rollups import count_touched, roll_up_touched
from store.tables import metadata, rollups
from store.workspaces import create_workspace, list_workspaces
from tests.builders import NOW, a_new_feedback, an_annotation, store_annotated
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


def test_what_was_noted_of_the_model_is_noted_of_every_workspace(database: Database) -> None:
    database.downgrade("emotion")
    with database.write() as connection:
        for name in ("acme", "other"):
            connection.execute(
                text("INSERT INTO workspaces (name, dimensions, created_at) VALUES (:name, '[]', :now)"), stamp(connection, name)
            )
        for model in ("a", "b"):
            connection.execute(
                text("INSERT INTO model_changes (model, taxonomy, since) VALUES (:name, '1', :now)"), stamp(connection, model)
            )
    database.upgrade()
    with database.write() as connection:
        acme, other = list_workspaces(connection)
        note_model(connection, other.id, "b+a1", "1", NOW + BUCKET)
        assert (comparable_since(connection, acme.id), comparable_since(connection, other.id)) == (NOW, NOW + BUCKET)
    database.downgrade("emotion")
    with database.read() as connection:
        noted = connection.execute(text("SELECT model FROM model_changes ORDER BY id")).scalars().all()
    database.upgrade()
    assert noted[-1] == "b+a1"


def test_what_was_counted_by_former_dimensions_is_taken_out(database: Database, workspace: Workspace) -> None:
    database.downgrade("reannotations")
    with database.write() as connection:
        store_annotated(connection, workspace.id, [(a_new_feedback(), an_annotation())])
        roll_up_touched(connection, limit=100, now=NOW)
        kept = connection.execute(select(rollups)).all()
        connection.execute(insert(rollups), {**kept[0]._mapping, "dims": "attributes.account", "first": "Jane Doe"})
    database.upgrade()
    with database.read() as connection:
        assert connection.execute(select(rollups)).all() == kept


def test_what_is_stored_is_matched_with_brands_anew(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
        brand = create_brand(connection, workspace.id, name="Ours", query="delta", now=NOW - DAY)
        for one in (workspace, other):
            store_annotated(connection, one.id, [(a_new_feedback(hours_ago=hours), an_annotation()) for hours in (1, 2, 3)])
        roll_up_touched(connection, limit=100, now=NOW)
    database.downgrade("counted_dimensions")
    database.upgrade()
    with database.write() as connection:
        found = [counts_of_brands(connection, workspace.id)[brand.id]]
        assert count_touched(connection) == 3
        roll_up_touched(connection, limit=2, now=NOW)
        found.append(counts_of_brands(connection, workspace.id)[brand.id])
        roll_up_touched(connection, limit=1, now=NOW)
        found.append(counts_of_brands(connection, workspace.id)[brand.id])
    assert [one.since for one in found] == [NOW - HOUR + BUCKET, NOW - 3 * HOUR + BUCKET, None]
    assert {one.changed_at for one in found} == {NOW}


def test_a_brand_of_a_workspace_without_feedback_waits_for_nothing(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        brand = create_brand(connection, workspace.id, name="Ours", query="delta", now=NOW)
    database.downgrade("counted_dimensions")
    database.upgrade()
    with database.read() as connection:
        assert counts_of_brands(connection, workspace.id) == {brand.id: BrandCounts(None, None, None)}


def stamp(connection: Connection, name: str) -> dict[str, object]:
    """A name and the present, as the column of the database at hand keeps it."""
    return {"name": name, "now": UtcTime().process_bind_param(NOW, connection.dialect)}


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
