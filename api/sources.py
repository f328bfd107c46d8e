"""/v1/sources: connectors that are configured, run now, and how they fare; a secret option goes in and never comes out."""

from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import Field

from api.auth import Manager, Reader
from api.kept_secrets import check_kept_secrets, kept_secrets
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page_of
from api.route import Route
from api.schemas import EVERY_CALL, Body, Name, Out, problems
from api.services import With
from core.errors import InvalidInput
from store.records import ConnectorSpec, OptionSpec
from store.sources import create_source, delete_source, get_source, list_sources, options_of, run_source_now, update_source

router = APIRouter(tags=["sources"], route_class=Route, responses=problems(*EVERY_CALL))
OFTENEST, SELDOMEST = 60, 30 * 86_400


class SourceIn(Body):
    name: Name = Field(description="Its feedback bears this name as `source`.", examples=["App Store, our app, JP"])
    connector: str = Field(max_length=100, description="A name of GET /v1/connectors.", examples=["rss"])
    options: dict[str, str] = Field(default_factory=dict, max_length=50, examples=[{"url": "https://example.com/reviews.xml"}])
    every_seconds: int | None = Field(default=None, ge=OFTENEST, le=SELDOMEST, description="The connector's usual when left out.")


class SourceChange(Body):
    name: Name | None = Field(default=None, description="Only of one that was not pulled yet: feedback is known by it.")
    options: dict[str, str] | None = Field(
        default=None,
        max_length=50,
        description="Replaces all options; a secret one that is left out is kept, unless it would go to a new address.",
    )
    every_seconds: int | None = Field(default=None, ge=OFTENEST, le=SELDOMEST)
    enabled: bool | None = None


class SourceStatusOut(Out):
    last_pull_at: datetime | None
    last_success_at: datetime | None
    last_error: str | None
    failures: int = Field(description="In a row.")
    stored: int


class SourceOut(Out):
    id: str
    name: str
    connector: str
    options: dict[str, str] = Field(description="Without secret ones.")
    every_seconds: int
    enabled: bool
    next_pull_at: datetime
    created_at: datetime
    status: SourceStatusOut


class OptionOut(Out):
    name: str
    description: str
    required: bool
    secret: bool
    default: str | None
    example: str | None


class ConnectorOut(Out):
    name: str
    description: str
    options: list[OptionOut]
    every_seconds: int


@router.get("/v1/connectors", summary="Kinds of sources there are, and their options")
async def list_connectors(_caller: Reader, services: With) -> Page[ConnectorOut]:
    return Page(data=[ConnectorOut.model_validate(spec) for spec in services.connectors.values()], next=None)


@router.get("/v1/sources", summary="All sources")
def list_all(caller: Reader, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[SourceOut]:
    with services.database.read() as connection:
        rows, following = page_of(list_sources(connection, caller.workspace_id), limit, cursor, lambda source: source.id)
    return Page(data=[SourceOut.model_validate(row) for row in rows], next=following)


@router.post(
    "/v1/sources",
    status_code=201,
    summary="Make a source; it is pulled at once and then on its schedule",
    responses=problems(409, 413, 415),
)
def make_source(body: SourceIn, caller: Manager, services: With) -> SourceOut:
    spec = known_connector(services.connectors, body.connector)
    spec.check(body.options)
    with services.database.write() as connection:
        source = create_source(
            connection,
            caller.workspace_id,
            name=body.name,
            connector=spec.name,
            options=body.options,
            secrets=secret_names(spec),
            every_seconds=body.every_seconds or spec.every_seconds,
            now=services.clock(),
            vault=services.vault,
        )
    services.nudge("collect")
    return SourceOut.model_validate(source)


@router.get("/v1/sources/{source_id}", summary="One source", responses=problems(404))
def show_source(source_id: str, caller: Reader, services: With) -> SourceOut:
    with services.database.read() as connection:
        return SourceOut.model_validate(get_source(connection, caller.workspace_id, source_id))


@router.patch("/v1/sources/{source_id}", summary="Change a source, or switch it off", responses=problems(404, 409, 413, 415))
def change_source(source_id: str, body: SourceChange, caller: Manager, services: With) -> SourceOut:
    with services.database.write() as connection:
        old = get_source(connection, caller.workspace_id, source_id)
        spec = known_connector(services.connectors, old.connector)
        if body.options is not None:
            secret = secret_names(spec)
            after = {name: value for name, value in options_of(connection, old, services.vault).items() if name in secret} | body.options
            spec.check(after)
            check_kept_secrets(
                receivers_changed=receivers_changed(spec, old.options, body.options),
                kept=kept_secrets({name: value for name, value in after.items() if name in secret}, given=body.options),
            )
        source = update_source(
            connection,
            caller.workspace_id,
            source_id,
            now=services.clock(),
            vault=services.vault,
            name=body.name,
            options=body.options,
            secrets=secret_names(spec),
            every_seconds=body.every_seconds,
            enabled=body.enabled,
        )
    services.nudge("collect")
    return SourceOut.model_validate(source)


@router.delete(
    "/v1/sources/{source_id}",
    status_code=204,
    response_class=Response,
    summary="Delete a source; its feedback stays",
    responses=problems(404),
)
def remove_source(source_id: str, caller: Manager, services: With) -> None:
    with services.database.write() as connection:
        delete_source(connection, caller.workspace_id, source_id)


@router.post("/v1/sources/{source_id}/run", status_code=202, summary="Pull a source now", responses=problems(404))
def run_source(source_id: str, caller: Manager, services: With) -> SourceStatusOut:
    with services.database.write() as connection:
        source = run_source_now(connection, caller.workspace_id, source_id, services.clock())
    services.nudge("collect")
    return SourceStatusOut.model_validate(source.status)


@router.get("/v1/sources/{source_id}/status", summary="How a source fares", responses=problems(404))
def show_status(source_id: str, caller: Reader, services: With) -> SourceStatusOut:
    with services.database.read() as connection:
        return SourceStatusOut.model_validate(get_source(connection, caller.workspace_id, source_id).status)


def known_connector(connectors: Mapping[str, ConnectorSpec], name: str) -> ConnectorSpec:
    """Raises InvalidInput naming the connectors there are."""
    if name not in connectors:
        raise InvalidInput(f"unknown connector {name[:40]!r}; valid are {', '.join(sorted(connectors))}", field="connector")
    return connectors[name]


def receivers_changed(spec: ConnectorSpec, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether a change of options sends the secret ones elsewhere."""
    return any(value_of(option, before) != value_of(option, after) for option in spec.options if option.receives_secrets)


def value_of(option: OptionSpec, options: Mapping[str, str]) -> str | None:
    return options.get(option.name, "").strip() or option.default


def secret_names(spec: ConnectorSpec) -> frozenset[str]:
    return frozenset(option.name for option in spec.options if option.secret)
