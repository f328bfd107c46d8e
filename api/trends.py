"""GET /v1/trends: counts and negative share over time, raw and with reposts counted once."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.auth import Reader
from api.filters import (
    Brand,
    From,
    Language,
    Sentiments,
    Source,
    To,
    Topic,
    attribute_filters,
    known_brand,
    known_dimension,
)
from api.languages import known_language
from api.paging import Cursor, Limit, Page
from api.route import OPEN_PARAMETER, FilterRoute
from api.schemas import EVERY_CALL, Out, check_topic, problems, read_stretch
from api.services import With
from core.errors import InvalidInput
from store.records import Interval, TrendQuery
from store.rollups import trends
from store.workspaces import get_workspace

router = APIRouter(prefix="/v1/trends", tags=["trends"], route_class=FilterRoute, responses=problems(*EVERY_CALL))
DIMENSIONS = ("sentiment", "topic", "source", "language", "brand")
USUAL_STRETCH: Mapping[Interval, timedelta] = {"5m": timedelta(hours=24), "1h": timedelta(days=30), "1d": timedelta(days=90)}
MOST_GROUPS = 3


class TrendOut(Out):
    start: datetime
    group: dict[str, str]
    count: int
    effective: int
    negative: int
    negative_share: float


@router.get("", summary="Counts over time, by what you like")
def list_trends(
    *,
    request: Request,
    caller: Reader,
    services: With,
    interval: Annotated[Interval, Query()] = "1h",
    group: Annotated[
        str, Query(max_length=300, description="Comma separated: sentiment, topic, source, language, brand, attributes.<dimension>.")
    ] = "",
    since: From = None,
    until: To = None,
    brand: Brand = None,
    topic: Topic = None,
    source: Source = None,
    language: Language = None,
    sentiment: Sentiments = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Page[TrendOut]:
    """One row per bucket and group, empty buckets left out. `attributes.<dimension>=value` narrows by a dimension of the workspace.

    Without `to` it ends now; without `from` it is 24 hours for 5m, 30 days for 1h, 90 days for 1d.
    """
    first, last = read_stretch(since, until)
    last = last or services.clock()
    if first is not None and first >= last:
        raise InvalidInput("from must be before to, which is now when left out", field="from")
    with services.database.read() as connection:
        check_topic(topic, services.topics_of(connection, caller.workspace_id))
        dimensions = get_workspace(connection, caller.workspace_id).dimensions
        given = {
            "brand": known_brand(connection, caller.workspace_id, brand),
            "topic": topic,
            "source": source,
            "language": known_language(language),
            "sentiment": sentiment,
        }
        attributes = {f"{OPEN_PARAMETER}{known_dimension(name, dimensions)}": value for name, value in attribute_filters(request).items()}
        query = TrendQuery(
            interval=interval,
            since=first or last - USUAL_STRETCH[interval],
            until=last,
            group=read_group(group, dimensions),
            filters={name: value for name, value in given.items() if value is not None} | attributes,
            limit=limit,
            cursor=cursor,
        )
        page = trends(connection, caller.workspace_id, query)
    return Page(data=[TrendOut.model_validate(row) for row in page.rows], next=page.next)


def read_group(text: str, dimensions: tuple[str, ...]) -> tuple[str, ...]:
    """`sentiment,airline` -> (`sentiment`, `attributes.airline`). Raises InvalidInput naming what can be grouped by."""
    group = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name not in DIMENSIONS and name.removeprefix(OPEN_PARAMETER) not in dimensions:
            valid = ", ".join([*DIMENSIONS, *(OPEN_PARAMETER + one for one in dimensions)])
            raise InvalidInput(f"unknown dimension {name[:40]!r}; valid are {valid} (PATCH /v1/workspace adds attributes)", field="group")
        group.append(name if name in DIMENSIONS else OPEN_PARAMETER + name.removeprefix(OPEN_PARAMETER))
    if len(group) > MOST_GROUPS or len(set(group)) < len(group):
        raise InvalidInput(f"group by at most {MOST_GROUPS} dimensions, each once", field="group")
    return tuple(group)
