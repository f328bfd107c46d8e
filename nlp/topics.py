"""The taxonomy: the tree of things people speak of, read from the file that ships with the model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import cast

from core.errors import InvalidInput, Misconfigured
from store.records import WorkspaceTaxonomy

NAMED_IN = ("en", "ja")


@dataclass(frozen=True, slots=True)
class Topic:
    """`parent` is the id of a wider topic or None; `name` and `description` map a language (en, ja) to words for people."""

    id: str
    parent: str | None
    name: Mapping[str, str]
    description: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Topics in the order in which they are shown."""

    version: str
    topics: tuple[Topic, ...]

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(topic.id for topic in self.topics)

    @property
    def names(self) -> Mapping[str, Mapping[str, str]]:
        """Id -> language -> what it is called there."""
        return {topic.id: topic.name for topic in self.topics}

    def check(self, ids: frozenset[str], *, field: str = "topics") -> frozenset[str]:
        """`ids` when all of them are topics; InvalidInput names the others and what is valid."""
        if unknown := sorted(ids - self.ids):
            named = ", ".join(repr(one[:40]) for one in unknown[:10])
            raise InvalidInput(f"no topic {named}; valid are {', '.join(sorted(self.ids))}", field=field)
        return ids


def described(taxonomy: Taxonomy, own: WorkspaceTaxonomy | None) -> Taxonomy:
    """The taxonomy of a workspace: the built-in topics that it does not hide, and its own; `1+t7` after its seventh change."""
    if own is None or own.number == 0:
        return taxonomy
    added = (Topic(topic.id, topic.parent, dict(topic.name), dict(topic.description)) for topic in own.topics)
    kept = (topic for topic in taxonomy.topics if topic.id not in own.hidden)
    return Taxonomy(f"{taxonomy.version}+t{own.number}", (*kept, *added))


def name_of(topic: Topic) -> str:
    """In English, or in the first language that it has a name in."""
    return topic.name.get("en") or next(iter(topic.name.values()))


def load_taxonomy(path: Traversable | None = None) -> Taxonomy:
    """The taxonomy that ships, or the one at `path`. Misconfigured says what is wrong with the file."""
    path = path or files("models") / "taxonomy.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        taxonomy = Taxonomy(str(stored["version"]), tuple(_topic(topic) for topic in stored["topics"]))
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read ({error}): install Koe again") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{path}: {error!r}; expected version and topics, each with id, parent, name and description") from error
    _check_tree(taxonomy, path)
    return taxonomy


def _topic(stored: Mapping[str, object]) -> Topic:
    name, description = (cast("Mapping[str, str]", stored[part]) for part in ("name", "description"))
    for language in NAMED_IN:
        if not (name[language] and description[language]):
            raise ValueError(f"topic {stored['id']} has no name or description in {language}")
    return Topic(str(stored["id"]), cast("str | None", stored["parent"]), dict(name), dict(description))


def _check_tree(taxonomy: Taxonomy, path: Traversable) -> None:
    if len(taxonomy.ids) != len(taxonomy.topics):
        raise Misconfigured(f"{path}: two topics have one id")
    for topic in taxonomy.topics:
        if topic.parent is not None and topic.parent not in taxonomy.ids - {topic.id}:
            raise Misconfigured(f"{path}: the parent {topic.parent!r} of topic {topic.id!r} is no other topic")
