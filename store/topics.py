"""What a workspace changed of the taxonomy. Every change counts its version up, and counts made under two versions are not one series."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import Conflict, InvalidInput, NotFound
from store.dialect import AnyRow, insert_into, row_id, storable_json
from store.locks import lock_workspace
from store.records import CustomTopic, WorkspaceTaxonomy
from store.tables import taxonomies, topics

MOST_TOPICS = 100
"""Of one workspace: each is looked for in every text."""


def workspace_taxonomy(connection: Connection, workspace_id: str) -> WorkspaceTaxonomy | None:
    """What the workspace changed; None for one that never did. Topics in the order in which they were added."""
    workspace = row_id(workspace_id, "workspace")
    state = connection.execute(select(taxonomies).where(taxonomies.c.workspace_id == workspace)).one_or_none()
    if state is None:
        return None
    mine = select(topics).where(topics.c.workspace_id == workspace).order_by(topics.c.created_at, topics.c.topic)
    return WorkspaceTaxonomy(state.number, tuple(map(_to_topic, connection.execute(mine))), frozenset(state.hidden))


def title_of(topic: CustomTopic, language: str = "en") -> str:
    """What a topic is called in a language, else in English, else in the first language that it has a name in."""
    names = dict(topic.name)
    return names.get(language) or names.get("en") or topic.name[0][1]


def add_topic(connection: Connection, workspace_id: str, topic: CustomTopic, now: datetime) -> None:
    """Raises Conflict when the workspace has a topic of this id, InvalidInput when it has as many as it may."""
    workspace = _count_change(connection, workspace_id)
    present = connection.scalars(select(topics.c.topic).where(topics.c.workspace_id == workspace)).all()
    if topic.id in present:
        raise Conflict(f"there is a topic {topic.id!r} already; PUT /v1/taxonomy/topics/{topic.id} changes it")
    if len(present) >= MOST_TOPICS:
        raise InvalidInput(f"{len(present)} topics are as many as a workspace may have; delete one first")
    try:
        with connection.begin_nested():
            connection.execute(insert(topics), {"workspace_id": workspace, "topic": topic.id, "created_at": now, **_values(topic)})
    except IntegrityError:
        raise Conflict(f"there is a topic {topic.id!r} already") from None


def change_topic(connection: Connection, workspace_id: str, topic: CustomTopic) -> None:
    """Replace what a topic says. Raises NotFound."""
    workspace = _count_change(connection, workspace_id)
    mine = (topics.c.workspace_id == workspace) & (topics.c.topic == topic.id)
    if not connection.execute(update(topics).where(mine).values(_values(topic))).rowcount:
        raise NotFound(f"no topic {topic.id!r} of this workspace's own")


def delete_topic(connection: Connection, workspace_id: str, topic_id: str) -> None:
    """Topics below it stay, without a parent. Raises NotFound."""
    workspace = _count_change(connection, workspace_id)
    mine = (topics.c.workspace_id == workspace) & (topics.c.topic == topic_id)
    if not connection.execute(delete(topics).where(mine)).rowcount:
        raise NotFound(f"no topic {topic_id[:60]!r} of this workspace's own")
    below = (topics.c.workspace_id == workspace) & (topics.c.parent == topic_id)
    connection.execute(update(topics).where(below).values(parent=None))


def hide_topics(connection: Connection, workspace_id: str, hidden: frozenset[str]) -> None:
    """From now on these built-in topics, and no others, are not looked for."""
    workspace = _count_change(connection, workspace_id)
    connection.execute(update(taxonomies).where(taxonomies.c.workspace_id == workspace).values(hidden=sorted(hidden)))


def _count_change(connection: Connection, workspace_id: str) -> int:
    """Changes of one workspace take turns, each with a number of its own."""
    workspace = row_id(workspace_id, "workspace")
    lock_workspace(connection, workspace)
    first = insert_into(connection, taxonomies).on_conflict_do_nothing()
    connection.execute(first, {"workspace_id": workspace, "number": 0, "hidden": []})
    connection.execute(update(taxonomies).where(taxonomies.c.workspace_id == workspace).values(number=taxonomies.c.number + 1))
    return workspace


def _values(topic: CustomTopic) -> Mapping[str, object]:
    return {
        "parent": topic.parent,
        "name": storable_json(dict(topic.name)),
        "description": storable_json(dict(topic.description)),
        "examples": storable_json(list(topic.examples)),
    }


def _to_topic(row: AnyRow) -> CustomTopic:
    name, description = (tuple(sorted(words.items())) for words in (row.name, row.description))
    return CustomTopic(row.topic, row.parent, name, description, tuple(row.examples))
