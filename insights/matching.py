"""Labels of an alert, and the matchers that silences, policies and inhibitions pick alerts by."""

import json
from collections.abc import Mapping, Sequence

from store.records import Alert, Inhibition, Matcher, Policy, Silence

LABELS = ("brand", "topic", "source", "language", "rule", "measure", "severity")
ATTRIBUTE = "attributes."


def labels_of(alert: Alert) -> dict[str, str]:
    """What an alert can be matched by; a part that its scope leaves open is the empty text."""
    scope = alert.scope
    labels = {
        "brand": scope.brand or "",
        "topic": scope.topic or "",
        "source": scope.source or "",
        "language": scope.language or "",
        "rule": alert.rule_id,
        "measure": alert.measure,
        "severity": alert.severity,
    }
    return labels | {ATTRIBUTE + name: value for name, value in scope.attributes.items()}


def matches(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether all of them are met; none at all are met by everything."""
    return all((labels.get(one.name, "") in one.values) is (one.op == "=") for one in matchers)


def silenced_by(alert: Alert, silences: Sequence[Silence]) -> Silence | None:
    """The silence that lies over an alert, of those that are in force now; of several the one that lasts longest."""
    over = [one for one in silences if matches(one.matchers, labels_of(alert))]
    return max(over, key=lambda one: one.ends_at, default=None)


def inhibited_by(alert: Alert, others: Sequence[Alert], inhibitions: Sequence[Inhibition]) -> Alert | None:
    """The unresolved alert that makes this one redundant. As in Alertmanager, what matches both sides inhibits nobody of its kind."""
    labels = labels_of(alert)
    for rule in inhibitions:
        if not matches(rule.target, labels) or matches(rule.source, labels):
            continue
        for other in others:
            theirs = labels_of(other)
            same = all(labels.get(name, "") == theirs.get(name, "") for name in rule.equal)
            if other.id != alert.id and other.state != "resolved" and same and matches(rule.source, theirs):
                return other
    return None


def group_key(alert: Alert, policy: Policy | None) -> str:
    """What alerts of one notification have in common: their policy and its labels; an alert that is not grouped has nothing in common."""
    if policy is None or policy.group_by is None:
        return f"alert {alert.id}"
    labels = labels_of(alert)
    return json.dumps([policy.id, *(labels.get(name, "") for name in policy.group_by)], ensure_ascii=False)
