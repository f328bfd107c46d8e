"""Shapes of sources: what is live divides by language and length; imports and late rows change none."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from core.errors import InvalidInput
from core.times import BUCKET, DAY, HOUR
from store.annotations import save_annotations
from store.database import Database
from store.feedback import delete_feedback
from store.records import Shape, Workspace
from store.rollups import roll_up_touched
from store.shapes import hourly_shapes
from tests.builders import NOW, a_new_feedback, an_annotation, store_annotated

LONG = "the very same long complaint"


def count(connection: Connection) -> None:
    while roll_up_touched(connection, limit=1000, now=NOW):
        pass


def test_divides_what_came_by_language_and_length(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rows = [
            (a_new_feedback("x" * 7, hours_ago=1), an_annotation(language="en")),
            (a_new_feedback("ü" * 8, hours_ago=1), an_annotation(language="de")),
            (a_new_feedback("z" * 9, hours_ago=0.1), an_annotation(language="en")),
            (a_new_feedback("y" * 5000, hours_ago=1.5), an_annotation(language="en")),
            (a_new_feedback(LONG, hours_ago=2, source="shop"), an_annotation()),
            (a_new_feedback(LONG, hours_ago=1.9, source="shop"), an_annotation()),
        ]
        store_annotated(connection, workspace.id, rows)
        count(connection)
        found = hourly_shapes(connection, workspace.id, NOW - 4 * HOUR, NOW)
        until = hourly_shapes(connection, workspace.id, NOW - 4 * HOUR, NOW - HOUR + BUCKET, source="api")
    two, one = NOW - 2 * HOUR, NOW - HOUR
    both = {"en": 1, "de": 1}
    assert found["api"] == {two: Shape(1, 0, {"en": 1}, {"4096": 1}), one: Shape(3, 0, both | {"en": 2}, {"0": 1, "8": 2})}
    assert found["shop"] == {two: Shape(2, 1, {"en": 2}, {"16": 2})}
    assert until == {"api": {two: Shape(1, 0, {"en": 1}, {"4096": 1}), one: Shape(2, 0, both, {"0": 1, "8": 1})}}


def test_late_rows_and_imports_have_no_shape(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        store_annotated(connection, workspace.id, [(a_new_feedback(LONG, hours_ago=2), an_annotation())], live=True)
        late = [(a_new_feedback(LONG, hours_ago=1.9), an_annotation(language="de")) for _ in range(3)]
        store_annotated(connection, workspace.id, late, live=False)
        count(connection)
        found = hourly_shapes(connection, workspace.id, NOW - DAY, NOW)
    assert found == {"api": {NOW - 2 * HOUR: Shape(1, 0, {"en": 1}, {"16": 1})}}


def test_what_is_erased_or_annotated_again_has_none(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        some = [(a_new_feedback(f"Some {number}"), an_annotation()) for number in range(3)]
        again, gone, _ = store_annotated(connection, workspace.id, some)
        count(connection)
        save_annotations(connection, [(again, an_annotation(language="ja"))], NOW)
        delete_feedback(connection, workspace.id, gone.id, NOW)
        count(connection)
        found = hourly_shapes(connection, workspace.id, NOW - DAY, NOW)
    assert found == {"api": {NOW - HOUR: Shape(1, 0, {"en": 1}, {"0": 1})}}


@pytest.mark.parametrize(("since", "until"), [(timedelta(minutes=90), timedelta(0)), (HOUR, timedelta(minutes=7))])
def test_refuses_what_is_no_hour(database: Database, workspace: Workspace, since: timedelta, until: timedelta) -> None:
    with database.read() as connection, pytest.raises(InvalidInput, match="whole hours"):
        hourly_shapes(connection, workspace.id, NOW - since, NOW - until)
