"""/v1/deliveries: what was sent to channels, what waits and what died on its way, and sending it again."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from api.auth import Manager, Reader
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from api.route import Route
from api.schemas import EVERY_CALL, Out, problems
from api.services import With
from store.deliveries import get_delivery, list_deliveries, resend
from store.records import DeliveryState

router = APIRouter(prefix="/v1/deliveries", tags=["deliveries"], route_class=Route, responses=problems(*EVERY_CALL))


class DeliveryOut(Out):
    id: str
    event_id: str = Field(description="The same on every attempt: receivers drop doubles by it.")
    event: str
    channel_id: str
    alert_id: str | None
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    last_error: str | None
    answer: str | None = Field(description="The beginning of what the receiver said last.")
    created_at: datetime
    delivered_at: datetime | None
    resent_at: datetime | None


@router.get("", summary="What was sent, waits or died on its way, newest first", responses=problems(404))
def list_all(
    caller: Reader,
    services: With,
    state: Annotated[DeliveryState | None, Query()] = None,
    channel: Annotated[str | None, Query(description="Id of a channel.")] = None,
    alert: Annotated[str | None, Query(description="Id of an alert.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[DeliveryOut]:
    with services.database.read() as connection:
        page = list_deliveries(connection, caller.workspace_id, channel_id=channel, alert_id=alert, state=state, limit=limit, cursor=cursor)
    return Page(data=[DeliveryOut.model_validate(row) for row in page.rows], next=page.next)


@router.get("/{delivery_id}", summary="One delivery", responses=problems(404))
def show_delivery(delivery_id: str, caller: Reader, services: With) -> DeliveryOut:
    with services.database.read() as connection:
        return DeliveryOut.model_validate(get_delivery(connection, caller.workspace_id, delivery_id))


@router.post("/{delivery_id}/resend", summary="Send it again now", responses=problems(404))
def send_again(delivery_id: str, caller: Manager, services: With) -> DeliveryOut:
    """Under the same event id. The later changes of the same alert follow once more, so that the receiver ends with what is true."""
    with services.database.write() as connection:
        delivery = resend(connection, caller.workspace_id, delivery_id, services.clock())
    services.nudge("deliver")
    return DeliveryOut.model_validate(delivery)
