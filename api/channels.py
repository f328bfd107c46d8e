"""/v1/channels: where alerts go; a target that is private is refused, and its secrets go in and never come out."""

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from anyio import current_time, sleep, to_thread
from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field, StringConstraints, field_validator

from api.auth import Manager, Reader
from api.channel_kinds import check_token, receivers_changed, sort_fields
from api.deliveries import DeliveryOut
from api.kept_secrets import check_kept_secrets, kept_secrets
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page_of
from api.route import Route
from api.schemas import EVERY_CALL, Body, Name, Out, problems
from api.services import Services, With
from core.errors import InvalidInput
from store.channels import create_channel, delete_channel, get_channel, list_channels, secrets_of, update_channel
from store.deliveries import enqueue_test, get_delivery, list_deliveries, resend_dead
from store.records import ChannelKind, ChannelLanguage, Delivery, HealthState
from store.uses import check_channel_unused

router = APIRouter(prefix="/v1/channels", tags=["channels"], route_class=Route, responses=problems(*EVERY_CALL))
PATIENCE_SECONDS = 15.0
"""How long a test waits for what the receiver says: a little more than a sender over HTTP does."""
GENERAL = frozenset({"name", "kind", "language", "time_zone", "include_quotes", "enabled"})
"""Fields that every kind has; all others are its own."""
Url = Annotated[str, Field(min_length=1, max_length=2000)]
Word = Annotated[str, Field(min_length=1, max_length=255)]
Pasted = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]


