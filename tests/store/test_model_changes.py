"""Which model annotates since when."""

from datetime import datetime, timedelta

from store.database import Database
from store.model_changes import MOST_CHANGES, comparable_since, current_model, note_model
from tests.builders import NOW

HOUR = timedelta(hours=1)


def note(database: Database, *models: str) -> None:
    """One model an hour from NOW."""
    with database.write() as connection:
        for number, model in enumerate(models):
            note_model(connection, model, "1", NOW + number * HOUR)


def since(database: Database) -> datetime | None:
    with database.read() as connection:
        return comparable_since(connection)


def test_before_the_first_annotation_there_is_no_model(database: Database) -> None:
    with database.read() as connection:
        assert current_model(connection) is None
    assert since(database) is None


def test_the_first_model_can_be_compared_with_all_there_is(database: Database) -> None:
    note(database, "a", "a")
    assert since(database) is None


def test_a_new_model_can_be_compared_with_itself_only(database: Database) -> None:
    note(database, "a", "b", "b", "b")
    assert since(database) == NOW + HOUR
    with database.read() as connection:
        assert current_model(connection) == ("b", "1")


def test_going_back_to_an_older_model_is_a_change_as_well(database: Database) -> None:
    note(database, "a", "b", "a")
    assert since(database) == NOW + 2 * HOUR


def test_another_taxonomy_is_another_model(database: Database) -> None:
    note(database, "a")
    with database.write() as connection:
        note_model(connection, "a", "2", NOW + HOUR)
    assert since(database) == NOW + HOUR


def test_two_models_that_take_turns_do_not_fill_the_database(database: Database) -> None:
    note(database, *("a", "b") * 3 * MOST_CHANGES)
    assert since(database) == NOW + (6 * MOST_CHANGES - 1) * HOUR
