"""/v1/workspace: the tenant of the key, and which attributes of its feedback trends can be grouped by."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from api.auth import Manager, Reader
from api.route import Route
from api.schemas import EVERY_CALL, Body, Out, problems
from api.services import With
from store.workspaces import get_workspace, set_dimensions

router = APIRouter(prefix="/v1/workspace", tags=["workspace"], route_class=Route, responses=problems(*EVERY_CALL))


class WorkspaceOut(Out):
    id: str
    name: str
    dimensions: list[str]
    created_at: datetime


class WorkspaceChange(Body):
    dimensions: list[str] = Field(
        max_length=8, description="Names of attributes; everything stored is counted again by them.", examples=[["airline"]]
    )


@router.get("", summary="This workspace")
def show_workspace(caller: Reader, services: With) -> WorkspaceOut:
    with services.database.read() as connection:
        return WorkspaceOut.model_validate(get_workspace(connection, caller.workspace_id))


@router.patch("", summary="Name the attributes to count by", responses=problems(413, 415))
def change_workspace(body: WorkspaceChange, caller: Manager, services: With) -> WorkspaceOut:
    with services.database.write() as connection:
        workspace = set_dimensions(connection, caller.workspace_id, body.dimensions, services.clock())
    services.nudge("roll_up")
    return WorkspaceOut.model_validate(workspace)
