"""Nothing of one workspace is visible to another: every function that reads is asked with another workspace's id."""

from collections.abc import Callable
from datetime import time, timedelta

import pytest
from sqlalchemy import Connection

from core.errors import NotFound
from store import (
    alert_groups,
    alerts,
    brands,
    channels,
    deliveries,
    feedback,
    imports,
    keys,
    on_call,
    policies,
    reannotations,
    rollups,
    rules,
    search,
    shapes,
    silences,
    sources,
)
from store.database import Database
from store.records import (
    AlertFigures,
    Counts,
    FeedbackPage,
    FeedbackQuery,
    Matcher,
    QuietHours,
    ReannotationProgress,
    Scope,
    TrendPage,
    TrendQuery,
    Workspace,
)
from store.secrets import Vault
from store.workspaces import create_workspace, set_dimensions
from tests.builders import NOW, a_new_feedback, a_webhook, an_annotation, store_annotated

VAULT = Vault("a secret that is long enough")
DAY_AGO = NOW - timedelta(days=1)
FIGURES = AlertFigures("high", 60, 40, 8.5, (3.0, 15.0), 1e-9, (), "Far more than usual.")
NO_PROGRESS = ReannotationProgress(None, None, (), outdated=0, waiting=0, done=0, failed=0, per_second=None)
Ids = dict[str, str]
Read = Callable[[Connection, str, Ids], object]


def fill(connection: Connection, workspace: Workspace) -> Ids:
    """One of everything."""
    set_dimensions(connection, workspace.id, ["plan"], NOW)
    brand = brands.create_brand(connection, workspace.id, name="ours", query="parcel", now=NOW)
    [one] = store_annotated(connection, workspace.id, [(a_new_feedback(attributes={"plan": "pro"}), an_annotation())])
    rollups.roll_up_touched(connection, limit=100, now=NOW)
    key, _ = keys.create_key(connection, workspace.id, name="ci", scopes=["read"], now=NOW)
    channel = a_webhook(connection, workspace.id, vault=VAULT)
    rule = rules.create_rule(
        connection, workspace.id, name="rule", measure="negative", scope=Scope(), split_by=(), window_minutes=60, sensitivity=1e-4, least=8,
        channels=(channel.id,), enabled=True, now=NOW,
    )  # fmt: skip
    alert = alerts.open_alert(connection, rule, Scope(), FIGURES, started_at=NOW, seen_at=NOW, now=NOW)
    assert alert is not None
    deliveries.enqueue(connection, alert, "alert.opened", [channel.id], "{}", NOW)
    matchers = [Matcher("topic", "=", ("delivery",))]
    silence = silences.create_silence(
        connection, workspace.id, matchers=matchers, starts_at=NOW, ends_at=NOW + timedelta(days=1), author="x", comment="y", now=NOW
    )
    policy = policies.save_policy(
        connection, workspace.id, None, name="p", position=1, matchers=(), steps=(), repeat_minutes=None, group_by=None,
        group_wait_seconds=0, group_interval_minutes=0, now=NOW,
    )  # fmt: skip
    inhibition = policies.create_inhibition(connection, workspace.id, name="i", source=matchers, target=matchers, equal=(), now=NOW)
    schedule = on_call.save_schedule(
        connection, workspace.id, None, name="s", time_zone="Asia/Tokyo", turn="daily", handover=time(9), starts_on=NOW.date(),
        rotation=(channel.id,), now=NOW,
    )  # fmt: skip
    on_call.save_quiet_hours(connection, workspace.id, QuietHours(channel.id, "UTC", (), None, ()))
    alert_groups.join_group(connection, alert, key="k", policy=None, now=NOW)
    reannotations.begin_reannotation(connection, workspace.id, ("another", "1"), since=None, now=NOW)
    reannotations.advance_reannotation(connection, workspace.id, ("another", "1"), now=NOW)
    source = sources.create_source(
        connection, workspace.id, name="feed", connector="rss", options={}, every_seconds=60, now=NOW, vault=VAULT
    )
    import_ = imports.create_import(connection, workspace.id, filename="a.csv", source="import", mapping={}, now=NOW)
    return {
        "brand": brand.id, "feedback": one.id, "key": key.id, "channel": channel.id, "rule": rule.id, "alert": alert.id,
        "delivery": deliveries.list_deliveries(connection, workspace.id).rows[0].id,
        "source": source.id, "import": import_.id, "silence": silence.id, "policy": policy.id, "inhibition": inhibition.id,
        "schedule": schedule.id,
    }  # fmt: skip


