"""Heads that workspaces fitted: the newest of the shared model at hand is in force."""

from hashlib import sha256

from store.adaptations import add_adaptation, present_adaptation
from store.database import Database
from store.records import StoredAdaptation, Workspace
from store.workspaces import create_workspace
from tests.builders import NOW


def add(database: Database, workspace: Workspace, content: bytes, weights: str = "w1") -> StoredAdaptation:
    with database.write() as connection:
        return add_adaptation(connection, workspace.id, weights=weights, content=content, now=NOW)


def present(database: Database, workspace: Workspace, weights: str = "w1") -> StoredAdaptation | None:
    with database.read() as connection:
        return present_adaptation(connection, workspace.id, weights)


def test_the_newest_heads_are_in_force(database: Database, workspace: Workspace) -> None:
    assert present(database, workspace) is None
    add(database, workspace, b"first")
    second = add(database, workspace, b"\x00\xff second")
    assert second == StoredAdaptation(2, "w1", b"\x00\xff second", sha256(b"\x00\xff second").hexdigest())
    assert present(database, workspace) == second


def test_another_shared_model_has_heads_of_its_own(database: Database, workspace: Workspace) -> None:
    first = add(database, workspace, b"first")
    second = add(database, workspace, b"second", weights="w2")
    assert (present(database, workspace), present(database, workspace, "w2")) == (first, second)
    assert present(database, workspace, "w3") is None


def test_heads_of_one_workspace_are_not_in_force_in_another(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
    add(database, workspace, b"first")
    assert present(database, other) is None
    assert add(database, other, b"theirs").number == 1
