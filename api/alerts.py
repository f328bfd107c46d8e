"""/v1/alerts: what surged, and who took it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from api.auth import Caller, Manager, Reader
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from api.route import Route
from api.schemas import EVERY_CALL, Out, ScopeShape, problems
from api.services import With
from store.alerts import acknowledge_alert, get_alert, list_alerts, resolve_alert, transitions
from store.records import Alert, AlertState, Measure, Severity

router = APIRouter(prefix="/v1/alerts", tags=["alerts"], route_class=Route, responses=problems(*EVERY_CALL))


class TopicShareOut(Out):
    topic: str
    count: int


class AlertOut(Out):
    id: str
    rule: str = Field(description="Id of the rule.")
    rule_name: str
    state: AlertState
    severity: Severity
    started_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    measure: Measure
    scope: ScopeShape
    window_minutes: int
    observed: int
    expected: float
    interval: tuple[float, float] = Field(description="Between which 95 % of such windows fall when nothing is wrong.")
    p_value: float
    top_topics: list[TopicShareOut]
    summary: str


class TransitionOut(Out):
    at: datetime
    from_state: AlertState | None = Field(serialization_alias="from")
    to_state: AlertState = Field(serialization_alias="to")
    actor: str
    reason: str


class AlertWithHistory(AlertOut):
    history: list[TransitionOut]


@router.get("", summary="Alerts, newest first")
def list_all(
    caller: Reader,
    services: With,
    state: Annotated[AlertState | None, Query()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[AlertOut]:
    with services.database.read() as connection:
        page = list_alerts(connection, caller.workspace_id, state=state, limit=limit, cursor=cursor)
    return Page(data=[shown(alert) for alert in page.rows], next=page.next)


@router.get("/{alert_id}", summary="One alert and what became of it", responses=problems(404))
def show_alert(alert_id: str, caller: Reader, services: With) -> AlertWithHistory:
    with services.database.read() as connection:
        alert = get_alert(connection, caller.workspace_id, alert_id)
        steps = transitions(connection, caller.workspace_id, alert_id)
    return AlertWithHistory(**shown(alert).model_dump(), history=[TransitionOut.model_validate(step) for step in steps])


@router.post("/{alert_id}/acknowledge", summary="Say that somebody looks at it", responses=problems(404, 409))
def acknowledge(alert_id: str, caller: Manager, services: With) -> AlertOut:
    with services.database.write() as connection:
        return shown(acknowledge_alert(connection, caller.workspace_id, alert_id, actor=actor_of(caller), now=services.clock()))


@router.post("/{alert_id}/resolve", summary="End it by hand", responses=problems(404, 409))
def resolve(alert_id: str, caller: Manager, services: With) -> AlertOut:
    with services.database.write() as connection:
        alert = resolve_alert(connection, caller.workspace_id, alert_id, actor=actor_of(caller), now=services.clock())
    services.nudge("detect")  # whoever heard of the alert hears of its end, in the same order
    return shown(alert)


def shown(alert: Alert) -> AlertOut:
    """One alert as the API shows it."""
    return AlertOut.model_validate({name: getattr(alert, "rule_id" if name == "rule" else name) for name in AlertOut.model_fields})


def actor_of(caller: Caller) -> str:
    return "local" if caller.key_id is None else f"key {caller.key_id}"
