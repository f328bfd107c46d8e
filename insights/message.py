"""What a channel is told of an alert: the alert as the API shows it, and nothing that a customer wrote."""

import json
from collections.abc import Sequence

from core.times import to_rfc3339
from store.records import Alert, DeliveryEvent, Scope


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


def _scope(scope: Scope) -> dict[str, object]:
    return {
        "brand": scope.brand,
        "topic": scope.topic,
        "source": scope.source,
        "language": scope.language,
        "attributes": dict(scope.attributes),
    }
