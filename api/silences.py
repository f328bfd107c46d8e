"""/v1/silences: alerts that are opened and shown, and tell nobody until an end that somebody has set."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints

from api.alerts import actor_of
from api.auth import Manager, Reader
from api.matchers import Matchers, MatcherShape, check_matchers
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page_of
from api.route import Route
from api.schemas import EVERY_CALL, Body, Moment, Name, Out, problems
from api.services import With
from core.errors import InvalidInput
from core.times import parse_time, to_rfc3339
from store.records import Silence
from store.silences import create_silence, end_silence, get_silence, list_silences, prolong_silence

router = APIRouter(prefix="/v1/silences", tags=["silences"], route_class=Route, responses=problems(*EVERY_CALL))
LONGEST = timedelta(days=366)
"""What is to be quiet for longer is no silence but a rule that nobody wants."""
Status = Literal["pending", "active", "expired"]
Comment = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class SilenceIn(Body):
    matchers: Matchers = Field(min_length=1, description="All of them must be met.")
    starts_at: Moment | None = Field(default=None, description="Now when left out.")
    ends_at: Moment = Field(description="A time to come, such as 2026-03-01T18:00:00+09:00.")
    author: Name | None = Field(default=None, description="The key when left out.")
    comment: Comment = Field(description="Why.")


class SilenceChange(Body):
    ends_at: Moment


class SilenceOut(Out):
    id: str
    status: Status
    matchers: list[MatcherShape]
    starts_at: datetime
    ends_at: datetime
    author: str
    comment: str
    created_at: datetime


@router.get("", summary="Silences, newest first")
def list_all(
    caller: Reader,
    services: With,
    status: Annotated[Status | None, Query()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[SilenceOut]:
    now = services.clock()
    with services.database.read() as connection:
        silences = list_silences(connection, caller.workspace_id)
    wanted = [one for one in silences if status is None or status_of(one, now) == status]
    rows, following = page_of(wanted, limit, cursor, lambda silence: silence.id, newest_first=True)
    return Page(data=[shown(row, now) for row in rows], next=following)


@router.post("", status_code=201, summary="Make a silence", responses=problems(413, 415))
def make_silence(body: SilenceIn, caller: Manager, services: With) -> SilenceOut:
    now = services.clock()
    starts_at = now if body.starts_at is None else parse_time(body.starts_at, field="starts_at")
    ends_at = checked_end(body.ends_at, now)
    if starts_at >= ends_at:
        raise InvalidInput("starts_at must be before ends_at", field="starts_at")
    with services.database.write() as connection:
        silence = create_silence(
            connection,
            caller.workspace_id,
            matchers=check_matchers(connection, services, caller.workspace_id, body.matchers, "matchers"),
            starts_at=starts_at,
            ends_at=ends_at,
            author=body.author or actor_of(caller),
            comment=body.comment,
            now=now,
        )
    return shown(silence, now)


@router.get("/{silence_id}", summary="One silence", responses=problems(404))
def show_silence(silence_id: str, caller: Reader, services: With) -> SilenceOut:
    with services.database.read() as connection:
        return shown(get_silence(connection, caller.workspace_id, silence_id), services.clock())


@router.patch("/{silence_id}", summary="Give it another end", responses=problems(404, 409, 413, 415))
def change_silence(silence_id: str, body: SilenceChange, caller: Manager, services: With) -> SilenceOut:
    now = services.clock()
    with services.database.write() as connection:
        get_silence(connection, caller.workspace_id, silence_id)
        ends_at = checked_end(body.ends_at, now)
        return shown(prolong_silence(connection, caller.workspace_id, silence_id, ends_at=ends_at, now=now), now)


@router.delete("/{silence_id}", summary="End it now; it stays in the list", responses=problems(404))
def remove_silence(silence_id: str, caller: Manager, services: With) -> SilenceOut:
    """Channels hear now of the alerts that are open still."""
    now = services.clock()
    with services.database.write() as connection:
        silence = end_silence(connection, caller.workspace_id, silence_id, now)
    services.nudge("notify")
    return shown(silence, now)


def checked_end(text: str, now: datetime) -> datetime:
    """Raises InvalidInput for an end that is over, or a year away."""
    ends_at = parse_time(text, field="ends_at")
    if not now < ends_at <= now + LONGEST:
        raise InvalidInput(f"ends_at must be after {to_rfc3339(now)}, and within {LONGEST.days} days", field="ends_at")
    return ends_at


def status_of(silence: Silence, now: datetime) -> Status:
    """Alertmanager's words."""
    return "expired" if silence.ends_at <= now else "pending" if silence.starts_at > now else "active"


def shown(silence: Silence, now: datetime) -> SilenceOut:
    matchers = [MatcherShape.model_validate(one, strict=False) for one in silence.matchers]
    fields = {name: getattr(silence, name) for name in SilenceOut.model_fields if name not in {"status", "matchers"}}
    return SilenceOut(**fields, status=status_of(silence, now), matchers=matchers)