READS: dict[str, tuple[Read, object]] = {
    "get_feedback": (lambda c, w, i: feedback.get_feedback(c, w, i["feedback"]), NotFound),
    "history": (lambda c, w, i: feedback.history(c, w, i["feedback"]), NotFound),
    "load_annotated": (lambda c, w, i: feedback.load_annotated(c, w, [int(i["feedback"])]), []),
    "count_unannotated": (lambda c, w, i: feedback.count_unannotated(c, w), 0),
    "period": (lambda c, w, i: feedback.period(c, w), None),
    "delete_feedback": (lambda c, w, i: feedback.delete_feedback(c, w, i["feedback"], NOW), NotFound),
    "search_feedback": (lambda c, w, i: search.search_feedback(c, w, FeedbackQuery()), FeedbackPage((), None)),
    "search by brand": (lambda c, w, i: search.search_feedback(c, w, FeedbackQuery(brand=i["brand"])), FeedbackPage((), None)),
    "reannotation_progress": (lambda c, w, i: reannotations.reannotation_progress(c, w, NOW), NO_PROGRESS),
    "any_outdated": (lambda c, w, i: reannotations.any_outdated(c, w, ("another", "1")), False),
    "stop_reannotation": (lambda c, w, i: reannotations.stop_reannotation(c, w), False),
    "advance_reannotation": (lambda c, w, i: reannotations.advance_reannotation(c, w, ("another", "1"), now=NOW), False),
    "claim_outdated": (
        lambda c, w, i: reannotations.claim_outdated(c, [w], limit=9, characters=99, now=NOW, lease=timedelta(minutes=2)), [],
    ),
    "trends": (lambda c, w, i: rollups.trends(c, w, TrendQuery("1h", DAY_AGO, NOW, ("topic",))), TrendPage((), None)),
    "trends from rows": (
        lambda c, w, i: rollups.trends(c, w, TrendQuery("1h", DAY_AGO, NOW, ("topic", "source", "brand"))), TrendPage((), None),
    ),
    "totals": (lambda c, w, i: rollups.totals(c, w, DAY_AGO, NOW), {"": Counts()}),
    "totals by brand": (lambda c, w, i: rollups.totals(c, w, DAY_AGO, NOW, by="brand"), {}),
    "live_totals": (lambda c, w, i: rollups.live_totals(c, w, Scope(), "volume", (DAY_AGO, NOW)), {"": 0}),
    "live_totals by topic": (lambda c, w, i: rollups.live_totals(c, w, Scope(), "volume", (DAY_AGO, NOW), by="topic"), {}),
    "series": (lambda c, w, i: rollups.series(c, w, Scope(), "volume", DAY_AGO, NOW, timedelta(days=1)), [(DAY_AGO, 0)]),
    "grid": (lambda c, w, i: rollups.grid(c, w, Scope(), ["topic"], "volume", (DAY_AGO, NOW), timedelta(hours=1)), {}),
    "sums": (lambda c, w, i: rollups.sums(c, w, Scope(), ["topic"], "volume", (DAY_AGO, NOW)), {}),
    "hourly_shapes": (lambda c, w, i: shapes.hourly_shapes(c, w, DAY_AGO, NOW), {}),
    "known_sources": (lambda c, w, i: list(sources.known_sources(c, w)), []),
    "first_seen": (lambda c, w, i: rollups.first_seen(c, w, Scope()), None),
    "scopes": (lambda c, w, i: rollups.scopes(c, w, ["topic"], Scope(), DAY_AGO, NOW), []),
    "list_brands": (lambda c, w, i: brands.list_brands(c, w), []),
    "get_brand": (lambda c, w, i: brands.get_brand(c, w, i["brand"]), NotFound),
    "counts_of_brands": (lambda c, w, i: brands.counts_of_brands(c, w), {}),
    "list_keys": (lambda c, w, i: keys.list_keys(c, w), []),
    "revoke_key": (lambda c, w, i: keys.revoke_key(c, w, i["key"], NOW), NotFound),
    "list_channels": (lambda c, w, i: channels.list_channels(c, w), []),
    "get_channel": (lambda c, w, i: channels.get_channel(c, w, i["channel"]), NotFound),
    "list_deliveries": (lambda c, w, i: deliveries.list_deliveries(c, w).rows, ()),
    "list_deliveries of a channel": (lambda c, w, i: deliveries.list_deliveries(c, w, channel_id=i["channel"]).rows, ()),
    "enqueue_test": (lambda c, w, i: deliveries.enqueue_test(c, w, i["channel"], NOW), NotFound),
    "get_delivery": (lambda c, w, i: deliveries.get_delivery(c, w, i["delivery"]), NotFound),
    "resend": (lambda c, w, i: deliveries.resend(c, w, i["delivery"], NOW), NotFound),
    "resend_dead": (lambda c, w, i: deliveries.resend_dead(c, w, i["channel"], NOW), NotFound),
    "use_link": (lambda c, w, i: deliveries.use_link(c, w, i["delivery"], NOW), False),
    "list_rules": (lambda c, w, i: rules.list_rules(c, w), []),
    "get_rule": (lambda c, w, i: rules.get_rule(c, w, i["rule"]), NotFound),
    "list_alerts": (lambda c, w, i: alerts.list_alerts(c, w, limit=9, cursor=None).rows, ()),
    "open_alerts": (lambda c, w, i: alerts.open_alerts(c, w, i["rule"]), []),
    "unresolved_alerts": (lambda c, w, i: alerts.unresolved_alerts(c, w), []),
    "why_of": (lambda c, w, i: alerts.why_of(c, w, i["alert"]), NotFound),
    "get_alert": (lambda c, w, i: alerts.get_alert(c, w, i["alert"]), NotFound),
    "transitions": (lambda c, w, i: alerts.transitions(c, w, i["alert"]), NotFound),
    "acknowledge_alert": (lambda c, w, i: alerts.acknowledge_alert(c, w, i["alert"], actor="x", now=NOW), NotFound),
    "companions": (lambda c, w, i: alert_groups.companions(c, w, i["alert"]), []),
    "list_silences": (lambda c, w, i: silences.list_silences(c, w), []),
    "silences_in_force": (lambda c, w, i: silences.silences_in_force(c, w, NOW), []),
    "get_silence": (lambda c, w, i: silences.get_silence(c, w, i["silence"]), NotFound),
    "end_silence": (lambda c, w, i: silences.end_silence(c, w, i["silence"], NOW), NotFound),
    "prolong_silence": (lambda c, w, i: silences.prolong_silence(c, w, i["silence"], ends_at=NOW, now=NOW), NotFound),
    "list_policies": (lambda c, w, i: policies.list_policies(c, w), []),
    "get_policy": (lambda c, w, i: policies.get_policy(c, w, i["policy"]), NotFound),
    "list_inhibitions": (lambda c, w, i: policies.list_inhibitions(c, w), []),
    "get_inhibition": (lambda c, w, i: policies.get_inhibition(c, w, i["inhibition"]), NotFound),
    "list_schedules": (lambda c, w, i: on_call.list_schedules(c, w), []),
    "get_schedule": (lambda c, w, i: on_call.get_schedule(c, w, i["schedule"]), NotFound),
    "quiet_hours_of": (lambda c, w, i: on_call.quiet_hours_of(c, w), {}),
    "ungrouped_alerts": (lambda c, w, i: alert_groups.ungrouped_alerts(c, w), []),
    "open_groups": (lambda c, w, i: alert_groups.open_groups(c, w), []),
    "unacknowledge_alert": (lambda c, w, i: alerts.unacknowledge_alert(c, w, i["alert"], actor="x", now=NOW), NotFound),
    "snooze_alert": (lambda c, w, i: alerts.snooze_alert(c, w, i["alert"], until=NOW, actor="x", now=NOW), NotFound),
    "wake_snoozed": (lambda c, w, i: alerts.wake_snoozed(c, w, seen_after=DAY_AGO, now=NOW), []),
    "count_alerts": (lambda c, w, i: sum(alerts.count_alerts(c, w).values()), 0),
    "last_transition": (lambda c, w, i: alerts.last_transition(c, w), 0),
    "transitions_after": (lambda c, w, i: alerts.transitions_after(c, {w: 0}, limit=9), []),
    "list_sources": (lambda c, w, i: sources.list_sources(c, w), []),
    "get_source": (lambda c, w, i: sources.get_source(c, w, i["source"]), NotFound),
    "run_source_now": (lambda c, w, i: sources.run_source_now(c, w, i["source"], NOW), NotFound),
    "list_imports": (lambda c, w, i: imports.list_imports(c, w), []),
    "get_import": (lambda c, w, i: imports.get_import(c, w, i["import"]), NotFound),
}  # fmt: skip


