"""The text of an alert as it is stored: two plain sentences in English and UTC, from numbers and configured names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from insights.shape import Part
from insights.spikes import Finding
from insights.wording import Style, present_sentences
from store.records import Measure, Scope, TopicShare

MOST_TOPICS = 5


@dataclass(frozen=True, slots=True)
class _Found:
    """A finding with what it is a finding of."""

    finding: Finding
    measure: Measure
    scope: Scope
    started_at: datetime
    topics: Sequence[TopicShare]

    @property
    def window(self) -> timedelta:
        return self.finding.windows * self.finding.width

    @property
    def observed(self) -> int:
        return self.finding.observed

    @property
    def expected(self) -> float:
        return self.finding.expected

    @property
    def total(self) -> float | None:
        return self.finding.total

    @property
    def interval(self) -> tuple[float, float]:
        return self.finding.interval


def main_topics(counts: Mapping[str, int]) -> tuple[TopicShare, ...]:
    """What is spoken of most, largest first."""
    shares = [TopicShare(topic, count) for topic, count in counts.items() if count > 0]
    return tuple(sorted(shares, key=lambda share: (-share.count, share.topic))[:MOST_TOPICS])


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
    return present_sentences(_Found(finding, measure, scope, started_at, topics), Style(names=names or {}))


CHANGED = {
    "language": ("The languages changed", "{}"),
    "length": ("The lengths of the texts changed", "{} characters and more"),
    "repeats": ("The same words come again and again", "{}"),
}
MOST_PARTS = 3


def describe_change(face: str, parts: Sequence[Part]) -> str:
    """What is otherwise in a source that changed shape, and what was usual: one sentence."""
    what, name = CHANGED[face]
    told = (f"{name.format(part.value)} {part.observed:,} (usually about {part.usual:,.0f})" for part in parts[:MOST_PARTS])
    return f"{what}: {', '.join(told)}."
