"""/v1/brands: saved boolean queries, ours and competitors'."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints

from api.auth import Manager, Reader
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page_of
from api.route import Route
from api.schemas import EVERY_CALL, Body, Name, Out, problems
from api.services import With
from store.brands import create_brand, delete_brand, get_brand, list_brands, update_brand
from store.uses import check_brand_unused

router = APIRouter(prefix="/v1/brands", tags=["brands"], route_class=Route, responses=problems(*EVERY_CALL))
BrandQuery = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


class BrandIn(Body):
    name: Name = Field(examples=["Delta"])
    query: BrandQuery = Field(
        description='Lucene syntax: words, "phrases", AND OR NOT, brackets, * at the end, fields such as attributes.airline:Delta.',
        examples=['"delta air" OR @delta NOT river'],
    )


class BrandChange(Body):
    name: Name | None = None
    query: BrandQuery | None = None


class BrandOut(Out):
    id: str
    name: str
    query: str
    created_at: datetime


@router.get("", summary="All brands")
def list_all(caller: Reader, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[BrandOut]:
    with services.database.read() as connection:
        rows, following = page_of(list_brands(connection, caller.workspace_id), limit, cursor, lambda brand: brand.id)
    return Page(data=[BrandOut.model_validate(row) for row in rows], next=following)


@router.post("", status_code=201, summary="Make a brand; everything stored is matched with it", responses=problems(409, 413, 415))
def make_brand(body: BrandIn, caller: Manager, services: With) -> BrandOut:
    with services.database.write() as connection:
        brand = create_brand(connection, caller.workspace_id, name=body.name, query=body.query, now=services.clock())
    services.nudge("roll_up")
    return BrandOut.model_validate(brand)


@router.get("/{brand_id}", summary="One brand", responses=problems(404))
def show_brand(brand_id: str, caller: Reader, services: With) -> BrandOut:
    with services.database.read() as connection:
        return BrandOut.model_validate(get_brand(connection, caller.workspace_id, brand_id))


@router.patch("/{brand_id}", summary="Rename a brand or change its query", responses=problems(404, 409, 413, 415))
def change_brand(brand_id: str, body: BrandChange, caller: Manager, services: With) -> BrandOut:
    with services.database.write() as connection:
        brand = get_brand(connection, caller.workspace_id, brand_id)
        brand = update_brand(
            connection,
            caller.workspace_id,
            brand_id,
            now=services.clock(),
            name=brand.name if body.name is None else body.name,
            query=brand.query if body.query is None else body.query,
        )
    services.nudge("roll_up")
    return BrandOut.model_validate(brand)


@router.delete("/{brand_id}", status_code=204, response_class=Response, summary="Delete a brand", responses=problems(404, 409))
def remove_brand(brand_id: str, caller: Manager, services: With) -> None:
    """Not one that an enabled rule names."""
    with services.database.write() as connection:
        check_brand_unused(connection, caller.workspace_id, brand_id)
        delete_brand(connection, caller.workspace_id, brand_id)
    services.nudge("roll_up")
