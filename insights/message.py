"""What a channel is told of an alert: the alert as the API shows it, and nothing that a customer wrote."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.times import parse_time, to_rfc3339
from store.records import SEVERITIES, Alert, AlertState, DeliveryEvent, Measure, Scope, Severity, TopicShare


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
    state: AlertState = "open"
    total: int | None = None

    @property
    def weight(self) -> tuple[int, float]:
        """How bad it is beside others: by severity, then by how far from what is usual."""
        return SEVERITIES.index(self.severity), abs(self.observed - self.expected)


@dataclass(frozen=True, slots=True)
class Notice:
    """One change, read back from its message. `alert`: None in the test of a channel; of several the one that the receiver knows them by.

    `event`: a DeliveryEvent, of whatever version; `group`: all that it is about, where that is not the alert alone.
    """

    event: str
    alert: ToldAlert | None
    group: tuple[ToldAlert, ...] = ()

    @property
    def spoken_of(self) -> tuple[ToldAlert, ...]:
        """The alerts to speak of, the worst first: those that nobody looks at, or else those that go on, or all when none does.

        None in the test of a channel.
        """
        told = self.group or (() if self.alert is None else (self.alert,))
        going_on = [one for one in told if one.state != "resolved"]
        spoken_of = [one for one in going_on if one.state == "open"] or going_on or told
        return tuple(sorted(spoken_of, key=lambda one: one.weight, reverse=True))


def message(alert: Alert, event: DeliveryEvent, *, group: Sequence[Alert] = ()) -> str:
    """The JSON of one change: `{"event": ..., "alert": {...}}`; and `"group": [{...}, ...]` where it is about more than the alert."""
    about = [_shown(one) for one in group]
    return json.dumps({"event": event, "alert": _shown(alert)} | ({"group": about} if about else {}), ensure_ascii=False)


def read_message(payload: str) -> Notice:
    """The change again; what this version does not know is left aside. Raises KeyError, ValueError for what `message` did not write."""
    told = json.loads(payload)
    # An older version named the others of a group without their figures.
    group = tuple(_told(one) for one in told.get("group", ()) if "observed" in one)
    return Notice(told["event"], _told(told["alert"]) if "alert" in told else None, group)


def _shown(alert: Alert) -> dict[str, object]:
    return {
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
        "total": alert.total,
        "expected": alert.expected,
        "interval": list(alert.interval),
        "p_value": alert.p_value,
        "top_topics": [{"topic": share.topic, "count": share.count} for share in alert.top_topics],
        "summary": alert.summary,
    }


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
        state=alert["state"],
        total=alert.get("total"),
    )


def _scope(scope: Scope) -> dict[str, object]:
    return {
        "brand": scope.brand,
        "topic": scope.topic,
        "source": scope.source,
        "language": scope.language,
        "attributes": dict(scope.attributes),
    }
