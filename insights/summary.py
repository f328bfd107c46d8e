"""The text of an alert: two plain sentences from numbers and configured names; never a customer's words."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from insights.spikes import Finding
from store.records import Measure, Scope, TopicShare

NOUNS: Mapping[Measure, str] = {
    "negative": "negative feedback",
    "complaint": "complaints",
    "volume": "feedback",
    "share": "negative feedback",
    "silence": "feedback",
}
MOST_TOPICS = 3
LONGEST_NAME = 60


def summarize(
    finding: Finding,
    *,
    measure: Measure,
    scope: Scope,
    started_at: datetime,
    topics: Sequence[TopicShare] = (),
    names: Mapping[str, str] | None = None,
) -> str:
    """What, how many against expected, in how long, since when; then the main topics.

    `topics`: largest first, of the windows that `finding.observed` counts. `names`: id -> name to show, for brands and topics.
    """
    shown = names or {}
    expected = _rounded(finding.expected)
    first = (
        f"{finding.observed:,} {NOUNS[measure]}{_of_all(finding)}{_of(scope, shown)} in {_duration(finding.windows * finding.width)}"
        f" where about {expected} {'was' if expected == '1' else 'were'} expected, since {started_at:%Y-%m-%d %H:%M} UTC."
    )
    return f"{first} {_topics(finding, topics, shown)}"


def _topics(finding: Finding, topics: Sequence[TopicShare], names: Mapping[str, str]) -> str:
    parts = [f"{_short(names.get(t.topic, t.topic))} ({t.count:,})" for t in topics[:MOST_TOPICS] if t.count > 0]
    if not parts:
        low, high = finding.interval
        return f"No topic stands out; on an ordinary day it is {low:,.0f} to {high:,.0f}."
    return f"Mostly about {', '.join(parts[:-1])}{' and ' if len(parts) > 1 else ''}{parts[-1]}."


def _of_all(finding: Finding) -> str:
    return "" if finding.total is None else f" of {finding.total:,.0f}"


def _of(scope: Scope, names: Mapping[str, str]) -> str:
    parts = []
    if scope.brand is not None:
        parts.append(f" on {_short(names.get(scope.brand, scope.brand))}")
    if scope.topic is not None:
        parts.append(f" about {_short(names.get(scope.topic, scope.topic))}")
    if scope.source is not None:
        parts.append(f" from {_short(scope.source)}")
    if scope.language is not None:
        parts.append(f" in {_short(scope.language)}")
    parts.extend(f" with {_short(name)} {_short(value)}" for name, value in sorted(scope.attributes.items()))
    return "".join(parts)


def _short(name: str) -> str:
    plain = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return plain if len(plain) <= LONGEST_NAME else plain[: LONGEST_NAME - 1] + "…"


def _rounded(count: float) -> str:
    return f"{count:,.0f}" if count >= 9.5 else f"{count:.1f}".removesuffix(".0")


def _duration(width: timedelta) -> str:
    minutes = round(width.total_seconds() / 60)
    if minutes % 1440 == 0:
        return "24 hours" if minutes == 1440 else f"{minutes // 1440} days"
    if minutes % 60 == 0:
        return "one hour" if minutes == 60 else f"{minutes // 60} hours"
    return f"{minutes} minutes"
