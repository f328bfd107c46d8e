"""What the series of a rule look like now: reads counts, asks insights, changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.times import BUCKET, floor_to
from insights.onset import onset
from insights.severity import severity
from insights.spikes import Finding, SpikeConfig, judge
from insights.summary import summarize
from store.alerts import last_ended, open_alerts
from store.brands import list_brands
from store.model_changes import comparable_since
from store.records import Alert, AlertFigures, Counts, Measure, Rule, Scope, TopicShare
from store.rollups import first_seen, live_series, scopes, series, totals
from store.scope import scope_key
from store.topics import title_of, workspace_taxonomy

HISTORY = timedelta(days=28)
MOST_TOPICS = 5


@dataclass(frozen=True, slots=True)
class Sight:
    """One series as it looks now. `alert`: its unresolved one. `figures`: None while the series is ordinary."""

    scope: Scope
    alert: Alert | None
    finding: Finding
    started_at: datetime
    figures: AlertFigures | None


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a rule, seen through windows of which the last ends with the bucket that holds the present.

    `fresh`: what came before was paged for already and does not page again; None = nothing was.
    """

    connection: Connection
    rule: Rule
    scope: Scope
    until: datetime
    fresh: datetime | None

    @property
    def width(self) -> timedelta:
        return timedelta(minutes=self.rule.window_minutes)

    @property
    def start(self) -> datetime:
        return self.until - self.width

    def counts(self, since: datetime, until: datetime, width: timedelta) -> list[tuple[datetime, int]]:
        """All feedback, live or not, in windows."""
        return series(self.connection, self.rule.workspace_id, self.scope, self.rule.measure, since, until, width)

    def live(self) -> list[int]:
        """Live feedback of the windows that are looked at as one, the present one last."""
        windows = config_of(self.rule).windows(self.width)[-1]
        since = self.until - windows * self.width
        buckets = live_series(self.connection, self.rule.workspace_id, self.scope, self.rule.measure, since, self.until, BUCKET)
        sums = [0] * windows
        for start, count in buckets:
            if self.fresh is None or start >= self.fresh:
                sums[(start - since) // self.width] += count
        return sums

    def began(self) -> datetime | None:
        """When the history begins that the present can be compared with: a new model of the workspace starts a new one."""
        first = first_seen(self.connection, self.rule.workspace_id, self.scope)
        if first is None or not of_a_model(self.rule.measure, self.scope):
            return first
        return max(first, comparable_since(self.connection, self.rule.workspace_id) or first)

    def judge(self, live: Sequence[int]) -> Finding:
        """The present window given the 28 days before it. Live feedback pages, all feedback makes the past."""
        history = self.counts(self.start - HISTORY // self.width * self.width, self.start, self.width)
        return judge(history, self.start, live[-1], config_of(self.rule), first_seen=self.began(), lately=live[:-1])

    def figures(self, finding: Finding, started_at: datetime, names: Mapping[str, str]) -> AlertFigures:
        """What an alert shows of a finding."""
        by_topic = totals(self.connection, self.rule.workspace_id, finding.since, finding.until, by="topic", scope=self.scope)
        shares = [TopicShare(topic, measured(counts, self.rule.measure)) for topic, counts in by_topic.items() if topic != self.scope.topic]
        topics = tuple(sorted((share for share in shares if share.count), key=lambda share: (-share.count, share.topic))[:MOST_TOPICS])
        return AlertFigures(
            severity=severity(finding),
            window_minutes=finding.windows * self.rule.window_minutes,
            observed=finding.observed,
            expected=finding.expected,
            interval=finding.interval,
            p_value=finding.p_value,
            top_topics=topics,
            summary=summarize(finding, measure=self.rule.measure, scope=self.scope, started_at=started_at, topics=topics, names=names),
        )


def look(connection: Connection, rule: Rule, now: datetime, topic_names: Mapping[str, str]) -> Iterator[Sight]:
    """Every series that may change something: those with enough live feedback, and those with an unresolved alert."""
    until = floor_to(now, BUCKET) + BUCKET
    alerts = {scope_key(alert.scope): alert for alert in open_alerts(connection, rule.workspace_id, rule.id)}
    watched = {scope_key(scope): scope for scope in [*scopes_of(connection, rule, until), *(alert.scope for alert in alerts.values())]}
    own = workspace_taxonomy(connection, rule.workspace_id)
    names = dict(topic_names) | {topic.id: title_of(topic) for topic in (own.topics if own else ())}
    names |= {brand.id: brand.name for brand in list_brands(connection, rule.workspace_id)}
    for key, scope in watched.items():
        alert = alerts.get(key)
        ended = last_ended(connection, rule, scope) if alert is None else None
        one = Series(connection, rule, scope, until, None if ended is None else floor_to(ended, BUCKET) + BUCKET)
        live = one.live()
        # Most series are small, and judging reads 28 days: one that cannot have enough for an alert is left alone.
        if alert is not None or sum(live) >= rule.least:
            yield _sight(one, live, alert, names)


def scopes_of(connection: Connection, rule: Rule, until: datetime) -> list[Scope]:
    """The series of a rule that have feedback in the present window."""
    if not rule.split_by:
        return [rule.scope]
    return scopes(connection, rule.workspace_id, rule.split_by, rule.scope, until - timedelta(minutes=rule.window_minutes), until)


def _sight(one: Series, live: Sequence[int], alert: Alert | None, names: Mapping[str, str]) -> Sight:
    finding = one.judge(live)
    if not finding.surging and not finding.elevated:
        return Sight(one.scope, alert, finding, finding.since, None)
    if alert is not None:
        started_at = alert.started_at
    else:
        began = onset(one.counts(finding.since, finding.until, BUCKET), finding.expected)
        started_at = began if one.fresh is None else max(began, one.fresh)
    return Sight(one.scope, alert, finding, started_at, one.figures(finding, started_at, names))


def config_of(rule: Rule) -> SpikeConfig:
    """What makes a surge for this rule."""
    return SpikeConfig(sensitivity=rule.sensitivity, least=rule.least)


def of_a_model(measure: Measure, scope: Scope) -> bool:
    """Whether another model would count this series otherwise."""
    return measure != "volume" or scope.topic is not None or scope.language is not None


def measured(counts: Counts, measure: Measure) -> int:
    """The number that a rule watches."""
    return counts.count if measure == "volume" else counts.negative if measure == "negative" else counts.complaint
