"""When whom to reach: schedules of channels that take turns, their overrides, and the quiet hours of a channel."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import Conflict, NotFound
from store.channels import get_channel
from store.dialect import AnyRow, row_id, upsert
from store.records import Override, QuietHours, QuietWindow, Schedule
from store.tables import quiet_hours, schedule_overrides, schedules


def save_schedule(
    connection: Connection,
    workspace_id: str,
    schedule_id: str | None,
    *,
    name: str,
    time_zone: str,
    turn: Literal["daily", "weekly"],
    handover: time,
    starts_on: date,
    rotation: Sequence[str],
    now: datetime,
) -> Schedule:
    """A new schedule, or all of an old one anew; overrides stay. Raises NotFound, Conflict when the workspace has another of that name."""
    values = {
        "name": name,
        "time_zone": time_zone,
        "turn": turn,
        "handover": f"{handover:%H:%M}",
        "starts_on": starts_on.isoformat(),
        "rotation": list(rotation),
    }
    statement: Any = update(schedules).where(_mine(workspace_id, schedule_id or "0")).values(values)
    if schedule_id is None:
        statement = insert(schedules).values(values | {"workspace_id": row_id(workspace_id, "workspace"), "created_at": now})
    try:
        with connection.begin_nested():
            row = connection.execute(statement.returning(schedules)).one_or_none()
    except IntegrityError:
        raise Conflict(f"there is a schedule named {name!r} already") from None
    if row is None:
        raise NotFound(f"no schedule {str(schedule_id)[:40]!r} in this workspace")
    return get_schedule(connection, workspace_id, str(row.id))


def list_schedules(connection: Connection, workspace_id: str) -> list[Schedule]:
    """Every schedule of a workspace, oldest first."""
    mine = schedules.c.workspace_id == row_id(workspace_id, "workspace")
    rows = connection.execute(select(schedules).where(mine).order_by(schedules.c.id)).all()
    overrides = select(schedule_overrides).where(schedule_overrides.c.workspace_id == row_id(workspace_id, "workspace"))
    of: dict[int, list[Override]] = {}
    for row in connection.execute(overrides.order_by(schedule_overrides.c.id)):
        of.setdefault(row.schedule_id, []).append(Override(str(row.id), str(row.channel_id), row.starts_at, row.ends_at))
    return [_to_schedule(row, of.get(row.id, ())) for row in rows]


def get_schedule(connection: Connection, workspace_id: str, schedule_id: str) -> Schedule:
    """Raises NotFound."""
    wanted = row_id(schedule_id, "schedule")
    found = [one for one in list_schedules(connection, workspace_id) if int(one.id) == wanted]
    if not found:
        raise NotFound(f"no schedule {schedule_id[:40]!r} in this workspace")
    return found[0]


def delete_schedule(connection: Connection, workspace_id: str, schedule_id: str) -> None:
    """Raises NotFound."""
    if connection.execute(delete(schedules).where(_mine(workspace_id, schedule_id))).rowcount == 0:
        raise NotFound(f"no schedule {schedule_id[:40]!r} in this workspace")


def add_override(
    connection: Connection, workspace_id: str, schedule_id: str, *, channel: str, starts_at: datetime, ends_at: datetime
) -> Override:
    """Somebody else is on call for a while. Raises NotFound."""
    values = {
        "workspace_id": row_id(workspace_id, "workspace"),
        "schedule_id": int(get_schedule(connection, workspace_id, schedule_id).id),
        "channel_id": int(get_channel(connection, workspace_id, channel).id),
        "starts_at": starts_at,
        "ends_at": ends_at,
    }
    row = connection.execute(insert(schedule_overrides).returning(schedule_overrides), values).one()
    return Override(str(row.id), channel, starts_at, ends_at)


def delete_override(connection: Connection, workspace_id: str, schedule_id: str, override_id: str) -> None:
    """Raises NotFound."""
    mine = schedule_overrides.c.workspace_id == row_id(workspace_id, "workspace")
    one = (schedule_overrides.c.schedule_id == row_id(schedule_id, "schedule")) & (
        schedule_overrides.c.id == row_id(override_id, "override")
    )
    if connection.execute(delete(schedule_overrides).where(mine, one)).rowcount == 0:
        raise NotFound(f"no override {override_id[:40]!r} of this schedule")


def save_quiet_hours(connection: Connection, workspace_id: str, hours: QuietHours) -> None:
    """Set the quiet hours of a channel. Raises NotFound."""
    channel = get_channel(connection, workspace_id, hours.channel)
    windows = [{"days": one.days, "start": f"{one.start:%H:%M}", "end": f"{one.end:%H:%M}"} for one in hours.windows]
    values = {
        "channel_id": int(channel.id),
        "workspace_id": int(channel.workspace_id),
        "time_zone": hours.time_zone,
        "windows": windows,
        "breaks_through": hours.breaks_through,
        "pass_to": list(hours.pass_to),
    }
    upsert(connection, quiet_hours, [values], key=("channel_id",))


def quiet_hours_of(connection: Connection, workspace_id: str) -> Mapping[str, QuietHours]:
    """Channel -> its quiet hours, of those that have any."""
    mine = quiet_hours.c.workspace_id == row_id(workspace_id, "workspace")
    return {str(row.channel_id): _to_quiet_hours(row) for row in connection.execute(select(quiet_hours).where(mine))}


def delete_quiet_hours(connection: Connection, workspace_id: str, channel_id: str) -> None:
    """Let a channel hear at any time. Raises NotFound."""
    channel = get_channel(connection, workspace_id, channel_id)
    if connection.execute(delete(quiet_hours).where(quiet_hours.c.channel_id == int(channel.id))).rowcount == 0:
        raise NotFound(f"channel {channel_id[:40]!r} has no quiet hours")


def _mine(workspace_id: str, schedule_id: str) -> Any:
    return (schedules.c.workspace_id == row_id(workspace_id, "workspace")) & (schedules.c.id == row_id(schedule_id, "schedule"))


def _to_schedule(row: AnyRow, overrides: Sequence[Override]) -> Schedule:
    return Schedule(
        id=str(row.id),
        workspace_id=str(row.workspace_id),
        name=row.name,
        time_zone=row.time_zone,
        turn=row.turn,
        handover=time.fromisoformat(row.handover),
        starts_on=date.fromisoformat(row.starts_on),
        rotation=tuple(row.rotation),
        overrides=tuple(overrides),
        created_at=row.created_at,
    )


def _to_quiet_hours(row: AnyRow) -> QuietHours:
    windows = tuple(
        QuietWindow(tuple(one["days"]), time.fromisoformat(one["start"]), time.fromisoformat(one["end"])) for one in row.windows
    )
    return QuietHours(str(row.channel_id), row.time_zone, windows, row.breaks_through, tuple(row.pass_to))
