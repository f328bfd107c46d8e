"""Puts the demonstration into a workspace: history as an import does it, then a surge as it would come in now."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from cli.catch_up import catch_up
from cli.demo.schedule import DAYS, history, load_templates, surge
from cli.output import progress
from cli.setup import DEFAULT_WORKSPACE, workspace_named
from store.alerts import open_alerts, resolve_alert
from store.brands import create_brand, list_brands
from store.feedback import add_new
from store.keys import create_key, list_keys, revoke_key
from store.records import NewFeedback, Rule, Scope, Workspace
from store.rules import DEFAULT_LEAST, DEFAULT_SENSITIVITY, DEFAULT_WINDOW_MINUTES, create_rule, list_rules
from store.workspaces import set_dimensions

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.settings import Settings
    from store.database import Database

CHUNK = 500
KEY_NAME = "koe demo"
RULE_NAME = "Delivery complaints"
DIMENSIONS = ("shop", "tier")
BRANDS = {"Kumo": "attributes.shop:Kumo OR @kumo", "Hoshiya": "attributes.shop:Hoshiya OR @hoshiya OR hoshiya"}
SURGE_STILL_SHOWS = timedelta(minutes=50)
"""A surge that was seen so lately is still an open alert: a second one on top of it would look odd."""


def load_demo(settings: "Settings", database: "Database", *, now: datetime, days: int = DAYS) -> str:
    """Make what is missing of the demonstration; the plain key of this start, which takes the place of the last one's.

    Every start fills the days since the last one and begins a new surge, so that there is always something to see.
    """
    workspace = workspace_named(database, DEFAULT_WORKSPACE, now)
    rule = _configure(database, workspace, now)
    templates = load_templates()
    _store(database, workspace, list(history(templates, now, days=days)), now)
    catch_up(settings, database)
    if not _surge_shows(database, rule, now):
        with database.write() as connection:
            add_new(connection, workspace.id, surge(templates, now), now=now, live=True)
    return _new_key(database, workspace, now)


def _configure(database: "Database", workspace: Workspace, now: datetime) -> Rule:
    with database.write() as connection:
        set_dimensions(connection, workspace.id, DIMENSIONS, now)
        known = {brand.name for brand in list_brands(connection, workspace.id)}
        for name, query in BRANDS.items():
            if name not in known:
                create_brand(connection, workspace.id, name=name, query=query, now=now)
        made = [rule for rule in list_rules(connection, workspace.id) if rule.name == RULE_NAME]
        return made[0] if made else _create_rule(connection, workspace.id, now)


def _create_rule(connection: "Connection", workspace_id: str, now: datetime) -> Rule:
    return create_rule(
        connection,
        workspace_id,
        name=RULE_NAME,
        measure="complaint",
        scope=Scope(topic="delivery"),
        split_by=(),
        window_minutes=DEFAULT_WINDOW_MINUTES,
        sensitivity=DEFAULT_SENSITIVITY,
        least=DEFAULT_LEAST,
        channels=(),
        enabled=True,
        now=now,
    )


def _surge_shows(database: "Database", rule: Rule, now: datetime) -> bool:
    """Whether the last surge is still an open alert. One that was left open when Koe stopped ended when it was last seen."""
    shows = False
    with database.write() as connection:
        for alert in open_alerts(connection, rule.workspace_id, rule.id):
            if alert.last_seen_at > now - SURGE_STILL_SHOWS:
                shows = True
            else:
                resolve_alert(connection, rule.workspace_id, alert.id, actor=KEY_NAME, now=alert.last_seen_at)
    return shows


def _store(database: "Database", workspace: Workspace, rows: Sequence[NewFeedback], now: datetime) -> None:
    with progress("Loading three weeks of feedback", unit="texts") as bar:
        done = 0
        for chunk in _chunks(iter(rows)):
            with database.write() as connection:
                add_new(connection, workspace.id, chunk, now=now, live=False)
            done += len(chunk)
            bar.at(done, len(rows))


def _chunks(rows: Iterator[NewFeedback]) -> Iterator[list[NewFeedback]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _new_key(database: "Database", workspace: Workspace, now: datetime) -> str:
    with database.write() as connection:
        for key in list_keys(connection, workspace.id):
            if key.name == KEY_NAME and key.revoked_at is None:
                revoke_key(connection, workspace.id, key.id, now)
        _, plain = create_key(connection, workspace.id, name=KEY_NAME, scopes=("admin",), now=now)
    return plain
