"""Parameters that several lists share, and how each is checked: what is unknown is answered with what is known."""

from typing import Annotated, Literal

from fastapi import Query, Request
from sqlalchemy import Connection

from api.route import OPEN_PARAMETER
from core.errors import InvalidInput
from store.brands import list_brands
from store.records import EmotionLabel
from store.rules import list_rules

Brand = Annotated[str | None, Query(max_length=100, description="Id or name of a brand.")]
Sentiments = Annotated[Literal["negative", "neutral", "positive"] | None, Query()]
Emotions = Annotated[EmotionLabel | None, Query(description="What the text feels most.")]
Topic = Annotated[str | None, Query(max_length=100, description="Id of a topic of GET /v1/taxonomy.")]
Language = Annotated[str | None, Query(max_length=35, description="What the model found: en, ja, ...")]
Source = Annotated[str | None, Query(max_length=100)]
From = Annotated[
    str | None, Query(alias="from", max_length=40, description="From this time on, such as 2026-03-01T09:30:00Z or 2026-03-01.")
]
To = Annotated[str | None, Query(alias="to", max_length=40, description="Before this time.")]


def known_brand(connection: Connection, workspace_id: str, asked: str | None) -> str | None:
    """The id of the brand with this id or name. Raises InvalidInput naming the brands there are."""
    if asked is None:
        return None
    brands = list_brands(connection, workspace_id)
    for brand in brands:
        if asked == brand.id or asked.casefold() == brand.name.casefold():
            return brand.id
    there_are = (
        f"there are {', '.join(f'{brand.id} ({brand.name})' for brand in brands[:50])}"
        if brands
        else "there are none; POST /v1/brands makes one"
    )
    raise InvalidInput(f"unknown brand {asked[:40]!r}; {there_are}", field="brand")


def known_rule(connection: Connection, workspace_id: str, asked: str | None, field: str = "rule") -> str | None:
    """The id of the rule with this id or name. Raises InvalidInput naming the rules there are."""
    if asked is None:
        return None
    rules = list_rules(connection, workspace_id)
    for rule in rules:
        if asked == rule.id or asked.casefold() == rule.name.casefold():
            return rule.id
    there_are = f"there are {', '.join(f'{rule.id} ({rule.name})' for rule in rules[:50])}" if rules else "there are none"
    raise InvalidInput(f"unknown rule {asked[:40]!r}; {there_are}", field=field)


def attribute_filters(request: Request) -> dict[str, str]:
    """`attributes.plan=pro` of the query -> {"plan": "pro"}."""
    return {
        name.removeprefix(OPEN_PARAMETER): value.strip() for name, value in request.query_params.items() if name.startswith(OPEN_PARAMETER)
    }


def known_dimension(name: str, dimensions: tuple[str, ...]) -> str:
    """Raises InvalidInput naming the workspace's dimensions."""
    if name not in dimensions:
        there_are = f"valid are {', '.join(dimensions)}" if dimensions else "there are none yet"
        raise InvalidInput(
            f"attribute {name[:40]!r} is no dimension of the workspace; {there_are} (PATCH /v1/workspace)",
            field=f"{OPEN_PARAMETER}{name[:40]}",
        )
    return name
