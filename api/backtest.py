"""POST /v1/rules/backtest: what a rule would have found in the stored history, by the very code that watches live."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from api.alerts import AlertOut, TopicShareOut
from api.auth import Caller, Reader
from api.history import History, Paged, Party, outcome, rivals_of
from api.route import Route
from api.rules import Watch, check_rule, fields_of, merge
from api.schemas import EVERY_CALL, RuleFields, ScopeShape, problems, read_moment
from api.services import Services, With
from insights.budget import MOST_SENSITIVE, calibrate, quiet_at
from insights.rules import measured
from insights.severity import of_source, severity
from insights.spikes import Surge
from insights.summary import main_topics, summarize
from nlp.topics import name_of
from store.names import named
from store.records import Scope, TopicShare
from store.rollups import totals
from store.rules import get_rule
from store.scope import scope_key

router = APIRouter(prefix="/v1/rules", tags=["rules"], route_class=Route, responses=problems(*EVERY_CALL, 404, 413, 415))


class BacktestIn(RuleFields):
    """The fields of a rule, or the id of a stored one; fields given beside an id replace those of the stored rule."""

    rule: str | None = Field(default=None, max_length=40, description="Id of a stored rule.")
    since: str | None = Field(default=None, alias="from", max_length=40, description="The oldest feedback when left out.")
    until: str | None = Field(default=None, alias="to", max_length=40, description="The newest feedback when left out.")


class PreviewIn(BacktestIn):
    """The fields of a rule that is not saved yet."""

    name: str | None = Field(default=None, max_length=100)
    channels: list[str] | None = Field(default=None, max_length=20)
    enabled: bool | None = None


class BacktestAlert(AlertOut):
    rule: str | None = Field(description="Id of the stored rule, if one was tried.")  # type: ignore[assignment]
    noticed_at: datetime = Field(description="End of the window in which it would have paged.")
    hour: datetime = Field(description="Start of the window in which it was least likely; observed counts `window_minutes` up to its end.")


class BudgetOut(BaseModel):
    budget: float
    sensitivity: float
    pages_per_week: float


class BacktestOut(BaseModel):
    alerts: list[BacktestAlert]
    pages_per_week: float
    series: int = Field(description="How many series were watched.")
    weeks: float = Field(default=0.0, description="How much was judged.")
    budget: float | None = Field(default=None, description="Pages a week that it may cost for nothing; null for a fixed sensitivity.")
    sensitivity: float | None = Field(default=None, description="The p-value below which it paged here.")
    quiet_budget: float | None = Field(
        default=None, description="The largest budget at which none of these alerts would have come; null when none came at any."
    )
    budgets: list[BudgetOut] = Field(
        default_factory=list, description="How often it would have paged at most with other budgets: reposts and other rules aside."
    )
    reposts: int = Field(default=0, description="Surges of reposts and loud authors alone, which page nobody.")
    inhibited: int = Field(default=0, description="Surges that an alert of another enabled rule stands for, narrower or noticed before.")


@router.post("/backtest", summary="What a rule would have found in the stored history")
def backtest_rule(body: BacktestIn, caller: Reader, services: With) -> BacktestOut:
    """Judges every window by the code that watches live, given only what came before it; nobody is paged."""
    return tried(body, caller, services)


@router.post("/preview", summary="What a rule would have done, before it is saved")
def preview_rule(body: PreviewIn, caller: Reader, services: With) -> BacktestOut:
    """The rule as it would be made, replayed over the stored history: when it would have paged, how often, and with which budget not."""
    return tried(body, caller, services)


def tried(body: BacktestIn, caller: Caller, services: Services) -> BacktestOut:
    """One rule over the stored history."""
    with services.database.read() as connection:
        fields = asked(connection, caller.workspace_id, body)
        trial = Trial(connection, services, caller.workspace_id, check_rule(connection, services, caller.workspace_id, fields))
        stretch = trial.history.stretch(read_moment(body.since, "from"), read_moment(body.until, "to"))
        if stretch is None:
            return BacktestOut(alerts=[], pages_per_week=0.0, series=0)
        return trial.run(*stretch, rule_id=body.rule, told=told(connection, caller.workspace_id, body))


def told(connection: Connection, workspace_id: str, body: BacktestIn) -> frozenset[str]:
    """Ids of the channels that would hear of its alerts."""
    given = body.channels if isinstance(body, PreviewIn) else None
    if given is None and body.rule is not None:
        return frozenset(get_rule(connection, workspace_id, body.rule).channels)
    return frozenset(given or ())


def asked(connection: Connection, workspace_id: str, body: BacktestIn) -> RuleFields:
    """Raises NotFound for an unknown rule."""
    given = {name: getattr(body, name) for name in body.model_fields_set if name in RuleFields.model_fields}
    if body.rule is None:
        return RuleFields(**given)
    return merge(fields_of(get_rule(connection, workspace_id, body.rule)), RuleFields(**given))


class Trial:
    """One rule over one stretch of history."""

    def __init__(self, connection: Connection, services: Services, workspace_id: str, watch: Watch) -> None:
        self._connection, self._services, self._workspace_id, self._watch = connection, services, workspace_id, watch
        self.history = History(connection, workspace_id, watch)
        self._names = named(connection, workspace_id, {topic.id: name_of(topic) for topic in services.taxonomy.topics}, "en")

    def run(self, since: datetime, until: datetime, *, rule_id: str | None, told: frozenset[str]) -> BacktestOut:
        """Raises InvalidInput when the rule splits into more series than one call can judge."""
        replayed = self.history.replay(since, until)
        if replayed is None:
            return BacktestOut(alerts=[], pages_per_week=0.0, series=0)
        scopes, replay = replayed
        budget, count, weeks = self._watch.budget, len(scopes), max(replay.weeks, 1e-9)
        sensitivity, peaks_at = self._watch.config.sensitivity, cache(replay.peaks)
        if budget is not None:
            sensitivity = calibrate(budget, count, weeks, peaks_at).sensitivity
        surges = [(scopes[lane], surge) for lane, surge in replay.surges(sensitivity)]
        rivals = rivals_of(self._connection, self._services, self._workspace_id, rule_id, (since, until)) if surges else []
        found = outcome(Party(self.history, told, sensitivity, surges), rivals)
        alerts = sorted((self._shown(one, rule_id) for one in found.pages), key=lambda alert: (alert.started_at, alert.p_value))
        plain = self._watch.options.threshold is not None
        peaks = [] if plain else peaks_at(MOST_SENSITIVE)
        return BacktestOut(
            alerts=alerts,
            pages_per_week=round(len(alerts) / weeks, 4),
            series=count,
            weeks=round(weeks, 2),
            budget=None if budget is None else round(budget, 4),
            sensitivity=None if plain else sensitivity,
            quiet_budget=round(quiet_at(peaks, count), 6) if peaks else None,
            budgets=[] if plain else [tried_budget(one, count, weeks, peaks_at) for one in BUDGETS],
            reposts=found.quiet,
            inhibited=found.inhibited,
        )

    def _shown(self, paged: Paged, rule_id: str | None) -> BacktestAlert:
        scope, surge, peak, measure = paged.scope, paged.surge, paged.surge.peak, self._watch.measure
        topics = self._topics(scope, surge)
        return BacktestAlert(
            id=f"{surge.started_at:%Y-%m-%dT%H:%MZ} {scope_key(scope)}",
            rule=rule_id,
            rule_name="backtest",
            state="resolved",
            severity=of_source(peak.observed) if measure == "shape" else severity(paged.voices),
            started_at=surge.started_at,
            last_seen_at=surge.ended_at,
            ended_at=surge.ended_at,
            measure=measure,
            scope=ScopeShape.model_validate(scope),
            window_minutes=round(peak.windows * peak.width / timedelta(minutes=1)),
            observed=peak.observed,
            total=None if peak.total is None else round(peak.total),
            expected=peak.expected,
            interval=peak.interval,
            p_value=peak.p_value,
            top_topics=[TopicShareOut.model_validate(topic) for topic in topics],
            summary=summarize(peak, measure=measure, scope=scope, started_at=surge.started_at, topics=topics, names=self._names),
            noticed_at=surge.findings[0].until,
            hour=peak.start,
        )

    def _topics(self, scope: Scope, surge: Surge) -> Sequence[TopicShare]:
        """Of what the peak's observed count speaks most."""
        if scope.topic is not None or self._watch.measure == "shape":
            return []
        counts = totals(self._connection, self._workspace_id, surge.peak.since, surge.peak.until, by="topic", scope=scope)
        return main_topics({topic: measured(count, self._watch.measure) for topic, count in counts.items()})


BUDGETS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


def tried_budget(budget: float, series: int, weeks: float, peaks: Callable[[float], Sequence[float]]) -> BudgetOut:
    """What a budget would have led to."""
    found = calibrate(budget, series, weeks, peaks)
    return BudgetOut(budget=budget, sensitivity=found.sensitivity, pages_per_week=round(found.pages / weeks, 4))
