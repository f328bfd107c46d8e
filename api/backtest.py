"""POST /v1/rules/backtest: what a rule would have found in the stored history, by the very code that watches live."""

from datetime import datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from api.alerts import AlertOut, TopicShareOut
from api.auth import Reader
from api.route import Route
from api.rules import Watch, check_rule
from api.schemas import EVERY_CALL, RuleFields, ScopeShape, problems, read_moment
from api.services import Services, With
from core.errors import InvalidInput
from core.times import floor_to
from insights.severity import severity
from insights.spikes import Surge, replay, surges
from insights.summary import summarize
from nlp.topics import name_of
from store.brands import list_brands
from store.feedback import period
from store.records import Counts, Measure, Scope, TopicShare
from store.rollups import first_seen, scopes, series, totals
from store.rules import get_rule
from store.scope import scope_key

router = APIRouter(prefix="/v1/rules", tags=["rules"], route_class=Route, responses=problems(*EVERY_CALL, 404, 413, 415))
MOST_WINDOWS = 50_000
"""Windows that one series is judged over: five years of hours."""
MOST_SERIES = 200
MOST_TOPICS = 5
WEEK = timedelta(days=7)


class BacktestIn(RuleFields):
    """The fields of a rule, or the id of a stored one; fields given beside an id replace those of the stored rule."""

    rule: str | None = Field(default=None, max_length=40, description="Id of a stored rule.")
    since: str | None = Field(default=None, alias="from", max_length=40, description="The oldest feedback when left out.")
    until: str | None = Field(default=None, alias="to", max_length=40, description="The newest feedback when left out.")


class BacktestAlert(AlertOut):
    rule: str | None = Field(description="Id of the stored rule, if one was tried.")  # type: ignore[assignment]
    hour: datetime = Field(description="Start of the window in which it was least likely; observed counts `window_minutes` up to its end.")


class BacktestOut(BaseModel):
    alerts: list[BacktestAlert]
    pages_per_week: float
    series: int = Field(description="How many series were watched.")


@router.post("/backtest", summary="What a rule would have found in the stored history")
def backtest_rule(body: BacktestIn, caller: Reader, services: With) -> BacktestOut:
    """Judges every window by the code that watches live, given only what came before it; nobody is paged."""
    with services.database.read() as connection:
        fields = rule_fields(connection, caller.workspace_id, body)
        trial = Trial(connection, services, caller.workspace_id, check_rule(connection, services, caller.workspace_id, fields))
        stretch = trial.stretch(read_moment(body.since, "from"), read_moment(body.until, "to"))
        if stretch is None:
            return BacktestOut(alerts=[], pages_per_week=0.0, series=0)
        return trial.run(*stretch, rule_id=body.rule)


def rule_fields(connection: Connection, workspace_id: str, body: BacktestIn) -> RuleFields:
    """Raises NotFound for an unknown rule."""
    given = {name: getattr(body, name) for name in body.model_fields_set if name in RuleFields.model_fields}
    if body.rule is None:
        return RuleFields(**given)
    rule = get_rule(connection, workspace_id, body.rule)
    stored = {name: getattr(rule, name) for name in RuleFields.model_fields} | {"scope": ScopeShape.model_validate(rule.scope)}
    return RuleFields.model_construct(**stored | {"split_by": list(rule.split_by)} | given)


class Trial:
    """One rule over one stretch of history."""

    def __init__(self, connection: Connection, services: Services, workspace_id: str, watch: Watch) -> None:
        self._connection = connection
        self._workspace_id = workspace_id
        self._watch = watch
        self._names = {brand.id: brand.name for brand in list_brands(connection, workspace_id)}
        self._names |= {topic.id: name_of(topic) for topic in services.topics_of(connection, workspace_id).topics}

    def stretch(self, since: datetime | None, until: datetime | None) -> tuple[datetime, datetime] | None:
        """What to judge, in whole windows; None when nothing is stored. Raises InvalidInput when it is too long, or the wrong way round."""
        stored = period(self._connection, self._workspace_id)
        if stored is None:
            return None
        window = self._watch.window
        first, last = (
            floor_to(since or stored[0], window),
            floor_to((until or stored[1]) - timedelta(microseconds=1 if until else 0), window) + window,
        )
        if first >= last:
            raise InvalidInput("from must be before to", field="from")
        if (last - min(first, stored[0])) / window > MOST_WINDOWS:
            raise InvalidInput(f"more than {MOST_WINDOWS:,} windows; choose a longer window or a shorter stretch", field="window_minutes")
        return first, last

    def run(self, since: datetime, until: datetime, *, rule_id: str | None) -> BacktestOut:
        """Raises InvalidInput when the rule splits into more series than one call can judge."""
        watch = self._watch
        watched = (
            scopes(self._connection, self._workspace_id, watch.split_by, watch.scope, since, until) if watch.split_by else [watch.scope]
        )
        if len(watched) > MOST_SERIES:
            raise InvalidInput(
                f"split_by makes {len(watched):,} series; at most {MOST_SERIES} are tried at once: narrow the scope", field="split_by"
            )
        alerts = [self._shown(scope, surge, rule_id) for scope in watched for surge in self._surges(scope, since, until)]
        alerts.sort(key=lambda alert: (alert.started_at, alert.p_value))
        return BacktestOut(alerts=alerts, pages_per_week=round(len(alerts) / ((until - since) / WEEK), 4), series=len(watched))

    def _surges(self, scope: Scope, since: datetime, until: datetime) -> list[Surge]:
        first = first_seen(self._connection, self._workspace_id, scope)
        if first is None or first >= until:
            return []
        watch = self._watch
        # All that came before belongs to what is known of a series; windows before its first row do not.
        start = min(floor_to(first, watch.window), since)
        counts = series(self._connection, self._workspace_id, scope, watch.measure, start, until, watch.window)
        return surges([finding for finding in replay(counts, first, watch.config) if finding.start >= since])

    def _shown(self, scope: Scope, surge: Surge, rule_id: str | None) -> BacktestAlert:
        peak, measure = surge.peak, self._watch.measure
        topics = self._topics(scope, surge)
        return BacktestAlert(
            id=f"{surge.started_at:%Y-%m-%dT%H:%MZ} {scope_key(scope)}",
            rule=rule_id,
            rule_name="backtest",
            state="resolved",
            severity=severity(peak),
            started_at=surge.started_at,
            last_seen_at=surge.ended_at,
            ended_at=surge.ended_at,
            measure=measure,
            scope=ScopeShape.model_validate(scope),
            window_minutes=round(peak.windows * peak.width / timedelta(minutes=1)),
            observed=peak.observed,
            expected=peak.expected,
            interval=peak.interval,
            p_value=peak.p_value,
            top_topics=[TopicShareOut.model_validate(topic) for topic in topics],
            summary=summarize(peak, measure=measure, scope=scope, started_at=surge.started_at, topics=topics, names=self._names),
            hour=peak.start,
        )

    def _topics(self, scope: Scope, surge: Surge) -> list[TopicShare]:
        """Of what the peak's observed count speaks most."""
        if scope.topic is not None:
            return []
        counts = totals(self._connection, self._workspace_id, surge.peak.since, surge.peak.until, by="topic", scope=scope)
        shares = [TopicShare(topic, measured(count, self._watch.measure)) for topic, count in counts.items()]
        return sorted((share for share in shares if share.count > 0), key=lambda share: (-share.count, share.topic))[:MOST_TOPICS]


def measured(counts: Counts, measure: Measure) -> int:
    """The number that a rule of this measure watches."""
    return {"negative": counts.negative, "complaint": counts.complaint, "volume": counts.count}[measure]
