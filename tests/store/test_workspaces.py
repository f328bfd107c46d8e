"""Workspaces and their dimensions."""

from typing import Any

import pytest
from sqlalchemy import Connection, event, select

from core.errors import Conflict, InvalidInput, NotFound
from store.database import Database
from store.feedback import delete_feedback
from store.records import Workspace
from store.rollups import count_touched, roll_up_touched
from store.tables import rollups
from store.workspaces import create_workspace, find_workspace, get_workspace, set_dimensions
from tests.builders import NOW, a_new_feedback, an_annotation, store_annotated
from tests.store.test_plans import is_wrong, plan


def test_names_are_taken_once_and_the_transaction_goes_on(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        with pytest.raises(Conflict, match="acme"):
            create_workspace(connection, "acme", NOW)
        other = create_workspace(connection, "other", NOW)
    with database.read() as connection:
        assert find_workspace(connection, "other") == other
        assert find_workspace(connection, "nobody") is None


@pytest.mark.parametrize("workspace_id", ["0", "", "x", "-1", "１", "9" * 30, "1.0", " 1"])
def test_an_id_that_is_none_is_not_found(sqlite_database: Database, workspace_id: str) -> None:
    with sqlite_database.read() as connection, pytest.raises(NotFound):
        get_workspace(connection, workspace_id)


def test_new_dimensions_count_everything_again(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        store_annotated(connection, workspace.id, [(a_new_feedback(hours_ago=hours), an_annotation()) for hours in (1, 2, 2)])
        roll_up_touched(connection, limit=100, now=NOW)
        assert set_dimensions(connection, workspace.id, ["plan"], NOW).dimensions == ("plan",)
        assert count_touched(connection) == 2
        roll_up_touched(connection, limit=100, now=NOW)
        set_dimensions(connection, workspace.id, ["plan"], NOW)
        assert count_touched(connection) == 0


def test_what_was_counted_by_a_dimension_goes_with_it(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        set_dimensions(connection, workspace.id, ["account", "plan"], NOW)
        written = [(a_new_feedback(attributes={"account": "Jane Doe", "plan": "pro"}), an_annotation())]
        (one,) = store_annotated(connection, workspace.id, written)
        roll_up_touched(connection, limit=100, now=NOW)
        assert {"Jane Doe", "pro"} <= values_counted(connection)
        set_dimensions(connection, workspace.id, ["plan"], NOW)
        assert "Jane Doe" not in values_counted(connection)
        assert "pro" in values_counted(connection)
        delete_feedback(connection, workspace.id, one.id, NOW)
        set_dimensions(connection, workspace.id, ["account", "plan"], NOW)
        roll_up_touched(connection, limit=100, now=NOW)
        assert values_counted(connection) == set()


def values_counted(connection: Connection) -> set[str]:
    return {value for row in connection.execute(select(rollups.c.first, rollups.c.second)) for value in row if value}


def test_only_counts_by_a_dimension_that_is_gone_are_looked_for(sqlite_database: Database) -> None:
    asked = list[tuple[str, Any]]()
    with sqlite_database.write() as connection:
        workspace = create_workspace(connection, "acme", NOW)
        event.listen(connection.engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        set_dimensions(connection, workspace.id, ["plan", "account"], NOW)
        set_dimensions(connection, workspace.id, ["account", "plan"], NOW)
        assert [sql for sql, _ in asked if sql.startswith("DELETE")] == []
        set_dimensions(connection, workspace.id, ["plan"], NOW)
        ((sql, values),) = [one for one in asked if one[0].startswith("DELETE")]
        (line,) = plan(connection, sql, values)
    assert "workspace_id=? AND grain=? AND dims=?" in line
    assert not is_wrong(line)


@pytest.mark.parametrize("names", [["Plan"], [""], ["a" * 41], ["été"], ["a b"], ["x", "x"], list("abcdefghi")])
def test_refuses_names_that_are_no_dimensions(database: Database, workspace: Workspace, names: list[str]) -> None:
    with database.write() as connection, pytest.raises(InvalidInput):
        set_dimensions(connection, workspace.id, names, NOW)
