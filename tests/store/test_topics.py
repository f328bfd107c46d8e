"""What a workspace changes of the taxonomy: kept per workspace, every change counted."""

import pytest

from core.errors import Conflict, InvalidInput, NotFound
from store import topics as store
from store.database import Database
from store.records import CustomTopic, Workspace, WorkspaceTaxonomy
from store.topics import add_topic, change_topic, delete_topic, hide_topics, workspace_taxonomy
from store.workspaces import create_workspace
from tests.builders import NOW

CARD = CustomTopic(
    "loyalty", None, (("en", "Loyalty card"), ("ja", "ポイント")), (("en", "Points <b>&amp;</b> rewards"),), ("no points", "\x00")
)


def present(database: Database, workspace: Workspace) -> WorkspaceTaxonomy | None:
    with database.read() as connection:
        return workspace_taxonomy(connection, workspace.id)


def test_a_topic_comes_back_as_it_was_given(database: Database, workspace: Workspace) -> None:
    assert present(database, workspace) is None
    with database.write() as connection:
        add_topic(connection, workspace.id, CARD, NOW)
    assert present(database, workspace) == WorkspaceTaxonomy(
        1, (CustomTopic("loyalty", None, CARD.name, CARD.description, ("no points", "\ufffd")),), frozenset()
    )


def test_every_change_counts_one_up(database: Database, workspace: Workspace) -> None:
    below = CustomTopic("points", "loyalty", (("en", "Points"),), (), ())
    with database.write() as connection:
        add_topic(connection, workspace.id, CARD, NOW)
        add_topic(connection, workspace.id, below, NOW)
        change_topic(connection, workspace.id, CustomTopic("loyalty", None, (("de", "Karte"),), (), ()))
        hide_topics(connection, workspace.id, frozenset({"food", "staff"}))
        delete_topic(connection, workspace.id, "loyalty")
    orphan = CustomTopic("points", None, below.name, (), ())
    assert present(database, workspace) == WorkspaceTaxonomy(5, (orphan,), frozenset({"food", "staff"}))


def test_refuses_what_clashes_or_is_not_there(database: Database, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.write() as connection:
        add_topic(connection, workspace.id, CARD, NOW)
        with pytest.raises(Conflict):
            add_topic(connection, workspace.id, CARD, NOW)
        with pytest.raises(NotFound):
            delete_topic(connection, workspace.id, "other")
        monkeypatch.setattr(store, "MOST_TOPICS", 1)
        with pytest.raises(InvalidInput):
            add_topic(connection, workspace.id, CustomTopic("more", None, (("en", "More"),), (), ()), NOW)


def test_workspaces_do_not_share_topics(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
        add_topic(connection, workspace.id, CARD, NOW)
        with pytest.raises(NotFound):
            change_topic(connection, other.id, CARD)
    seen = present(database, other)
    assert seen is None or not seen.topics