class ChannelFields(Body):
    """What a kind of channel may take."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    url: Url | None = Field(
        default=None, description="webhook, slack, apprise: where it posts. Secret.", examples=["https://hooks.example.com/koe"]
    )
    signing_secret: str | None = Field(
        default=None, min_length=16, max_length=200, description="webhook: made for you when left out. Secret."
    )
    routing_key: Pasted | None = Field(default=None, description="pagerduty: the integration key of an Events API v2 integration. Secret.")
    token: Pasted | None = Field(default=None, description="slack: a bot's token with the scope chat:write. Secret.")
    channel: Word | None = Field(default=None, description="slack: where the bot posts, by id or name.")
    api_url: Url | None = Field(default=None, description="pagerduty, slack: the API's address, where it is not the usual one.")
    host: Word | None = Field(default=None, description="email: the SMTP server.")
    port: int | None = Field(default=None, ge=1, le=65535, description="email: 587 when left out.")
    security: Literal["starttls", "tls", "none"] | None = Field(default=None, description="email: starttls when left out.")
    username: Word | None = None
    password: Word | None = Field(default=None, description="email. Secret.")
    sender: Word | None = Field(default=None, alias="from", description="email: whose address it bears.")
    to: list[Word] | None = Field(default=None, max_length=50, description="email: who gets it.")

    @field_validator("token")
    @classmethod
    def _sendable(cls, value: str | None) -> str | None:
        return None if value is None else check_token(value)

    def own(self) -> dict[str, Any]:
        """The fields of the kind that were given; None stands for one that is taken away."""
        return {name: value for name, value in self.model_dump(exclude_unset=True, by_alias=True).items() if name not in GENERAL}


class ChannelIn(ChannelFields):
    name: Name = Field(examples=["on-call"])
    kind: ChannelKind = "webhook"
    language: ChannelLanguage = Field(default="en", description="Of the text of its alerts.")
    time_zone: str = Field(default="UTC", max_length=64, description="Of the times in it: Asia/Tokyo, Europe/Berlin, ...")
    include_quotes: bool = Field(default=False, description="Whether it shows what customers wrote.")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        return check_time_zone(value)


class ChannelChange(ChannelFields):
    """What is left out stays; a secret that is given replaces the old one; null takes a field away, or back to what a new channel has."""

    name: Name | None = None
    language: ChannelLanguage | None = None
    time_zone: str | None = Field(default=None, max_length=64)
    include_quotes: bool | None = None
    enabled: bool | None = None

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        return None if value is None else check_time_zone(value)


class HealthOut(Out):
    state: HealthState = Field(description="broken: it refused three times since it last took something; failing: its last attempt failed.")
    last_success_at: datetime | None
    last_failure_at: datetime | None
    failures: int = Field(description="Since the last success.")
    refusals: int = Field(description="Those of them that no repetition helps: a bad token, 404, a private address.")
    reason: str | None


class ChannelOut(Out):
    id: str
    name: str
    kind: ChannelKind
    target: str = Field(description="The address without its secret parts.")
    options: dict[str, Any] = Field(description="Without secret ones.")
    secrets: list[str] = Field(description="Names of the secret options that are set.")
    language: ChannelLanguage
    time_zone: str
    include_quotes: bool
    enabled: bool
    created_at: datetime
    last_error: str | None
    health: HealthOut


class NewChannelOut(ChannelOut):
    signing_secret: str | None = Field(
        description="webhook: checks the signatures. Shown when the channel is made, or a change made a new one, and never again."
    )


class ResentOut(Out):
    resent: int


@router.get("", summary="All channels")
def list_all(caller: Reader, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[ChannelOut]:
    with services.database.read() as connection:
        rows, following = page_of(list_channels(connection, caller.workspace_id), limit, cursor, lambda channel: channel.id)
    return Page(data=[ChannelOut.model_validate(row) for row in rows], next=following)


@router.post("", status_code=201, summary="Make a channel", responses=problems(409, 413, 415))
def make_channel(body: ChannelIn, caller: Manager, services: With) -> NewChannelOut:
    """Which fields a kind takes stands with them; those of another kind are refused."""
    target, options, sealed = sort_fields(body.kind, defaults(body.kind) | without_nulls(body.own()), services.settings.allowed_hosts)
    with services.database.write() as connection:
        channel = create_channel(
            connection,
            caller.workspace_id,
            name=body.name,
            kind=body.kind,
            target=target,
            options=options,
            secrets=sealed,
            language=body.language,
            time_zone=body.time_zone,
            include_quotes=body.include_quotes,
            now=services.clock(),
            vault=services.vault,
        )
    return NewChannelOut(**ChannelOut.model_validate(channel).model_dump(), signing_secret=sealed.get("signing_secret"))


@router.get("/{channel_id}", summary="One channel", responses=problems(404))
def show_channel(channel_id: str, caller: Reader, services: With) -> ChannelOut:
    with services.database.read() as connection:
        return ChannelOut.model_validate(get_channel(connection, caller.workspace_id, channel_id))


@router.patch("/{channel_id}", summary="Change a channel, its secrets, or switch it off", responses=problems(404, 409, 413, 415))
def change_channel(channel_id: str, body: ChannelChange, caller: Manager, services: With) -> NewChannelOut:
    """A signing secret that is taken away is made anew and shown once; `signing_secret` is null in every other answer."""
    with services.database.write() as connection:
        old = get_channel(connection, caller.workspace_id, channel_id)
        given = without_nulls({**old.options, **secrets_of(connection, old, services.vault), **body.own()})
        target, options, sealed = sort_fields(old.kind, defaults(old.kind) | given, services.settings.allowed_hosts)
        check_kept_secrets(receivers_changed=receivers_changed(old.kind, old.options, options), kept=kept_secrets(sealed, given=body.own()))
        channel = update_channel(
            connection,
            old,
            name=body.name or old.name,
            target=target,
            options=options,
            secrets=sealed,
            vault=services.vault,
            language=body.language or old.language,
            time_zone=body.time_zone or old.time_zone,
            include_quotes=old.include_quotes if body.include_quotes is None else body.include_quotes,
            enabled=old.enabled if body.enabled is None else body.enabled,
        )
    services.nudge("deliver")
    made = None if "signing_secret" in given else sealed.get("signing_secret")
    return NewChannelOut(**ChannelOut.model_validate(channel).model_dump(), signing_secret=made)


@router.delete("/{channel_id}", status_code=204, summary="Delete a channel and what waits for it", responses=problems(404, 409))
def remove_channel(channel_id: str, caller: Manager, services: With) -> Response:
    """Not one that a rule, a policy, a schedule or the quiet hours of another channel still name."""
    with services.database.write() as connection:
        check_channel_unused(connection, caller.workspace_id, channel_id, services.clock())
        delete_channel(connection, caller.workspace_id, channel_id)
    return Response(status_code=204)


@router.post(
    "/{channel_id}/test",
    summary="Send a test to a channel and say what the receiver answered",
    responses=problems(404) | {202: {"model": DeliveryOut, "description": "No worker has sent it yet; it stands in the deliveries"}},
)
async def try_channel(
    channel_id: str,
    caller: Manager,
    services: With,
    response: Response,
    wait: Annotated[bool, Query(description="false: do not wait for the answer.")] = True,  # noqa: FBT002
) -> DeliveryOut:
    """It goes the way that alerts go, by a worker, once; `state` is `delivered` or `dead`, with `answer` and `last_error`."""
    delivery = await to_thread.run_sync(_begin_test, services, caller.workspace_id, channel_id)
    services.nudge("deliver")
    over = current_time() + (PATIENCE_SECONDS if wait else 0)
    while delivery.state == "pending" and current_time() < over:
        await sleep(0.1)
        delivery = await to_thread.run_sync(_look, services, delivery)
    response.status_code = 202 if delivery.state == "pending" else 200
    return DeliveryOut.model_validate(delivery)


@router.post("/{channel_id}/resend", summary="Send again whatever died on its way to a channel", responses=problems(404))
def resend_all(channel_id: str, caller: Manager, services: With) -> ResentOut:
    with services.database.write() as connection:
        count = resend_dead(connection, caller.workspace_id, channel_id, services.clock())
    services.nudge("deliver")
    return ResentOut(resent=count)


@router.get("/{channel_id}/deliveries", summary="What was sent to a channel, newest first", responses=problems(404))
def list_sent(channel_id: str, caller: Reader, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[DeliveryOut]:
    with services.database.read() as connection:
        get_channel(connection, caller.workspace_id, channel_id)
        page = list_deliveries(connection, caller.workspace_id, channel_id=channel_id, limit=limit, cursor=cursor)
    return Page(data=[DeliveryOut.model_validate(row) for row in page.rows], next=page.next)


def defaults(kind: ChannelKind) -> dict[str, Any]:
    """What a channel has where nothing is said."""
    if kind == "webhook":
        return {"signing_secret": "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()}
    return {"port": 587, "security": "starttls"} if kind == "email" else {}


def without_nulls(given: Mapping[str, Any]) -> dict[str, Any]:
    """A field that is null is one that is not there, and leaves its place to the defaults."""
    return {name: value for name, value in given.items() if value is not None}


def check_time_zone(name: str) -> str:
    """Raises InvalidInput for a zone that there is not."""
    if name not in available_timezones():
        raise InvalidInput(
            f"no time zone {name[:64]!r}; valid are UTC, Asia/Tokyo, Europe/Berlin, America/New_York, ...", field="time_zone"
        )
    return ZoneInfo(name).key


def _begin_test(services: Services, workspace_id: str, channel_id: str) -> Delivery:
    with services.database.write() as connection:
        return enqueue_test(connection, workspace_id, channel_id, services.clock())


def _look(services: Services, delivery: Delivery) -> Delivery:
    with services.database.read() as connection:
        return get_delivery(connection, delivery.workspace_id, delivery.id)
