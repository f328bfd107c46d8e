"""/v1/keys: made, listed and revoked by administrators; a key itself is shown once, when it is made."""

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.auth import Admin, Doorkeeper
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page_of
from api.route import Route
from api.schemas import EVERY_CALL, Body, Name, Out, problems
from api.services import With
from store.keys import create_key, list_keys, revoke_key
from store.records import KeyScope

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=Route, responses=problems(*EVERY_CALL))


class KeyIn(Body):
    name: Name = Field(examples=["support desk"])
    scopes: list[KeyScope] = Field(
        min_length=1, max_length=5, description="classify, ingest, read, manage, admin (which is all).", examples=[["classify"]]
    )


class KeyOut(Out):
    id: str
    name: str
    prefix: str = Field(description="How the key begins, to know it again.")
    scopes: list[KeyScope]
    created_at: datetime
    revoked_at: datetime | None


class NewKeyOut(KeyOut):
    key: str = Field(description="The key. It is shown now and never again.")


@router.get("", summary="All keys")
def list_all(caller: Admin, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[KeyOut]:
    with services.database.read() as connection:
        rows, following = page_of(list_keys(connection, caller.workspace_id), limit, cursor, lambda key: key.id)
    return Page(data=[KeyOut.model_validate(row) for row in rows], next=following)


@router.post("", status_code=201, summary="Make a key", responses=problems(413, 415))
def make_key(body: KeyIn, caller: Admin, services: With) -> NewKeyOut:
    with services.database.write() as connection:
        key, plain = create_key(connection, caller.workspace_id, name=body.name, scopes=body.scopes, now=services.clock())
    return NewKeyOut(**KeyOut.model_validate(key).model_dump(), key=plain)


@router.delete("/{key_id}", status_code=204, response_class=Response, summary="Revoke a key", responses=problems(404))
def revoke(key_id: str, caller: Admin, services: With, request: Request) -> None:
    with services.database.write() as connection:
        revoke_key(connection, caller.workspace_id, key_id, services.clock())
    doorkeeper: Doorkeeper = request.app.state.doorkeeper
    doorkeeper.keyring.forget()
