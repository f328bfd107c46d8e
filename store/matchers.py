"""Matchers as JSON, to and from records."""

from collections.abc import Mapping, Sequence
from typing import Any

from store.records import Matcher


def matcher_values(matchers: Sequence[Matcher]) -> list[dict[str, Any]]:
    """What is stored."""
    return [{"name": one.name, "op": one.op, "values": list(one.values)} for one in matchers]


def to_matchers(stored: Sequence[Mapping[str, Any]]) -> tuple[Matcher, ...]:
    """The matchers behind what was stored."""
    return tuple(Matcher(one["name"], one["op"], tuple(one["values"])) for one in stored)
