"""Which model annotates a workspace since when."""

from datetime import datetime, timedelta

from store.database import Database
from store.model_changes import MOST_CHANGES, comparable_since, current_model, note_model
from store.records import Workspace
from store.workspaces import create_workspace
from tests.builders import NOW

HOUR = timedelta(hours=1)


def note(database: Database, workspace: Workspace, *models: str) -> None:
    """One model an hour from NOW."""
    with database.write() as connection:
        for number, model in enumerate(models):
            note_model(connection, workspace.id, model, "1", NOW + number * HOUR)


def since(database: Database, workspace: Workspace) -> datetime | None:
    with database.read() as connection:
        return comparable_since(connection, workspace.id)


def test_before_the_first_annotation_there_is_no_model(database: Database, workspace: Workspace) -> None:
    with database.read() as connection:
        assert current_model(connection, workspace.id) is None
    assert since(database, workspace) is None


def test_the_first_model_can_be_compared_with_all_there_is(database: Database, workspace: Workspace) -> None:
    note(database, workspace, "a", "a")
    assert since(database, workspace) is None


def test_a_new_model_can_be_compared_with_itself_only(database: Database, workspace: Workspace) -> None:
    note(database, workspace, "a", "b", "b", "b")
    assert since(database, workspace) == NOW + HOUR
    with database.read() as connection:
        assert current_model(connection, workspace.id) == ("b", "1")


def test_going_back_to_an_older_model_is_a_change_as_well(database: Database, workspace: Workspace) -> None:
    note(database, workspace, "a", "b", "a")
    assert since(database, workspace) == NOW + 2 * HOUR


def test_another_taxonomy_is_another_model(database: Database, workspace: Workspace) -> None:
    note(database, workspace, "a")
    with database.write() as connection:
        note_model(connection, workspace.id, "a", "2", NOW + HOUR)
    assert since(database, workspace) == NOW + HOUR


def test_two_models_that_take_turns_do_not_fill_the_database(database: Database, workspace: Workspace) -> None:
    note(database, workspace, *("a", "b") * 3 * MOST_CHANGES)
    assert since(database, workspace) == NOW + (6 * MOST_CHANGES - 1) * HOUR


def test_the_model_of_one_workspace_is_no_matter_of_another(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
    note(database, other, "a", "b")
    note(database, workspace, *["a"] * (MOST_CHANGES + 1))
    note(database, other, *("a", "b") * MOST_CHANGES)
    assert since(database, workspace) is None
    with database.read() as connection:
        assert current_model(connection, workspace.id) == ("a", "1")
