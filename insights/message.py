"""What a channel is told of an alert: the alert as the API shows it, and nothing that a customer wrote."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.times import parse_time, to_rfc3339
from store.records import Alert, DeliveryEvent, Measure, Scope, Severity, TopicShare


@dataclass(frozen=True, slots=True)
class ToldAlert:
    """An alert as it was when a channel was to hear of it."""

    id: str
    rule_name: str
    severity: Severity
    started_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    measure: Measure
    scope: Scope
    window: timedelta
    observed: int
    expected: float
    interval: tuple[float, float]
    p_value: float
    topics: tuple[TopicShare, ...]
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One change, read back from its message. `alert`: None in the test of a channel. `event`: a DeliveryEvent, of whatever version."""

    event: str
    alert: ToldAlert | None


def message(alert: Alert, event: DeliveryEvent, *, group: Sequence[Alert] = ()) -> str:
    """The JSON of one change of an alert: `{"event": ..., "alert": {...}}`. `group`: all that this speaks of, where it is several."""
    shown = {
        "id": alert.id,
        "rule": alert.rule_id,
        "rule_name": alert.rule_name,
        "state": alert.state,
        "severity": alert.severity,
        "started_at": to_rfc3339(alert.started_at),
        "last_seen_at": to_rfc3339(alert.last_seen_at),
        "ended_at": None if alert.ended_at is None else to_rfc3339(alert.ended_at),
        "snoozed_until": None if alert.snoozed_until is None else to_rfc3339(alert.snoozed_until),
        "measure": alert.measure,
        "scope": _scope(alert.scope),
        "window_minutes": alert.window_minutes,
        "observed": alert.observed,
        "expected": alert.expected,
        "interval": list(alert.interval),
        "p_value": alert.p_value,
        "top_topics": [{"topic": share.topic, "count": share.count} for share in alert.top_topics],
        "summary": alert.summary,
    }
    others = [{"id": one.id, "state": one.state, "severity": one.severity, "summary": one.summary} for one in group]
    return json.dumps({"event": event, "alert": shown} | ({"group": others} if others else {}), ensure_ascii=False)


def read_message(payload: str) -> Notice:
    """The change again; what this version does not know is left aside. Raises KeyError, ValueError for what `message` did not write."""
    told = json.loads(payload)
    return Notice(told["event"], _told(told["alert"]) if "alert" in told else None)


def _told(alert: Mapping[str, Any]) -> ToldAlert:
    return ToldAlert(
        id=alert["id"],
        rule_name=alert["rule_name"],
        severity=alert["severity"],
        started_at=parse_time(alert["started_at"]),
        last_seen_at=parse_time(alert["last_seen_at"]),
        ended_at=None if alert["ended_at"] is None else parse_time(alert["ended_at"]),
        measure=alert["measure"],
        scope=Scope(**alert["scope"]),
        window=timedelta(minutes=alert["window_minutes"]),
        observed=alert["observed"],
        expected=alert["expected"],
        interval=(alert["interval"][0], alert["interval"][1]),
        p_value=alert["p_value"],
        topics=tuple(TopicShare(share["topic"], share["count"]) for share in alert["top_topics"]),
    )


def _scope(scope: Scope) -> dict[str, object]:
    return {
        "brand": scope.brand,
        "topic": scope.topic,
        "source": scope.source,
        "language": scope.language,
        "attributes": dict(scope.attributes),
    }
