"""PagerDuty by the Events API v2: one incident per alert, triggered, acknowledged and resolved under one dedup key.

https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from core.times import to_rfc3339
from insights.message import ToldAlert
from store.records import Severity
from workers.letters import Attempt, Letter, Outside
from workers.posting import post, to_body

ADDRESS = "https://events.pagerduty.com/v2/enqueue"
Action = Literal["trigger", "acknowledge", "resolve"]
ACTIONS: Mapping[str, Action] = {"alert.acknowledged": "acknowledge", "alert.snoozed": "acknowledge", "alert.resolved": "resolve"}
"""What asks nobody to do anything; every other change triggers, which a known dedup key makes an update."""
SEVERITIES: Mapping[Severity, str] = {"critical": "critical", "high": "error", "medium": "warning", "low": "info"}
LONGEST_SUMMARY = 1024


def send(outside: Outside, letter: Letter, now: datetime) -> Attempt:
    """One event. 202 is taken; 400 is never going to be, an invalid routing key for one; 429 and 5xx may be later."""
    url = letter.option("api_url") or ADDRESS
    events = [event(letter)] if letter.notice.alert else [event(letter), closing(letter)]
    attempt = Attempt()
    for one in events:
        attempt, _ = post(outside, letter, url, to_body(one), {"X-Koe-Delivery": letter.delivery.event_id}, now)
        if attempt.error is not None:
            return attempt
    return attempt


def event(letter: Letter) -> dict[str, object]:
    """What is sent for a change. A test triggers at the lowest severity, and is resolved at once."""
    action = ACTIONS.get(letter.notice.event, "trigger")
    shown: dict[str, object] = {"routing_key": letter.secrets["routing_key"], "event_action": action, "dedup_key": letter.key}
    if action != "trigger":
        return shown
    links = [{"href": letter.link, "text": "Koe"}] if letter.link else []
    return shown | {"client": "Koe", "payload": payload(letter), "links": links}


def closing(letter: Letter) -> dict[str, object]:
    """Resolves what a test triggered."""
    return {"routing_key": letter.secrets["routing_key"], "event_action": "resolve", "dedup_key": letter.key}


def payload(letter: Letter) -> dict[str, object]:
    """What the person on call sees first, and every figure behind it."""
    alert = next(iter(letter.notice.spoken_of), None)
    shown: dict[str, object] = {
        "summary": letter.wording.headline[:LONGEST_SUMMARY],
        "source": alert.scope.source or "koe" if alert else "koe",
        "severity": SEVERITIES[alert.severity] if alert else "info",
    }
    if alert is None:
        return shown | {"custom_details": {"text": letter.wording.sentences}}
    shown |= {"timestamp": to_rfc3339(alert.started_at), "class": alert.measure, "custom_details": details(letter, alert)}
    return shown | ({"component": alert.scope.topic} if alert.scope.topic else {}) | ({"group": alert.rule_name} if alert.rule_name else {})


def details(letter: Letter, alert: ToldAlert) -> dict[str, object]:
    """The alert, of several the worst, as it was enqueued, under the names of the API, with the sentences before it."""
    told = json.loads(letter.delivery.payload)
    figures = next(one for one in (*told.get("group", ()), told["alert"]) if one["id"] == alert.id)
    kept = {name: value for name, value in figures.items() if name not in {"summary", "state", "ended_at"}}
    lines = {"alerts": list(letter.wording.lines)} if letter.wording.lines else {}
    quoted = {"quotes": list(letter.quotes)} if letter.quotes else {}
    return {"text": letter.wording.sentences, **lines, "alert": alert.id, "event": letter.notice.event, **kept, **quoted}
