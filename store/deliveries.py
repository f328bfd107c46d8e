"""Deliveries: one row per change of an alert and channel, claimed with a lease, tried until it is delivered or dead."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection, insert, select, update

from core.errors import NotFound
from store.alerts import next_event
from store.channels import get_channel, note_failure, note_success
from store.dialect import AnyRow, insert_into, locked, row_id, to_json
from store.paging import open_cursor, seal_cursor
from store.records import Alert, Delivery, DeliveryEvent, DeliveryPage, DeliveryState
from store.tables import channels, deliveries

TEST_MESSAGE = "This is a test of Koe: alerts will come here."


def enqueue(connection: Connection, alert: Alert, event: DeliveryEvent, channel_ids: Sequence[str], payload: str, now: datetime) -> int:
    """One delivery per channel that still exists and is switched on; how many. Call it in the transaction that made the change."""
    event_id = f"alert-{alert.id}-{next_event(connection, alert)}"
    mine = (channels.c.workspace_id == int(alert.workspace_id)) & channels.c.id.in_([row_id(one, "channel") for one in channel_ids])
    known = connection.scalars(select(channels.c.id).where(mine, channels.c.enabled).order_by(channels.c.id)).all()
    shared = {"workspace_id": int(alert.workspace_id), "event_id": event_id, "alert_id": int(alert.id), "event": event, "payload": payload}
    shared |= {"attempts": 0, "next_attempt_at": now, "state": "pending", "created_at": now}
    if known:
        connection.execute(insert_into(connection, deliveries).on_conflict_do_nothing(), [shared | {"channel_id": one} for one in known])
    return len(known)


def enqueue_test(connection: Connection, workspace_id: str, channel_id: str, now: datetime) -> Delivery:
    """A message that says that the channel works. Raises NotFound."""
    channel = get_channel(connection, workspace_id, channel_id)
    values = {
        "workspace_id": int(channel.workspace_id),
        "event_id": f"test-{uuid4().hex}",
        "channel_id": int(channel.id),
        "event": "channel.test",
        "payload": to_json({"event": "channel.test", "channel": channel.id, "message": TEST_MESSAGE}),
        "attempts": 0,
        "next_attempt_at": now,
        "state": "pending",
        "created_at": now,
    }
    return _to_delivery(connection.execute(insert(deliveries).returning(deliveries), values).one())


def claim_due(connection: Connection, *, limit: int, now: datetime, lease: timedelta) -> list[Delivery]:
    """Take deliveries of any workspace that are due and that nobody holds, oldest first.

    Of one alert and channel only the oldest pending one: "resolved" never overtakes "opened".
    """
    earlier = deliveries.alias("earlier")
    waits = (
        select(earlier.c.id)
        .where(earlier.c.channel_id == deliveries.c.channel_id, earlier.c.alert_id == deliveries.c.alert_id)
        .where(earlier.c.state == "pending", earlier.c.id < deliveries.c.id)
        .exists()
    )
    free = deliveries.c.claimed_until.is_(None) | (deliveries.c.claimed_until <= now)
    due = select(deliveries.c.id).where(deliveries.c.state == "pending", deliveries.c.next_attempt_at <= now, free, ~waits)
    on = deliveries.c.channel_id.in_(select(channels.c.id).where(channels.c.enabled))
    due = due.where(on | (deliveries.c.event == "channel.test"))
    picked = locked(due.order_by(deliveries.c.next_attempt_at, deliveries.c.id).limit(limit))
    taken = update(deliveries).where(deliveries.c.id.in_(picked)).values(claimed_until=now + lease, attempts=deliveries.c.attempts + 1)
    return sorted((_to_delivery(row) for row in connection.execute(taken.returning(deliveries))), key=lambda delivery: int(delivery.id))


def mark_delivered(
    connection: Connection, delivery: Delivery, now: datetime, *, answer: str | None = None, receipt: str | None = None
) -> None:
    """The receiver took it; what it said, and its own name for the message."""
    done = {"state": "delivered", "delivered_at": now, "claimed_until": None, "last_error": None, "answer": answer, "receipt": receipt}
    connection.execute(update(deliveries).where(deliveries.c.id == int(delivery.id)).values(done))
    note_success(connection, delivery.channel_id, now)


def mark_failed(
    connection: Connection,
    delivery: Delivery,
    error: str,
    next_attempt_at: datetime | None,
    now: datetime,
    *,
    refused: bool = False,
    answer: str | None = None,
) -> None:
    """The attempt at `now` failed: try again at `next_attempt_at`, or never (None = dead). The channel shows why.

    `refused`: the receiver, or our own guard, said that no repetition would help.
    """
    again = {"next_attempt_at": next_attempt_at} if next_attempt_at else {"state": "dead"}
    mine = (deliveries.c.id == int(delivery.id)) & (deliveries.c.state == "pending")
    connection.execute(update(deliveries).where(mine).values({"claimed_until": None, "last_error": error, "answer": answer, **again}))
    note_failure(connection, delivery.channel_id, error, now, refused=refused)


def resend(connection: Connection, workspace_id: str, delivery_id: str, now: datetime) -> Delivery:
    """Send it (again) now, with all the patience of a new one, under the same event id. Raises NotFound.

    The later changes of the same alert follow it once more, so that the receiver ends with what is true.
    """
    delivery = get_delivery(connection, workspace_id, delivery_id)
    _send_again(connection, [delivery], now)
    return get_delivery(connection, workspace_id, delivery_id)


def resend_dead(connection: Connection, workspace_id: str, channel_id: str, now: datetime) -> int:
    """Send everything that died on its way to a channel again, tests aside; how many died. Raises NotFound."""
    channel = get_channel(connection, workspace_id, channel_id)
    dead = select(deliveries).where(deliveries.c.workspace_id == int(channel.workspace_id), deliveries.c.channel_id == int(channel.id))
    dead = dead.where(deliveries.c.state == "dead", deliveries.c.event != "channel.test").order_by(deliveries.c.id)
    found = [_to_delivery(row) for row in connection.execute(dead)]
    _send_again(connection, found, now)
    return len(found)


def _send_again(connection: Connection, chosen: Sequence[Delivery], now: datetime) -> None:
    again = {"state": "pending", "attempts": 0, "next_attempt_at": now, "resent_at": now, "delivered_at": None}
    first: dict[tuple[str, str], int] = {}
    for delivery in chosen:
        if delivery.alert_id is None:
            connection.execute(update(deliveries).where(deliveries.c.id == int(delivery.id)).values(again))
        else:
            first.setdefault((delivery.channel_id, delivery.alert_id), int(delivery.id))
    for (channel_id, alert_id), since in first.items():
        later = (deliveries.c.channel_id == int(channel_id)) & (deliveries.c.alert_id == int(alert_id)) & (deliveries.c.id >= since)
        connection.execute(update(deliveries).where(later).values(again))


def get_delivery(connection: Connection, workspace_id: str, delivery_id: str) -> Delivery:
    """Raises NotFound."""
    mine = (deliveries.c.workspace_id == row_id(workspace_id, "workspace")) & (deliveries.c.id == row_id(delivery_id, "delivery"))
    row = connection.execute(select(deliveries).where(mine)).one_or_none()
    if row is None:
        raise NotFound(f"no delivery {delivery_id[:40]!r} in this workspace")
    return _to_delivery(row)


def first_receipt(connection: Connection, delivery: Delivery) -> str | None:
    """What the receiver called the first message of the same alert: later ones answer to it."""
    same = (deliveries.c.channel_id == int(delivery.channel_id)) & (deliveries.c.alert_id == int(delivery.alert_id or 0))
    query = select(deliveries.c.receipt).where(same, deliveries.c.receipt.is_not(None), deliveries.c.id < int(delivery.id))
    receipt: str | None = connection.scalar(query.order_by(deliveries.c.id).limit(1))
    return receipt


def use_link(connection: Connection, workspace_id: str, delivery_id: str, now: datetime) -> bool:
    """Whether the acknowledge link of a delivery is used for the first time; of two at once one is."""
    mine = (deliveries.c.workspace_id == row_id(workspace_id, "workspace")) & (deliveries.c.id == row_id(delivery_id, "delivery"))
    used = update(deliveries).where(mine, deliveries.c.link_used_at.is_(None)).values(link_used_at=now)
    return connection.execute(used).rowcount == 1


def list_deliveries(
    connection: Connection,
    workspace_id: str,
    *,
    channel_id: str | None = None,
    alert_id: str | None = None,
    state: DeliveryState | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> DeliveryPage:
    """Newest first. Raises InvalidInput for a cursor that is not ours."""
    query = select(deliveries).where(deliveries.c.workspace_id == row_id(workspace_id, "workspace"))
    if channel_id is not None:
        query = query.where(deliveries.c.channel_id == row_id(channel_id, "channel"))
    if alert_id is not None:
        query = query.where(deliveries.c.alert_id == row_id(alert_id, "alert"))
    if state is not None:
        query = query.where(deliveries.c.state == state)
    if cursor is not None:
        query = query.where(deliveries.c.id < open_cursor(cursor, int)[0])
    found = [_to_delivery(row) for row in connection.execute(query.order_by(deliveries.c.id.desc()).limit(limit + 1))]
    return DeliveryPage(tuple(found[:limit]), seal_cursor([int(found[limit - 1].id)]) if len(found) > limit else None)


def _to_delivery(row: AnyRow) -> Delivery:
    return Delivery(
        id=str(row.id),
        workspace_id=str(row.workspace_id),
        event_id=row.event_id,
        channel_id=str(row.channel_id),
        alert_id=None if row.alert_id is None else str(row.alert_id),
        event=row.event,
        payload=row.payload,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        state=row.state,
        last_error=row.last_error,
        created_at=row.created_at,
        delivered_at=row.delivered_at,
        answer=row.answer,
        receipt=row.receipt,
        resent_at=row.resent_at,
    )
