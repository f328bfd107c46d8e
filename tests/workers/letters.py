"""An office with one channel, one alert and a way to tell it, for the tests of senders."""

import random
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import httpx

from core.network import Resolver, guarded_client
from insights.message import message
from nlp.topics import load_taxonomy
from store.alerts import open_alert
from store.brands import create_brand
from store.channels import create_channel, get_channel
from store.database import Database
from store.deliveries import enqueue, enqueue_test, list_deliveries
from store.records import Alert, AlertFigures, Channel, ChannelKind, ChannelLanguage, Delivery, DeliveryEvent, Scope, TopicShare, Workspace
from store.rules import create_rule
from store.secrets import Vault
from tests.builders import NOW
from workers import deliver
from workers.deliver import Delivered, Office
from workers.letters import Outside

VAULT = Vault("a secret of this test")
PUBLIC_URL = "https://koe.example.com"
FIGURES = AlertFigures(
    "critical", 60, 1480, 63.9, (40.0, 90.0), 1e-12, (TopicShare("delivery", 900), TopicShare("refund", 31)), "1,480 complaints."
)
WILD = "<b>A & B</b>\r\n*Co* <!channel> @everyone"
"""The name of a brand that tries every medium."""


@dataclass(slots=True)
class Desk:
    """Tell one channel of one alert, and see what came of it."""

    database: Database
    workspace: Workspace
    channel: Channel
    alert: Alert
    allowed: tuple[str, ...] = ("127.0.0.1",)
    resolve: Resolver | None = None
    tls: ssl.SSLContext | None = None
    now: datetime = field(default=NOW)

    def tell(self, *events: DeliveryEvent) -> Delivered:
        """Enqueue the changes and deliver what is due."""
        self.enqueue(*events)
        return self.run()

    def enqueue(self, *events: DeliveryEvent) -> None:
        with self.database.write() as connection:
            for event in events:
                told = replace(self.alert, ended_at=NOW + timedelta(hours=2)) if event == "alert.resolved" else self.alert
                enqueue(connection, told, event, [self.channel.id], message(told, event), self.now)

    def enqueue_group(self, event: DeliveryEvent = "alert.extended") -> None:
        """Tell of two alerts at once, of which the other one is worse."""
        calm = replace(self.alert, severity="low", observed=70)
        with self.database.write() as connection:
            group = [calm, replace(self.alert, id="77", scope=replace(self.alert.scope, topic="delivery"), top_topics=())]
            enqueue(connection, calm, event, [self.channel.id], message(calm, event, group=group), self.now)

    def test(self) -> Delivered:
        with self.database.write() as connection:
            enqueue_test(connection, self.workspace.id, self.channel.id, self.now)
        return self.run()

    def run(self) -> Delivered:
        with guarded_client(self.allowed, resolve=self.resolve) as client:
            return self.run_with(client)

    def run_with(self, client: httpx.Client) -> Delivered:
        outside = Outside(client, self.allowed, PUBLIC_URL, self.resolve, self.tls)
        office = Office(self.database, VAULT, outside, load_taxonomy())
        return deliver.run(office, clock=lambda: self.now, rng=random.Random(1), enough=lambda: False)

    def deliveries(self) -> list[Delivery]:
        with self.database.read() as connection:
            return list(reversed(list_deliveries(connection, self.workspace.id).rows))

    def last_error(self) -> str | None:
        return self.deliveries()[-1].last_error

    def health(self) -> str:
        with self.database.read() as connection:
            return get_channel(connection, self.workspace.id, self.channel.id).health.state


def a_desk(
    database: Database,
    workspace: Workspace,
    kind: ChannelKind,
    secrets: Mapping[str, str],
    options: Mapping[str, object] | None = None,
    *,
    language: ChannelLanguage = "en",
    time_zone: str = "Asia/Tokyo",
    include_quotes: bool = False,
) -> Desk:
    """A channel of this kind, and an alert on the complaints of a brand with a wild name."""
    with database.write() as connection:
        brand = create_brand(connection, workspace.id, name=WILD, query="delta", now=NOW)
        channel = create_channel(
            connection, workspace.id, name="on call", kind=kind, target="x", secrets=secrets, options=options, now=NOW, vault=VAULT,
            language=language, time_zone=time_zone, include_quotes=include_quotes,
        )  # fmt: skip
        rule = create_rule(
            connection, workspace.id, name="Complaints", measure="complaint", scope=Scope(), split_by=(), window_minutes=60,
            sensitivity=1e-4, least=8, channels=(), enabled=True, now=NOW,
        )  # fmt: skip
        alert = open_alert(connection, rule, Scope(brand=brand.id), FIGURES, started_at=NOW - timedelta(minutes=20), seen_at=NOW, now=NOW)
    assert alert is not None
    return Desk(database, workspace, channel, alert)
