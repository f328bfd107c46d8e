"""/v1/alerts: what surged, who took it, and what became of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, TypedDict

from fastapi import APIRouter, Query
from fastapi import Body as BodyField
from pydantic import Field, StringConstraints
from sqlalchemy import Connection

from api.auth import Caller, Manager, Reader
from api.filters import Brand, From, To, known_brand, known_rule
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from api.route import Route
from api.schemas import EVERY_CALL, Body, Name, Out, ScopeShape, problems, read_stretch
from api.services import Services, With
from core.errors import InvalidInput
from core.times import parse_time, to_rfc3339
from insights.matching import inhibited_by, silenced_by
from store.alert_groups import companions
from store.alerts import (
    acknowledge_alert,
    count_alerts,
    get_alert,
    list_alerts,
    resolve_alert,
    snooze_alert,
    transitions,
    unacknowledge_alert,
    unresolved_alerts,
)
from store.policies import list_inhibitions
from store.records import Alert, AlertEvent, AlertQuery, AlertState, Inhibition, Measure, Severity, Silence
from store.silences import silences_in_force

router = APIRouter(prefix="/v1/alerts", tags=["alerts"], route_class=Route, responses=problems(*EVERY_CALL))

MOST_MINUTES = 30 * 1440
"""A snooze of more than a month is a rule that nobody wants: it can be switched off, or silenced."""


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
    total: int | None = Field(default=None, description="Of a negative share: how many texts there were in all.")
    expected: float
    interval: tuple[float, float] = Field(description="Between which 95 % of such windows fall when nothing is wrong.")
    p_value: float
    top_topics: list[TopicShareOut]
    summary: str
    snoozed_until: datetime | None = None
    silenced: bool = Field(default=False, description="A silence lies over it now: it tells no channel.")
    inhibited_by: str | None = Field(default=None, description="Id of the open alert that makes this one redundant now.")


OF_THE_MOMENT = frozenset({"silenced", "inhibited_by"})
"""What an alert shows of the time at which it is asked for; all else is stored."""


class TransitionOut(Out):
    id: str
    at: datetime
    event: AlertEvent
    from_state: AlertState | None = Field(serialization_alias="from")
    to_state: AlertState = Field(serialization_alias="to")
    actor: str = Field(description="A key, `detector`, `rule` or `clock`.")
    by: str | None = Field(description="In whose name, as the caller gave it.")
    reason: str


class AlertWithHistory(AlertOut):
    history: list[TransitionOut]


class AlertPageOut(Page[AlertOut]):
    counts: dict[AlertState, int] = Field(description="How many there are in each state, whatever `state` was asked for.")


class Deed(Body):
    """Who does it and why; both may be left out, and the key is kept anyway.

    With `group`, every unresolved alert that channels hear of together with this one shares its fate, as with the link in a message.
    """

    by: Name | None = Field(default=None, examples=["Mai"])
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)] | None = None
    group: bool = Field(default=False, description="Whether it is done to all alerts of its group that are not resolved.")


class Snooze(Deed):
    until: str | None = Field(default=None, max_length=40, description="A time to come, such as 2026-03-01T18:00:00+09:00.")
    minutes: int | None = Field(default=None, ge=1, le=MOST_MINUTES, description="Or for how long from now on.")


Posted = Annotated[Deed | None, BodyField()]
SeverityAsked = Annotated[Severity | None, Query()]
StateAsked = Annotated[AlertState | None, Query()]
RuleAsked = Annotated[str | None, Query(max_length=100, description="Id or name of a rule.")]


@router.get("", summary="Alerts, newest first")
def list_all(
    caller: Reader,
    services: With,
    state: StateAsked = None,
    severity: SeverityAsked = None,
    brand: Brand = None,
    rule: RuleAsked = None,
    since: From = None,
    until: To = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> AlertPageOut:
    """`from` and `to` are about when the surge began."""
    first, last = read_stretch(since, until)
    with services.database.read() as connection:
        brand_id = known_brand(connection, caller.workspace_id, brand)
        rule_id = known_rule(connection, caller.workspace_id, rule)
        asked = AlertQuery(state, severity, brand_id, rule_id, first, last)
        page = list_alerts(connection, caller.workspace_id, asked, limit=limit, cursor=cursor)
        counts = count_alerts(connection, caller.workspace_id, asked)
        mutes = Mutes.read(connection, caller.workspace_id, services.clock())
    return AlertPageOut(data=[shown(alert, mutes) for alert in page.rows], next=page.next, counts=dict(counts))


@router.get("/{alert_id}", summary="One alert and what became of it", responses=problems(404))
def show_alert(alert_id: str, caller: Reader, services: With) -> AlertWithHistory:
    with services.database.read() as connection:
        alert = get_alert(connection, caller.workspace_id, alert_id)
        steps = transitions(connection, caller.workspace_id, alert_id)
        mutes = Mutes.read(connection, caller.workspace_id, services.clock())
    return AlertWithHistory(**shown(alert, mutes).model_dump(), history=[TransitionOut.model_validate(step) for step in steps])


@router.post("/{alert_id}/acknowledge", summary="Say that somebody looks at it", responses=problems(404, 409, 413, 415))
def acknowledge(alert_id: str, caller: Manager, services: With, body: Posted = None) -> AlertOut:
    deed = deed_of(caller, services, body)
    return changed(services, caller, alert_id, body, lambda *alert: acknowledge_alert(*alert, **deed))


@router.post("/{alert_id}/unacknowledge", summary="Give it back: nobody looks at it any more", responses=problems(404, 409, 413, 415))
def unacknowledge(alert_id: str, caller: Manager, services: With, body: Posted = None) -> AlertOut:
    deed = deed_of(caller, services, body)
    return changed(services, caller, alert_id, body, lambda *alert: unacknowledge_alert(*alert, **deed))


@router.post("/{alert_id}/snooze", summary="Let it sleep until a time", responses=problems(404, 409, 413, 415))
def snooze(alert_id: str, body: Snooze, caller: Manager, services: With) -> AlertOut:
    """When the time is over and the surge is not, it is open again and channels hear of it."""
    until = end_of_snooze(body, services.clock())
    deed = deed_of(caller, services, body)
    return changed(services, caller, alert_id, body, lambda *alert: snooze_alert(*alert, until=until, **deed))


@router.post("/{alert_id}/resolve", summary="End it by hand", responses=problems(404, 409, 413, 415))
def resolve(alert_id: str, caller: Manager, services: With, body: Posted = None) -> AlertOut:
    deed = deed_of(caller, services, body)
    return changed(services, caller, alert_id, body, lambda *alert: resolve_alert(*alert, **deed))


def changed(
    services: Services, caller: Caller, alert_id: str, body: Deed | None, change: Callable[[Connection, str, str], Alert]
) -> AlertOut:
    """Make a change to an alert, and to its group where that is asked for; all of it or nothing. Shows the alert as it is then."""
    with services.database.write() as connection:
        alert = change(connection, caller.workspace_id, alert_id)
        for other in companions(connection, caller.workspace_id, alert_id) if body is not None and body.group else ():
            change(connection, caller.workspace_id, other)
        answer = shown(alert, Mutes.read(connection, alert.workspace_id, services.clock()))
    services.nudge("notify")  # whoever heard of the alert hears of the change, in the same order
    return answer


@dataclass(frozen=True, slots=True)
class Mutes:
    """What keeps alerts from telling anybody now."""

    silences: Sequence[Silence]
    inhibitions: Sequence[Inhibition]
    others: Sequence[Alert]

    @classmethod
    def read(cls, connection: Connection, workspace_id: str, now: datetime) -> "Mutes":
        inhibitions = list_inhibitions(connection, workspace_id)
        others = unresolved_alerts(connection, workspace_id) if inhibitions else []
        return cls(silences_in_force(connection, workspace_id, now), inhibitions, others)


def shown(alert: Alert, mutes: Mutes) -> AlertOut:
    """One alert as the API shows it. What is resolved has nothing to be silent about."""
    fields = stored_fields(alert)
    ended = alert.state == "resolved"
    redundant = None if ended else inhibited_by(alert, mutes.others, mutes.inhibitions)
    fields["silenced"] = not ended and silenced_by(alert, mutes.silences) is not None
    fields["inhibited_by"] = None if redundant is None else redundant.id
    return AlertOut.model_validate(fields)


def stored_fields(alert: Alert) -> dict[str, object]:
    """What an alert shows whenever it is asked for."""
    names = AlertOut.model_fields.keys() - OF_THE_MOMENT
    return {name: getattr(alert, "rule_id" if name == "rule" else name) for name in names}


class HandWords(TypedDict):
    """What every change by hand is kept with."""

    actor: str
    by: str | None
    reason: str | None
    now: datetime


def deed_of(caller: Caller, services: Services, body: Deed | None) -> HandWords:
    said = body or Deed()
    return HandWords(actor=actor_of(caller), by=said.by, reason=said.note, now=services.clock())


def end_of_snooze(body: Snooze, now: datetime) -> datetime:
    """Raises InvalidInput unless exactly one of `until` and `minutes` says a time that is to come, and soon enough."""
    if (body.until is None) == (body.minutes is None):
        raise InvalidInput("give one of until and minutes", field="until")
    until = parse_time(body.until, field="until") if body.until is not None else now + timedelta(minutes=body.minutes or 0)
    if not now < until <= now + timedelta(minutes=MOST_MINUTES):
        raise InvalidInput(f"until must be after {to_rfc3339(now)}, and within {MOST_MINUTES // 1440} days", field="until")
    return until


def actor_of(caller: Caller) -> str:
    return "local" if caller.key_id is None else f"key {caller.key_id}"
