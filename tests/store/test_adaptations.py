"""Heads that workspaces fitted: the newest of the shared model at hand is in force."""

from hashlib import sha256

from store.adaptations import add_adaptation, list_adaptations, present_adaptation, undo_adaptation
from store.database import Database
from store.records import AdaptationEntry, StoredAdaptation, TaskReport, Workspace
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


def test_undoing_goes_back_one_by_one_and_no_number_comes_twice(database: Database, workspace: Workspace) -> None:
    first = add(database, workspace, b"first")
    add(database, workspace, b"second")
    with database.write() as connection:
        assert undo_adaptation(connection, workspace.id, "w1", NOW) == 2
    assert present(database, workspace) == first
    with database.write() as connection:
        assert undo_adaptation(connection, workspace.id, "w1", NOW) == 1
        assert undo_adaptation(connection, workspace.id, "w1", NOW) is None
    assert present(database, workspace) is None
    assert add(database, workspace, b"third").number == 3


def test_the_list_says_what_each_was_worth(database: Database, workspace: Workspace) -> None:
    report = TaskReport(
        "sentiment", 40, taken=True, reason="better", before=0.5, after=0.7, certainty=0.99, error_before=0.1, error_after=0.02
    )
    with database.write() as connection:
        add_adaptation(connection, workspace.id, weights="w1", content=b"x", reports=[report], now=NOW)
        assert list_adaptations(connection, workspace.id) == [AdaptationEntry(1, "w1", NOW, None, (report,))]
