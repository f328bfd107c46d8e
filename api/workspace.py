"""/v1/workspace: the tenant of the key, and which attributes of its feedback trends can be grouped by."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from api.auth import Manager, Reader
from api.route import Route
from api.schemas import EVERY_CALL, Body, Out, problems
from api.services import With
from insights.seasons import check_country, check_zone
from store.uses import check_dimensions_unused
from store.workspaces import LEAST_BUDGET, MOST_BUDGET, get_workspace, set_customs, set_dimensions

router = APIRouter(prefix="/v1/workspace", tags=["workspace"], route_class=Route, responses=problems(*EVERY_CALL))


class WorkspaceOut(Out):
    id: str
    name: str
    dimensions: list[str]
    created_at: datetime
    timezone: str = Field(description="Whose hours and weekdays rules count by.")
    country: str | None = Field(description="Whose holidays count: US, JP, DE-BY, ...")
    budget: float = Field(description="How often its rules may page for nothing, in pages a week.")


class WorkspaceChange(Body):
    """What is left out, or null, stays as it is."""

    dimensions: list[str] | None = Field(
        default=None, max_length=8, description="Names of attributes; everything stored is counted again by them.", examples=[["airline"]]
    )
    timezone: str | None = Field(default=None, max_length=60, examples=["Europe/Berlin"])
    country: str | None = Field(default=None, max_length=10, examples=["DE"], description="An empty text for none.")
    budget: float | None = Field(default=None, ge=LEAST_BUDGET, le=MOST_BUDGET, description="Pages a week.")


@router.get("", summary="This workspace")
def show_workspace(caller: Reader, services: With) -> WorkspaceOut:
    with services.database.read() as connection:
        return WorkspaceOut.model_validate(get_workspace(connection, caller.workspace_id))


@router.patch("", summary="Name the attributes to count by, and whose hours and holidays count", responses=problems(409, 413, 415))
def change_workspace(body: WorkspaceChange, caller: Manager, services: With) -> WorkspaceOut:
    with services.database.write() as connection:
        workspace = get_workspace(connection, caller.workspace_id)
        if body.dimensions is not None:
            check_dimensions_unused(connection, caller.workspace_id, body.dimensions)
            workspace = set_dimensions(connection, caller.workspace_id, body.dimensions, services.clock())
        if {"timezone", "country", "budget"} & body.model_fields_set:
            country = workspace.country if body.country is None else body.country or None
            workspace = set_customs(
                connection,
                caller.workspace_id,
                timezone=workspace.timezone if body.timezone is None else check_zone(body.timezone),
                country=None if country is None else check_country(country),
                budget=workspace.budget if body.budget is None else body.budget,
            )
    services.nudge("roll_up")
    return WorkspaceOut.model_validate(workspace)
