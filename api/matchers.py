"""Matchers as they are sent: each name and value is checked against what there is, so that none of them can never match."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints
from sqlalchemy import Connection

from api.filters import known_brand, known_dimension, known_rule
from api.languages import known_language
from api.schemas import Out, check_topic
from api.services import Services
from core.errors import InvalidInput
from insights.matching import ATTRIBUTE, LABELS
from store.records import MEASURES, SEVERITIES, Matcher
from store.workspaces import get_workspace

Value = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class MatcherShape(Out):
    """`=`: the label of the alert is any of the values; `!=`: none of them. The empty text stands for what the alert leaves open."""

    model_config = ConfigDict(from_attributes=True, extra="forbid", strict=True)

    name: str = Field(max_length=100, examples=["topic"])
    op: Literal["=", "!="] = "="
    values: list[Value] = Field(min_length=1, max_length=50, examples=[["delivery"]])


Matchers = Annotated[list[MatcherShape], Field(max_length=20)]


def check_matchers(
    connection: Connection, services: Services, workspace_id: str, asked: Sequence[MatcherShape], field: str
) -> list[Matcher]:
    """What is stored: ids for names. Raises InvalidInput naming the place and what would be valid."""
    dimensions = get_workspace(connection, workspace_id).dimensions
    checked = []
    for number, one in enumerate(asked):
        place = f"{field}.{number}"
        check_label(one.name, dimensions, f"{place}.name")
        values = [known_value(connection, services, workspace_id, one.name, value, f"{place}.values") for value in one.values]
        checked.append(Matcher(one.name, one.op, tuple(values)))
    return checked


def check_label(name: str, dimensions: Sequence[str], field: str) -> None:
    """Raises InvalidInput naming the labels of alerts."""
    plain = name.removeprefix(ATTRIBUTE)
    if name in LABELS or (name != plain and plain in dimensions):
        return
    valid = ", ".join([*LABELS, *(ATTRIBUTE + one for one in dimensions)])
    if name != plain:
        known_dimension(plain, tuple(dimensions))
    raise InvalidInput(f"unknown label {name[:40]!r}; valid are {valid}", field=field)


def known_value(connection: Connection, services: Services, workspace_id: str, name: str, value: str, field: str) -> str:
    """One value as alerts bear it. Raises InvalidInput for one that no alert can have."""
    if not value:
        return value
    if name == "brand":
        return known_brand(connection, workspace_id, value) or value
    if name == "rule":
        return known_rule(connection, workspace_id, value, field) or value
    if name == "topic":
        check_topic(value, services.topics_of(connection, workspace_id), field)
    if name == "language":
        return known_language(value) or value
    valid = {"severity": SEVERITIES, "measure": MEASURES}.get(name)
    if valid is not None and value not in valid:
        raise InvalidInput(f"unknown {name} {value[:40]!r}; valid are {', '.join(valid)}", field=field)
    return value