@pytest.mark.parametrize("name", READS)
def test_another_workspace_sees_nothing(database: Database, workspace: Workspace, name: str) -> None:
    read, nothing = READS[name]
    with database.write() as connection:
        ids = fill(connection, workspace)
        other = create_workspace(connection, "other", NOW)
        if nothing is NotFound:
            with pytest.raises(NotFound):
                read(connection, other.id, ids)
        else:
            assert read(connection, other.id, ids) == nothing


def test_every_reading_function_is_asked() -> None:
    """A function that takes a workspace and is not in READS (nor makes or changes something by name) fails this test."""
    modules = (
        alert_groups,
        alerts,
        brands,
        on_call,
        policies,
        reannotations,
        silences,
        channels,
        deliveries,
        feedback,
        imports,
        keys,
        rollups,
        rules,
        search,
        shapes,
        sources,
    )
    changing = ("create_", "update_", "delete_", "add_", "save_", "ensure_", "complete_", "claim_", "resolve_", "ask_", "begin_")
    asked = {name.split(" ")[0] for name in READS}
    for module in modules:
        for name, function in vars(module).items():
            mine = callable(function) and getattr(function, "__module__", "") == module.__name__ and not name.startswith(("_", *changing))
            if mine and "workspace_id" in getattr(function, "__annotations__", {}):
                assert name in asked, f"{module.__name__}.{name} reads by workspace: add it to READS"
