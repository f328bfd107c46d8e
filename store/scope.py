"""A scope as JSON, and as the one text that names it: equal scopes have equal keys."""

from collections.abc import Mapping
from typing import Any

from store.dialect import to_json
from store.records import Scope


def scope_values(scope: Scope) -> dict[str, Any]:
    """What is stored: only what is set."""
    parts = {"brand": scope.brand, "topic": scope.topic, "source": scope.source, "language": scope.language}
    values: dict[str, Any] = {name: value for name, value in parts.items() if value is not None}
    return values | ({"attributes": dict(sorted(scope.attributes.items()))} if scope.attributes else {})


def to_scope(values: Mapping[str, Any]) -> Scope:
    """The scope behind what was stored."""
    return Scope(**values)


def scope_key(scope: Scope) -> str:
    """The same text for the same scope."""
    return to_json(scope_values(scope))
