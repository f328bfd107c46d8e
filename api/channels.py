"""/v1/channels: where alerts go; a target that is private is refused, and its signing secret is shown once."""

import secrets
from contextlib import suppress
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Response
from pydantic import Field

from api.auth import Manager, Reader
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page_of
from api.route import Route
from api.schemas import EVERY_CALL, Body, Name, Out, problems
from api.services import With
from core.errors import InvalidInput
from core.network import ForbiddenAddress, check_public
from store.channels import create_channel, delete_channel, get_channel, list_channels
from store.deliveries import enqueue_test, list_deliveries

router = APIRouter(prefix="/v1/channels", tags=["channels"], route_class=Route, responses=problems(*EVERY_CALL))
PORTS = {"http": 80, "https": 443}


class ChannelIn(Body):
    name: Name = Field(examples=["on-call"])
    kind: Literal["webhook"] = "webhook"
    url: str = Field(
        max_length=2000,
        description="https://... that takes POST; what follows the host is secret.",
        examples=["https://hooks.example.com/koe"],
    )
    signing_secret: str | None = Field(default=None, min_length=16, max_length=200, description="Made for you when left out.")


class ChannelOut(Out):
    id: str
    name: str
    kind: Literal["webhook"]
    target: str = Field(description="The address without its secret parts.")
    enabled: bool
    created_at: datetime
    last_error: str | None


class NewChannelOut(ChannelOut):
    signing_secret: str = Field(description="Checks `X-Koe-Signature`. It is shown now and never again.")


class DeliveryOut(Out):
    id: str
    event_id: str = Field(description="The same on every attempt.")
    event: str
    alert_id: str | None
    state: Literal["pending", "delivered", "dead"]
    attempts: int
    next_attempt_at: datetime
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None


@router.get("", summary="All channels")
def list_all(caller: Reader, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[ChannelOut]:
    with services.database.read() as connection:
        rows, following = page_of(list_channels(connection, caller.workspace_id), limit, cursor, lambda channel: channel.id)
    return Page(data=[ChannelOut.model_validate(row) for row in rows], next=following)


@router.post("", status_code=201, summary="Make a channel", responses=problems(409, 413, 415))
def make_channel(body: ChannelIn, caller: Manager, services: With) -> NewChannelOut:
    check_target(body.url, services.settings.allowed_hosts)
    signing_secret = body.signing_secret or secrets.token_urlsafe(32)
    with services.database.write() as connection:
        channel = create_channel(
            connection,
            caller.workspace_id,
            name=body.name,
            kind=body.kind,
            url=body.url,
            signing_secret=signing_secret,
            now=services.clock(),
            vault=services.vault,
        )
    return NewChannelOut(**ChannelOut.model_validate(channel).model_dump(), signing_secret=signing_secret)


@router.get("/{channel_id}", summary="One channel", responses=problems(404))
def show_channel(channel_id: str, caller: Reader, services: With) -> ChannelOut:
    with services.database.read() as connection:
        return ChannelOut.model_validate(get_channel(connection, caller.workspace_id, channel_id))


@router.delete("/{channel_id}", status_code=204, response_class=Response, summary="Delete a channel", responses=problems(404))
def remove_channel(channel_id: str, caller: Manager, services: With) -> None:
    with services.database.write() as connection:
        delete_channel(connection, caller.workspace_id, channel_id)


@router.post("/{channel_id}/test", status_code=202, summary="Send a test to a channel", responses=problems(404))
def test_channel(channel_id: str, caller: Manager, services: With) -> DeliveryOut:
    """What became of it stands in the deliveries of the channel."""
    with services.database.write() as connection:
        delivery = enqueue_test(connection, caller.workspace_id, channel_id, services.clock())
    services.nudge("deliver")
    return DeliveryOut.model_validate(delivery)


@router.get("/{channel_id}/deliveries", summary="What was sent to a channel, newest first", responses=problems(404))
def list_sent(channel_id: str, caller: Reader, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[DeliveryOut]:
    with services.database.read() as connection:
        get_channel(connection, caller.workspace_id, channel_id)
        page = list_deliveries(connection, caller.workspace_id, channel_id=channel_id, limit=limit, cursor=cursor)
    return Page(data=[DeliveryOut.model_validate(row) for row in page.rows], next=page.next)


def check_target(url: str, allowed_hosts: tuple[str, ...]) -> None:
    """Raises InvalidInput for what is no http(s) address, or a private one that no administrator allowed.

    A name that does not resolve now is taken: the address is checked again whenever something is sent.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:
        host, port = None, None
    if not host or port is None or any(letter.isspace() or not letter.isprintable() for letter in url):
        raise InvalidInput("url must be an address such as https://hooks.example.com/koe", field="url")
    try:
        with suppress(OSError, UnicodeError):
            check_public(host, port, allowed_hosts)
    except ForbiddenAddress as error:
        raise InvalidInput(str(error), field="url") from None
