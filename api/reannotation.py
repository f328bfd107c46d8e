"""/v1/reannotation: annotations of an older model or taxonomy are replaced in the background; asked for, watched and stopped here."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import Field

from api.auth import Manager, Reader
from api.route import Route
from api.schemas import EVERY_CALL, Body, Moment, Out, problems
from api.services import Services, With
from core.times import parse_time
from store.reannotations import ask_reannotation, reannotation_progress, stop_reannotation
from store.records import ReannotationProgress, ReannotationState

router = APIRouter(prefix="/v1/reannotation", tags=["reannotation"], route_class=Route, responses=problems(*EVERY_CALL))


class AnnotatedByOut(Out):
    model: str
    taxonomy: str
    texts: int


class ReannotationOut(Out):
    state: ReannotationState | None = Field(
        description="`asked`: no worker has said yet which model it has; `running`; `counting`: all is annotated and waits to be counted; "
        "`done`; `stopped`; null where there never was one."
    )
    model: str | None = Field(description="By which annotations should be; null before the first one.")
    taxonomy: str | None
    since: datetime | None = Field(description="Only feedback written from then on; null is all.")
    asked_at: datetime | None
    begun_at: datetime | None
    finished_at: datetime | None
    outdated: int = Field(description="Texts annotated by another model or taxonomy.")
    waiting: int = Field(description="Those of them that are to be annotated again.")
    done: int = Field(description="Annotated again since it began or was asked for.")
    failed: int = Field(description="Those that the model cannot take; they keep the annotation they have.")
    per_second: float | None = Field(description="On average since it began or was asked for; null where nothing runs.")
    annotated: list[AnnotatedByOut] = Field(description="How many texts bear annotations of which model.")


class ReannotationIn(Body):
    since: Moment | None = Field(
        default=None, description="Only feedback written from then on; all when left out.", examples=["2026-03-01"]
    )


@router.get("", summary="Which models annotations are of, and how far their replacement is")
def show_reannotation(caller: Reader, services: With) -> ReannotationOut:
    return _shown(services, caller.workspace_id)


@router.post("", status_code=202, summary="Replace annotations of older models", responses=problems(413, 415))
def start_reannotation(body: ReannotationIn, caller: Manager, services: With) -> ReannotationOut:
    """Behind everything else, the newest feedback first; it pages nobody. One that is under way goes on, as far back as either was to."""
    since = None if body.since is None else parse_time(body.since, field="since")
    with services.database.write() as connection:
        ask_reannotation(connection, caller.workspace_id, since=since, now=services.clock())
    services.nudge("annotate")
    return _shown(services, caller.workspace_id)


@router.delete("", status_code=204, summary="Stop it; what is left keeps the annotation it has")
def end_reannotation(caller: Manager, services: With) -> Response:
    with services.database.write() as connection:
        stop_reannotation(connection, caller.workspace_id)
    return Response(status_code=204)


def _shown(services: Services, workspace_id: str) -> ReannotationOut:
    with services.database.read() as connection:
        return to_out(reannotation_progress(connection, workspace_id, services.clock()))


def to_out(found: ReannotationProgress) -> ReannotationOut:
    """As the API shows it."""
    latest, versions = found.latest, found.versions or (None, None)
    return ReannotationOut(
        state=None if latest is None else latest.state,
        model=versions[0],
        taxonomy=versions[1],
        since=None if latest is None else latest.since,
        asked_at=None if latest is None else latest.asked_at,
        begun_at=None if latest is None else latest.begun_at,
        finished_at=None if latest is None else latest.finished_at,
        outdated=found.outdated,
        waiting=found.waiting,
        done=found.done,
        failed=found.failed,
        per_second=None if found.per_second is None else round(found.per_second, 2),
        annotated=[AnnotatedByOut.model_validate(one) for one in found.annotated],
    )
