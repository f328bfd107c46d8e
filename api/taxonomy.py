"""GET /v1/taxonomy: the topics people speak of, with their names."""

from fastapi import APIRouter
from pydantic import Field

from api.auth import Reader
from api.route import Route
from api.schemas import EVERY_CALL, Out, problems
from api.services import With

router = APIRouter(prefix="/v1/taxonomy", tags=["taxonomy"], route_class=Route, responses=problems(*EVERY_CALL))


class TopicOut(Out):
    id: str
    parent: str | None
    name: dict[str, str] = Field(description="By language: en, ja.")
    description: dict[str, str]


class TaxonomyOut(Out):
    version: str
    topics: list[TopicOut]


@router.get("", summary="The topics")
async def get_taxonomy(_caller: Reader, services: With) -> TaxonomyOut:
    return TaxonomyOut.model_validate(services.taxonomy)
