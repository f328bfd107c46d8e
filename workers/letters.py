"""A letter is all that a sender needs to tell one channel of one change: words, figures, secrets, link; written anew for every attempt."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import Connection

from core.network import Resolver
from insights.message import Notice, ToldAlert, read_message
from insights.wording import Style, Wording, plain, shortened, word
from nlp.topics import Taxonomy
from store.channels import get_channel, secrets_of
from store.deliveries import first_receipt
from store.links import seal_link
from store.names import names
from store.records import Channel, Delivery, FeedbackQuery
from store.search import search_feedback
from store.secrets import Vault

QUIET_EVENTS = frozenset({"alert.acknowledged", "alert.snoozed", "alert.resolved"})
"""Changes that ask nobody to do anything: no link to acknowledge, no quotes."""
MOST_QUOTES = 3
LONGEST_QUOTE = 280
LONGEST_ANSWER = 200
SHORTEST_SECRET = 6
"""Characters; a shorter part of an address is a word."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one attempt: delivered (no error), or the reason, and whether and when another one makes sense.

    `answer`: what the receiver said; `receipt`: its own name for what it took.
    """

    error: str | None = None
    again: bool = False
    retry_after: timedelta | None = None
    answer: str | None = None
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class Outside:
    """What senders reach the world with.

    `allowed_hosts`: private ones that an administrator allowed; `public_url`: ours, or empty; `tls`: whom to trust, if not the usual.
    """

    client: httpx.Client
    allowed_hosts: tuple[str, ...] = ()
    public_url: str = ""
    resolve: Resolver | None = None
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """One change for one channel. `key` names the alert at the receiver, the same for all its changes; `thread`: its receipt of the first.

    `quotes` are the words of customers: empty unless the channel asks for them, and never to be logged.
    """

    delivery: Delivery
    channel: Channel
    secrets: Mapping[str, str] = field(repr=False)
    notice: Notice
    wording: Wording
    key: str
    link: str | None
    thread: str | None
    quotes: tuple[str, ...] = field(repr=False)

    def option(self, name: str) -> str:
        """An option that is a text; empty when it is not set."""
        return str(self.channel.options.get(name, ""))


def write_letter(connection: Connection, vault: Vault, delivery: Delivery, taxonomy: Taxonomy, public_url: str) -> Letter:
    """The letter of a delivery. Raises NotFound when the channel is gone, Misconfigured when its secrets cannot be opened."""
    channel = get_channel(connection, delivery.workspace_id, delivery.channel_id)
    notice = read_message(delivery.payload)
    style = Style(channel.language, ZoneInfo(channel.time_zone), names(connection, channel.workspace_id, taxonomy.names, channel.language))
    worst = next(iter(notice.spoken_of), None)
    asks = worst is not None and notice.event not in QUIET_EVENTS
    return Letter(
        delivery=delivery,
        channel=channel,
        secrets=secrets_of(connection, channel, vault),
        notice=notice,
        wording=word(notice, style),
        # Of two installations that share a receiver, each has its own alert 1: the channel's birth tells them apart.
        key=f"koe-{channel.created_at:%Y%m%d%H%M%S%f}-alert-{delivery.alert_id}" if delivery.alert_id else f"koe-{delivery.event_id}",
        link=f"{public_url}/acknowledge/{seal_link(vault, delivery)}" if public_url and asks else None,
        thread=first_receipt(connection, delivery),
        quotes=quotes(connection, channel.workspace_id, worst) if channel.include_quotes and asks and worst else (),
    )


def quotes(connection: Connection, workspace_id: str, alert: ToldAlert) -> tuple[str, ...]:
    """The latest texts that the alert counts, each once; read when they are sent, so that what was erased is not among them."""
    query = FeedbackQuery(
        brand=alert.scope.brand,
        topic=alert.scope.topic,
        source=alert.scope.source,
        language=alert.scope.language,
        attributes=alert.scope.attributes,
        sentiment="negative" if alert.measure == "negative" else None,
        complaint=True if alert.measure == "complaint" else None,
        since=min(alert.started_at, alert.last_seen_at - alert.window),
        until=alert.last_seen_at,
        limit=5 * MOST_QUOTES,
    )
    texts = dict.fromkeys(" ".join(row.feedback.text.split()) for row in search_feedback(connection, workspace_id, query).rows)
    return tuple(shortened(text, LONGEST_QUOTE) for text in list(texts)[:MOST_QUOTES])


def masked(text: str, letter: Letter) -> str:
    """`text` of a receiver on one short line, without the channel's own secrets or parts of its address, which some receivers repeat."""
    parts = [part for secret in letter.secrets.values() for part in [secret, *re.split(r"[/?&=:@,#]+", secret)]]
    for part in sorted({part for part in parts if len(part) >= SHORTEST_SECRET}, key=len, reverse=True):
        text = text.replace(part, "…")
    return plain(text, LONGEST_ANSWER)
