"""What the series of a rule look like now: reads counts, asks insights, changes nothing."""

from collections.abc import Iterator, Mapping
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
from store.rollups import first_seen, live_count, scopes, series, totals
from store.scope import scope_key

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
    """One series of a rule, and the windows it is seen through: they end with the bucket that holds the present."""

    connection: Connection
    rule: Rule
    scope: Scope
    start: datetime
    fresh: datetime | None
    """What came before was paged for already and does not page again; None = nothing was."""

    @property
    def width(self) -> timedelta:
        return timedelta(minutes=self.rule.window_minutes)

    def live(self, windows_ago: int = 0) -> int:
        """Live feedback of the present window, or of one before it."""
        since = self.start - windows_ago * self.width
        until = since + self.width
        since = since if self.fresh is None else max(since, self.fresh)
        if since >= until:
            return 0
        return live_count(self.connection, self.rule.workspace_id, self.scope, self.rule.measure, since, until)

    def counts(self, since: datetime, until: datetime, width: timedelta) -> list[tuple[datetime, int]]:
        """All feedback, live or not, in windows."""
        return series(self.connection, self.rule.workspace_id, self.scope, self.rule.measure, since, until, width)

    def began(self) -> datetime | None:
        """When the history begins that the present can be compared with: a new model starts a new one."""
        first = first_seen(self.connection, self.rule.workspace_id, self.scope)
        if first is None or not of_a_model(self.rule.measure, self.scope):
            return first
        return max(first, comparable_since(self.connection) or first)

    def judge(self) -> Finding:
        """The present window given the 28 days before it. Live feedback pages, all feedback makes the past."""
        config = config_of(self.rule)
        history = self.counts(self.start - HISTORY // self.width * self.width, self.start, self.width)
        lately = [self.live(ago) for ago in range(config.windows(self.width)[-1] - 1, 0, -1)]
        return judge(history, self.start, self.live(), config, first_seen=self.began(), lately=lately)

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
    start = floor_to(now, BUCKET) + BUCKET - timedelta(minutes=rule.window_minutes)
    alerts = {scope_key(alert.scope): alert for alert in open_alerts(connection, rule.workspace_id, rule.id)}
    watched = {scope_key(scope): scope for scope in [*scopes_of(connection, rule, start), *(alert.scope for alert in alerts.values())]}
    names = dict(topic_names) | {brand.id: brand.name for brand in list_brands(connection, rule.workspace_id)}
    for key, scope in watched.items():
        alert = alerts.get(key)
        ended = last_ended(connection, rule, scope) if alert is None else None
        one = Series(connection, rule, scope, start, None if ended is None else floor_to(ended, BUCKET) + BUCKET)
        if alert is not None or one.live() >= rule.least:
            yield _sight(one, alert, names)


def scopes_of(connection: Connection, rule: Rule, since: datetime) -> list[Scope]:
    """The series of a rule that have feedback in the present window."""
    if not rule.split_by:
        return [rule.scope]
    return scopes(connection, rule.workspace_id, rule.split_by, rule.scope, since, since + timedelta(minutes=rule.window_minutes))


def _sight(one: Series, alert: Alert | None, names: Mapping[str, str]) -> Sight:
    finding = one.judge()
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
