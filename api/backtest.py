"""POST /v1/rules/backtest: what a rule would have found in the stored history, by the very code that watches live."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from api.alerts import AlertOut, TopicShareOut
from api.auth import Caller, Reader
from api.route import Route
from api.rules import Watch, check_rule, fields_of, merge
from api.schemas import EVERY_CALL, RuleFields, ScopeShape, problems, read_moment
from api.services import Services, With
from core.errors import InvalidInput
from core.times import HOUR, floor_to
from insights.budget import MOST_SENSITIVE, calibrate, quiet_at
from insights.replays import Replay, replay_all
from insights.rules import beginnings, dense, is_watched, measured
from insights.severity import of_source, severity
from insights.shape import replay_shapes
from insights.spikes import Surge
from insights.summary import summarize
from nlp.topics import name_of
from store.brands import list_brands
from store.dimensions import filters_scope, scope_filters
from store.feedback import period
from store.records import Scope, TopicShare
from store.rollups import grid, totals
from store.rules import get_rule
from store.scope import scope_key
from store.shapes import hourly_shapes

router = APIRouter(prefix="/v1/rules", tags=["rules"], route_class=Route, responses=problems(*EVERY_CALL, 404, 413, 415))
MOST_WINDOWS = 50_000
"""Windows that one series is judged over: five years of hours."""
MOST_SERIES = 200
MOST_HOURS_OF_SHAPES = 100_000
"""Of all sources together, which are replayed one after the other: 20 seconds."""
MOST_TOPICS = 5


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
    budgets: list[BudgetOut] = Field(default_factory=list, description="How often it would have paged with other budgets.")


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
        stretch = trial.stretch(read_moment(body.since, "from"), read_moment(body.until, "to"))
        if stretch is None:
            return BacktestOut(alerts=[], pages_per_week=0.0, series=0)
        return trial.run(*stretch, rule_id=body.rule)


def asked(connection: Connection, workspace_id: str, body: BacktestIn) -> RuleFields:
    """Raises NotFound for an unknown rule."""
    given = {name: getattr(body, name) for name in body.model_fields_set if name in RuleFields.model_fields}
    if body.rule is None:
        return RuleFields(**given)
    return merge(fields_of(get_rule(connection, workspace_id, body.rule)), RuleFields(**given))


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
        stored = period(self._connection, self._workspace_id)
        # All that came before belongs to what is known of a series; windows before its first row do not.
        start = since if stored is None else min(floor_to(stored[0], watch.window), since)
        if watch.measure == "shape":
            return self._run_shapes(start, since, until, rule_id)
        found = grid(self._connection, self._workspace_id, watch.scope, watch.split_by, watch.measure, (start, until), watch.window)
        series = {key: windows for key, windows in sorted(found.items()) if windows and is_watched(watch.options, watch.split_by, key)}
        if len(series) > MOST_SERIES:
            raise InvalidInput(
                f"split_by makes {len(series):,} series; at most {MOST_SERIES} are tried at once: narrow the scope", field="split_by"
            )
        if not series:
            return BacktestOut(alerts=[], pages_per_week=0.0, series=0)
        replay = replay_all(
            start,
            watch.window,
            dense(list(series.values()), (until - start) // watch.window, shares=watch.measure == "share"),
            watch.config,
            seasons=watch.seasons,
            first_seen=beginnings(list(series.values()), start, watch.window),
            since=(since - start) // watch.window,
        )
        return self._out(replay, [self._scope(key) for key in series], rule_id)

    def _run_shapes(self, start: datetime, since: datetime, until: datetime, rule_id: str | None) -> BacktestOut:
        watch, hours = self._watch, (until - start) // HOUR
        found = hourly_shapes(self._connection, self._workspace_id, start, until, source=watch.scope.source)
        split = watch.split_by or ("source",)
        sources = sorted(source for source in found if is_watched(watch.options, split, (source,)))
        if len(sources) * hours > MOST_HOURS_OF_SHAPES:
            raise InvalidInput(
                f"{len(sources):,} sources of {hours:,} hours are too much to try at once: narrow them by only, or shorten the stretch",
                field="only",
            )
        if not sources:
            return BacktestOut(alerts=[], pages_per_week=0.0, series=0)
        series = [{(moment - start) // HOUR: shape for moment, shape in found[source].items()} for source in sources]
        replay = replay_shapes(start, hours, series, watch.config, watch.seasons, since=(since - start) // HOUR)
        return self._out(replay, [Scope(source=source) for source in sources], rule_id)

    def _out(self, replay: Replay, scopes: Sequence[Scope], rule_id: str | None) -> BacktestOut:
        budget, count, weeks = self._watch.budget, len(scopes), max(replay.weeks, 1e-9)
        sensitivity = self._watch.config.sensitivity
        if budget is not None:
            sensitivity = calibrate(budget, count, weeks, replay.peaks).sensitivity
        alerts = [self._shown(scopes[lane], surge, rule_id) for lane, surge in replay.surges(sensitivity)]
        alerts.sort(key=lambda alert: (alert.started_at, alert.p_value))
        plain = self._watch.options.threshold is not None
        peaks = [] if plain else replay.peaks(MOST_SENSITIVE)
        return BacktestOut(
            alerts=alerts,
            pages_per_week=round(len(alerts) / weeks, 4),
            series=count,
            weeks=round(weeks, 2),
            budget=None if budget is None else round(budget, 4),
            sensitivity=None if plain else sensitivity,
            quiet_budget=round(quiet_at(peaks, count), 6) if peaks else None,
            budgets=[] if plain else [tried_budget(one, count, weeks, replay) for one in BUDGETS],
        )

    def _scope(self, key: tuple[str, ...]) -> Scope:
        return filters_scope(scope_filters(self._watch.scope) | dict(zip(self._watch.split_by, key, strict=True)))

    def _shown(self, scope: Scope, surge: Surge, rule_id: str | None) -> BacktestAlert:
        peak, measure = surge.peak, self._watch.measure
        topics = self._topics(scope, surge)
        return BacktestAlert(
            id=f"{surge.started_at:%Y-%m-%dT%H:%MZ} {scope_key(scope)}",
            rule=rule_id,
            rule_name="backtest",
            state="resolved",
            severity=of_source(peak.observed) if measure == "shape" else severity(peak),
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

    def _topics(self, scope: Scope, surge: Surge) -> list[TopicShare]:
        """Of what the peak's observed count speaks most."""
        if scope.topic is not None or self._watch.measure == "shape":
            return []
        counts = totals(self._connection, self._workspace_id, surge.peak.since, surge.peak.until, by="topic", scope=scope)
        shares = [TopicShare(topic, measured(count, self._watch.measure)) for topic, count in counts.items()]
        return sorted((share for share in shares if share.count > 0), key=lambda share: (-share.count, share.topic))[:MOST_TOPICS]


BUDGETS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


def tried_budget(budget: float, series: int, weeks: float, replay: Replay) -> BudgetOut:
    """What a budget would have led to."""
    found = calibrate(budget, series, weeks, replay.peaks)
    return BudgetOut(budget=budget, sensitivity=found.sensitivity, pages_per_week=round(found.pages / weeks, 4))
