"""Dimensions: what counts can be split by. Counts are kept in advance for none, one or two of them; more are counted from the rows."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from core.errors import InvalidInput
from store.records import Scope

FIXED = ("brand", "topic", "source", "language")
ATTRIBUTE = "attributes."
LENGTH = "length"
"""Of texts: counted beside their source alone, to notice a source that changes shape; nobody splits by it."""
MOST_IN_ADVANCE = 2
"""Three dimensions would make hundreds of counts of one feedback."""


def dimension_names(attributes: Sequence[str]) -> list[str]:
    """Every dimension of a workspace with these attributes, in the one order that names of facets use."""
    return sort_dimensions([*FIXED, *(ATTRIBUTE + name for name in attributes)])


def sort_dimensions(names: Iterable[str]) -> list[str]:
    """In the order of FIXED, then others by name; each once."""
    return sorted(set(names), key=lambda name: (FIXED.index(name) if name in FIXED else len(FIXED), name))


def facet_name(names: Iterable[str]) -> str:
    """How the table of rollups names a set of dimensions: "", "topic", "brand,topic"."""
    return ",".join(sort_dimensions(names))


def facet_names(attributes: Sequence[str]) -> list[str]:
    """Every facet that is counted in advance: 1 + n + n(n-1)/2 of n dimensions, and the lengths of each source."""
    names = dimension_names(attributes)
    facets = [",".join(chosen) for size in range(MOST_IN_ADVANCE + 1) for chosen in combinations(names, size)]
    return [*facets, facet_name(["source", LENGTH])]


def scope_filters(scope: Scope) -> dict[str, str]:
    """Dimension -> value, of what a scope fixes."""
    fixed = {"brand": scope.brand, "topic": scope.topic, "source": scope.source, "language": scope.language}
    chosen = {name: value for name, value in fixed.items() if value is not None}
    return chosen | {ATTRIBUTE + name: value for name, value in scope.attributes.items()}


def filters_scope(filters: Mapping[str, str]) -> Scope:
    """The scope that fixes these dimensions."""
    return Scope(
        brand=filters.get("brand"),
        topic=filters.get("topic"),
        source=filters.get("source"),
        language=filters.get("language"),
        attributes={name.removeprefix(ATTRIBUTE): value for name, value in filters.items() if name.startswith(ATTRIBUTE)},
    )


def check_dimensions(names: Iterable[str], attributes: Sequence[str], *, field: str, also: Sequence[str] = ()) -> None:
    """Raises InvalidInput naming what is valid for a name that is no dimension of the workspace, nor one of `also`."""
    valid = [*also, *dimension_names(attributes)]
    for name in names:
        if name not in valid:
            raise InvalidInput(f"unknown dimension {name[:60]!r}; valid are {', '.join(valid)}", field=field)
