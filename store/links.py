"""Links in alerts: signed, for one delivery, good for a week, and for one acknowledgement."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.errors import NotFound
from store.records import Delivery
from store.secrets import Vault

GOOD_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Link:
    """What a link stands for."""

    workspace_id: str
    delivery_id: str
    expires_at: datetime


def seal_link(vault: Vault, delivery: Delivery) -> str:
    """The token of a delivery's link: the same on every attempt, so that doubles are the same message."""
    expires = (delivery.resent_at or delivery.created_at) + GOOD_FOR
    return _signed(vault, f"{delivery.workspace_id}.{delivery.id}.{int(expires.timestamp())}")


def open_link(vault: Vault, token: str, now: datetime) -> Link:
    """What a token stands for. Raises NotFound, without saying more, for one that is not ours or is over."""
    said, _, _ = token.rpartition(".")
    if not token.isascii() or not hmac.compare_digest(_signed(vault, said), token):
        raise NotFound("this link is not known here")
    workspace_id, delivery_id, expires = said.split(".")
    link = Link(workspace_id, delivery_id, datetime.fromtimestamp(int(expires), UTC))
    if link.expires_at <= now:
        raise NotFound("this link is over")
    return link


def _signed(vault: Vault, said: str) -> str:
    return f"{said}.{vault.sign('acknowledge ' + said)}"
