"""Embeddings are kept with the annotation, go with it, and are read for one workspace at a time."""

from datetime import timedelta

import pytest

from core.errors import Conflict, NotFound
from store.database import Database
from store.feedback import add_new, delete_feedback
from store.records import Embedding, Workspace
from store.similar import get_embedding, load_directions
from store.workspaces import create_workspace
from tests.builders import NOW, a_new_feedback, an_annotation, store_annotated, with_text

EAST, WEST = Embedding("s1", b"\x7f\x00\x80"), Embedding("s1", b"\x81\x00\x0a")


def found(database: Database, workspace: Workspace, space: str = "s1", *, most: int = 10) -> list[bytes]:
    with database.read() as connection:
        ids, directions = load_directions(connection, workspace.id, space, since=NOW - timedelta(hours=5), until=NOW, most=most)
    assert len(ids) == len(directions)
    return list(directions)


def test_the_newest_of_a_stretch_and_space_are_read(database: Database, workspace: Workspace) -> None:
    other_space = Embedding("s2", b"\x01\x01\x01")
    rows = [(3, EAST), (1, WEST), (6, EAST), (2, other_space)]
    with database.write() as connection:
        store_annotated(connection, workspace.id, [(a_new_feedback(hours_ago=h), an_annotation(embedding=e)) for h, e in rows])
    assert found(database, workspace) == [WEST.direction, EAST.direction]
    assert found(database, workspace, most=1) == [WEST.direction]
    assert found(database, workspace, "s2") == [other_space.direction]


def test_another_workspace_is_not_read(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
        [theirs] = store_annotated(connection, other.id, [(a_new_feedback(), an_annotation(embedding=EAST))])
    assert found(database, workspace) == []
    with database.read() as connection, pytest.raises(NotFound):
        get_embedding(connection, workspace.id, theirs.id)


def test_an_embedding_goes_with_the_text_it_was_made_of(database: Database, workspace: Workspace) -> None:
    news = [a_new_feedback(), a_new_feedback()]
    with database.write() as connection:
        edited, erased = store_annotated(connection, workspace.id, [(new, an_annotation(embedding=EAST)) for new in news])
        add_new(connection, workspace.id, [with_text(news[0], "Another text.")], now=NOW, live=True)
        delete_feedback(connection, workspace.id, erased.id, NOW)
    assert found(database, workspace) == []
    with database.read() as connection, pytest.raises(Conflict):
        get_embedding(connection, workspace.id, edited.id)


def test_a_new_model_replaces_the_embedding(database: Database, workspace: Workspace) -> None:
    new = a_new_feedback()
    with database.write() as connection:
        [row] = store_annotated(connection, workspace.id, [(new, an_annotation(embedding=EAST))])
        store_annotated(connection, workspace.id, [(new, an_annotation(model="koe-2", embedding=WEST))])
        assert get_embedding(connection, workspace.id, row.id) == WEST
        store_annotated(connection, workspace.id, [(new, an_annotation(model="koe-3"))])
    assert found(database, workspace) == []
