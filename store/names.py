"""What people call the brands and topics of a workspace, in the language of whoever reads it."""

from collections.abc import Mapping

from sqlalchemy import Connection

from store.brands import list_brands
from store.records import ChannelLanguage
from store.topics import title_of, workspace_taxonomy


def names(
    connection: Connection, workspace_id: str, built_in: Mapping[str, Mapping[str, str]], language: ChannelLanguage
) -> dict[str, str]:
    """Id -> name, of brands and topics. `built_in`: the topics that ship, id -> language -> name; one that is hidden now has a past too."""
    return named(connection, workspace_id, {topic: name[language] for topic, name in built_in.items()}, language)


def named(connection: Connection, workspace_id: str, shipped: Mapping[str, str], language: ChannelLanguage) -> dict[str, str]:
    """The same, with the topics that ship already in that language: id -> name."""
    own = workspace_taxonomy(connection, workspace_id)
    added = {topic.id: title_of(topic, language) for topic in (own.topics if own else ())}
    return dict(shipped) | added | {brand.id: brand.name for brand in list_brands(connection, workspace_id)}
