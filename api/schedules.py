"""/v1/schedules, /v1/oncall and the quiet hours of channels: when whom to reach, in the time zone of each."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field, StringConstraints
from sqlalchemy import Connection

from api.auth import Manager, Reader
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page_of
from api.route import Route
from api.rules import check_channels
from api.schemas import EVERY_CALL, Body, Id, Moment, Name, Out, problems
from api.services import With
from core.errors import InvalidInput, NotFound
from core.times import parse_time
from insights.on_call import next_on_call, on_call
from insights.quiet import LONGEST, end_of_quiet
from insights.wall_clock import wall_time, zone_named
from store.channels import get_channel, list_channels
from store.on_call import (
    add_override,
    delete_override,
    delete_quiet_hours,
    delete_schedule,
    get_schedule,
    list_schedules,
    quiet_hours_of,
    save_quiet_hours,
    save_schedule,
)
from store.records import WEEKDAYS, QuietHours, QuietWindow, Schedule, Severity, Shift, Weekday
from store.uses import check_schedule_unused

router = APIRouter(route_class=Route, responses=problems(*EVERY_CALL))
Zone = Annotated[str, StringConstraints(max_length=60)]
Wall = Annotated[str, StringConstraints(max_length=10)]


class OverrideOut(Out):
    id: str
    channel: str
    starts_at: datetime
    ends_at: datetime


class OverrideIn(Body):
    channel: Id = Field(description="Who is on call instead.", examples=["1"])
    starts_at: Moment = Field(examples=["2026-03-01T18:00:00+09:00"])
    ends_at: Moment = Field(examples=["2026-03-02T09:00:00+09:00"])


class ScheduleIn(Body):
    name: Name = Field(examples=["Tokyo"])
    time_zone: Zone = Field(description="IANA name.", examples=["Asia/Tokyo"])
    turn: Literal["daily", "weekly"] = Field(default="weekly", description="How long a turn is.")
    handover: Wall = Field(default="09:00", description="When the next one takes over, on the clocks of the zone.")
    starts_on: Annotated[str, StringConstraints(max_length=10)] = Field(
        description="The day of the first handover; weekly turns change on its day of the week.", examples=["2026-03-02"]
    )
    rotation: list[Id] = Field(min_length=1, max_length=50, description="Ids of channels, in the order of their turns.", examples=[["1"]])


class ScheduleOut(Out):
    id: str
    name: str
    time_zone: str
    turn: Literal["daily", "weekly"]
    handover: str
    starts_on: date
    rotation: list[str]
    overrides: list[OverrideOut]
    created_at: datetime


class ShiftOut(Out):
    channel: str = Field(description="Id of a channel.")
    channel_name: str | None
    since: datetime
    until: datetime
    override: str | None = Field(description="Id of the override that says so.")


class OnCallOut(Out):
    schedule: str = Field(description="Id of a schedule.")
    schedule_name: str
    now: ShiftOut
    next: ShiftOut


class WindowShape(Body):
    days: list[Weekday] = Field(default_factory=lambda: list(WEEKDAYS), min_length=1, max_length=7, description="Days on which it begins.")
    start: Wall = Field(examples=["22:00"])
    end: Wall = Field(description="Of the next day where that is no later than `start`.", examples=["07:00"])


class QuietHoursIn(Body):
    time_zone: Zone = Field(description="IANA name.", examples=["Asia/Tokyo"])
    windows: list[WindowShape] = Field(min_length=1, max_length=20)
    breaks_through: Severity | None = Field(default="critical", description="From this severity on it is told all the same; null: never.")
    pass_to: list[Id] = Field(default_factory=list, max_length=20, description="Channels that hear instead while awake; none: it waits.")


class QuietHoursOut(Out):
    channel: str
    time_zone: str
    windows: list[WindowShape]
    breaks_through: Severity | None
    pass_to: list[str]
    quiet_until: datetime | None = Field(description="When the quiet that lies over this moment ends; null: it is not quiet.")


@router.get("/v1/schedules", tags=["schedules"], summary="All schedules")
def list_all(caller: Reader, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[ScheduleOut]:
    with services.database.read() as connection:
        rows, following = page_of(list_schedules(connection, caller.workspace_id), limit, cursor, lambda schedule: schedule.id)
    return Page(data=[shown(row) for row in rows], next=following)


@router.post("/v1/schedules", status_code=201, tags=["schedules"], summary="Make a schedule", responses=problems(409, 413, 415))
def make_schedule(body: ScheduleIn, caller: Manager, services: With) -> ScheduleOut:
    with services.database.write() as connection:
        return shown(save(connection, caller.workspace_id, None, body, services.clock()))


@router.get("/v1/schedules/{schedule_id}", tags=["schedules"], summary="One schedule", responses=problems(404))
def show_schedule(schedule_id: str, caller: Reader, services: With) -> ScheduleOut:
    with services.database.read() as connection:
        return shown(get_schedule(connection, caller.workspace_id, schedule_id))


@router.put("/v1/schedules/{schedule_id}", tags=["schedules"], summary="Replace a schedule", responses=problems(404, 409, 413, 415))
def change_schedule(schedule_id: str, body: ScheduleIn, caller: Manager, services: With) -> ScheduleOut:
    """Its overrides stay."""
    with services.database.write() as connection:
        get_schedule(connection, caller.workspace_id, schedule_id)
        return shown(save(connection, caller.workspace_id, schedule_id, body, services.clock()))


@router.delete(
    "/v1/schedules/{schedule_id}",
    status_code=204,
    response_class=Response,
    tags=["schedules"],
    summary="Delete a schedule",
    responses=problems(404, 409),
)
def remove_schedule(schedule_id: str, caller: Manager, services: With) -> None:
    """Not one that a policy still names."""
    with services.database.write() as connection:
        check_schedule_unused(connection, caller.workspace_id, schedule_id)
        delete_schedule(connection, caller.workspace_id, schedule_id)


@router.post(
    "/v1/schedules/{schedule_id}/overrides",
    status_code=201,
    tags=["schedules"],
    summary="Let somebody else be on call for a while",
    responses=problems(404, 413, 415),
)
def make_override(schedule_id: str, body: OverrideIn, caller: Manager, services: With) -> OverrideOut:
    starts_at, ends_at = parse_time(body.starts_at, field="starts_at"), parse_time(body.ends_at, field="ends_at")
    with services.database.write() as connection:
        get_schedule(connection, caller.workspace_id, schedule_id)
        check_channels(connection, caller.workspace_id, [body.channel])
        if starts_at >= ends_at:
            raise InvalidInput("starts_at must be before ends_at", field="starts_at")
        made = add_override(connection, caller.workspace_id, schedule_id, channel=body.channel, starts_at=starts_at, ends_at=ends_at)
    return OverrideOut.model_validate(made)


@router.delete(
    "/v1/schedules/{schedule_id}/overrides/{override_id}",
    status_code=204,
    response_class=Response,
    tags=["schedules"],
    summary="Delete an override",
    responses=problems(404),
)
def remove_override(schedule_id: str, override_id: str, caller: Manager, services: With) -> None:
    with services.database.write() as connection:
        delete_override(connection, caller.workspace_id, schedule_id, override_id)


@router.get("/v1/oncall", tags=["schedules"], summary="Who is on call now, and who is next")
def show_on_call(
    caller: Reader,
    services: With,
    at: Annotated[str | None, Query(max_length=40, description="At another time than now.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[OnCallOut]:
    moment = services.clock() if at is None else parse_time(at.replace(" ", "+") if "T" in at else at, field="at")
    with services.database.read() as connection:
        names = {one.id: one.name for one in list_channels(connection, caller.workspace_id)}
        rows, following = page_of(list_schedules(connection, caller.workspace_id), limit, cursor, lambda schedule: schedule.id)
    data = [
        OnCallOut(
            schedule=one.id,
            schedule_name=one.name,
            now=shown_shift(on_call(one, moment), names),
            next=shown_shift(next_on_call(one, moment), names),
        )
        for one in rows
    ]
    return Page(data=data, next=following)


@router.get("/v1/channels/{channel_id}/quiet-hours", tags=["channels"], summary="When a channel sleeps", responses=problems(404))
def show_quiet_hours(channel_id: str, caller: Reader, services: With) -> QuietHoursOut:
    with services.database.read() as connection:
        channel = get_channel(connection, caller.workspace_id, channel_id)
        hours = quiet_hours_of(connection, caller.workspace_id).get(channel.id)
    if hours is None:
        raise NotFound(f"channel {channel.id} has no quiet hours")
    return shown_hours(hours, services.clock())


@router.put(
    "/v1/channels/{channel_id}/quiet-hours", tags=["channels"], summary="Say when a channel sleeps", responses=problems(404, 413, 415)
)
def set_quiet_hours(channel_id: str, body: QuietHoursIn, caller: Manager, services: With) -> QuietHoursOut:
    """A page waits for the end of the quiet, unless a channel of `pass_to` is awake and hears it instead."""
    with services.database.write() as connection:
        channel = get_channel(connection, caller.workspace_id, channel_id)
        check_channels(connection, caller.workspace_id, body.pass_to)
        hours = checked_hours(channel.id, body, services.clock())
        save_quiet_hours(connection, caller.workspace_id, hours)
    services.nudge("notify")
    return shown_hours(hours, services.clock())


@router.delete(
    "/v1/channels/{channel_id}/quiet-hours",
    status_code=204,
    response_class=Response,
    tags=["channels"],
    summary="Let a channel hear at any time",
    responses=problems(404),
)
def remove_quiet_hours(channel_id: str, caller: Manager, services: With) -> None:
    with services.database.write() as connection:
        delete_quiet_hours(connection, caller.workspace_id, channel_id)
    services.nudge("notify")


def checked_hours(channel: str, body: QuietHoursIn, now: datetime) -> QuietHours:
    """Raises InvalidInput for a zone or a time that does not exist, and for quiet that never ends."""
    zone = zone_named(body.time_zone)
    windows = tuple(
        QuietWindow(
            tuple(dict.fromkeys(one.days)),
            wall_time(one.start, field=f"windows.{number}.start"),
            wall_time(one.end, field=f"windows.{number}.end"),
        )
        for number, one in enumerate(body.windows)
    )
    if channel in body.pass_to:
        raise InvalidInput("a channel cannot pass to itself", field="pass_to")
    hours = QuietHours(channel, zone.key, windows, body.breaks_through, tuple(body.pass_to))
    end = end_of_quiet(hours, now)
    if end is not None and end >= now + LONGEST:
        raise InvalidInput("these quiet hours never end; switch the channel off instead", field="windows")
    return hours


def save(connection: Connection, workspace_id: str, schedule_id: str | None, body: ScheduleIn, now: datetime) -> Schedule:
    """Check and store."""
    check_channels(connection, workspace_id, body.rotation)
    return save_schedule(
        connection,
        workspace_id,
        schedule_id,
        name=body.name,
        time_zone=zone_named(body.time_zone).key,
        turn=body.turn,
        handover=wall_time(body.handover, field="handover"),
        starts_on=parse_time(body.starts_on, field="starts_on").date(),
        rotation=body.rotation,
        now=now,
    )


def shown(schedule: Schedule) -> ScheduleOut:
    fields = {name: getattr(schedule, name) for name in ScheduleOut.model_fields if name not in {"handover", "overrides", "rotation"}}
    overrides = [OverrideOut.model_validate(one) for one in schedule.overrides]
    return ScheduleOut(**fields, handover=f"{schedule.handover:%H:%M}", overrides=overrides, rotation=list(schedule.rotation))


def shown_shift(shift: Shift, names: dict[str, str]) -> ShiftOut:
    return ShiftOut(
        channel=shift.channel, channel_name=names.get(shift.channel), since=shift.since, until=shift.until, override=shift.override
    )


def shown_hours(hours: QuietHours, now: datetime) -> QuietHoursOut:
    windows = [WindowShape(days=list(one.days), start=f"{one.start:%H:%M}", end=f"{one.end:%H:%M}") for one in hours.windows]
    return QuietHoursOut(
        channel=hours.channel,
        time_zone=hours.time_zone,
        windows=windows,
        breaks_through=hours.breaks_through,
        pass_to=list(hours.pass_to),
        quiet_until=end_of_quiet(hours, now),
    )
