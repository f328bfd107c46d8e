"""/v1/rules: what a workspace wants to hear of; a rule that could never fire is refused with what would be valid."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy import Connection

from api.auth import Manager, Reader
from api.filters import known_brand, known_dimension
from api.languages import known_language
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page_of
from api.route import OPEN_PARAMETER, Route
from api.schemas import EVERY_CALL, HoursShape, Name, Out, RuleFields, ScopeShape, check_topic, problems
from api.services import Services, With
from core.errors import InvalidInput
from insights.budget import sensitivity_of
from insights.rules import budget_of, config_of, kept_width, seasons_of
from insights.seasons import Seasons, check_country, check_zone
from insights.spikes import SpikeConfig
from store.channels import list_channels
from store.records import WEEKDAYS, BudgetFrom, Hours, Measure, Rule, RuleOptions, Scope
from store.rules import DEFAULT_SENSITIVITY, create_rule, delete_rule, get_rule, list_rules, update_rule
from store.sources import known_sources
from store.workspaces import get_workspace

router = APIRouter(prefix="/v1/rules", tags=["rules"], route_class=Route, responses=problems(*EVERY_CALL))
SPLITS = ("topic", "source", "language", "brand")
BUCKET_MINUTES = 5
HOUR_MINUTES = 60
DAY_MINUTES = 1440
MINUTE = timedelta(minutes=1)
MOST_SHOWN = 20


class RuleIn(RuleFields):
    name: Name = Field(examples=["Complaints by topic"])
    channels: list[str] = Field(default_factory=list, max_length=20, description="Ids of channels that hear of its alerts.")
    enabled: bool = True


class RuleChange(RuleFields):
    """What is left out, or null, stays as it is."""

    name: Name | None = None
    channels: list[str] | None = Field(default=None, max_length=20)
    enabled: bool | None = None


class CalibrationOut(Out):
    at: datetime
    budget: float = Field(description="Pages a week that the rule may cost for nothing.")
    sensitivity: float
    series: int
    weeks: float = Field(description="How much of the past was replayed.")
    pages: int = Field(description="How often it would have paged in there, for real surges too.")


class RuleOut(Out):
    id: str
    name: str
    measure: Measure
    scope: ScopeShape
    split_by: list[str]
    only: dict[str, list[str]]
    window_minutes: int
    windows: list[int]
    budget: float | None = Field(description="Its own; null when it has a part of the workspace's, or a fixed sensitivity.")
    budget_from: BudgetFrom
    sensitivity: float = Field(description="The p-value in force, fixed or as the budget led to it.")
    threshold: float | None
    timezone: str | None
    country: str | None
    schedule: list[HoursShape]
    least: int
    channels: list[str]
    enabled: bool
    calibration: CalibrationOut | None = Field(description="What replaying the past made of the budget; null until it was replayed.")
    created_at: datetime


def shown(rule: Rule) -> RuleOut:
    """A rule as the API shows it."""
    options = rule.options
    own = {name: getattr(rule, name) for name in RuleOut.model_fields if hasattr(rule, name) and name != "calibration"}
    return RuleOut.model_validate(
        own
        | {name: getattr(options, name) for name in ("budget", "budget_from", "threshold", "timezone", "country")}
        | {
            "scope": ScopeShape.model_validate(rule.scope),
            "split_by": list(rule.split_by),
            "channels": list(rule.channels),
            "windows": list(options.windows),
            "only": {name: list(some) for name, some in options.only.items()},
            "schedule": [HoursShape(days=[WEEKDAYS[day] for day in one.days], start=one.start, end=one.end) for one in options.schedule],
            "calibration": None if rule.calibration is None else CalibrationOut.model_validate(rule.calibration),
        }
    )


def fields_of(rule: Rule) -> RuleIn:
    """A stored rule as somebody would send it."""
    out = shown(rule).model_dump(include=set(RuleIn.model_fields))
    fixed = rule.options.budget_from == "sensitivity" and rule.options.threshold is None
    return RuleIn.model_validate(out | {"sensitivity": rule.sensitivity if fixed else None})


@router.get("", summary="All rules")
def list_all(caller: Reader, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[RuleOut]:
    with services.database.read() as connection:
        rows, following = page_of(list_rules(connection, caller.workspace_id), limit, cursor, lambda rule: rule.id)
    return Page(data=[shown(row) for row in rows], next=following)


@router.post("", status_code=201, summary="Make a rule", responses=problems(409, 413, 415))
def make_rule(body: RuleIn, caller: Manager, services: With) -> RuleOut:
    with services.database.write() as connection:
        checked = check_rule(connection, services, caller.workspace_id, body)
        check_channels(connection, caller.workspace_id, body.channels)
        rule = create_rule(
            connection,
            caller.workspace_id,
            name=body.name,
            measure=checked.measure,
            scope=checked.scope,
            split_by=checked.split_by,
            window_minutes=checked.window_minutes,
            sensitivity=checked.config.sensitivity,
            least=body.least,
            channels=body.channels,
            enabled=body.enabled,
            now=services.clock(),
            options=checked.options,
        )
    return shown(rule)


@router.get("/{rule_id}", summary="One rule", responses=problems(404))
def show_rule(rule_id: str, caller: Reader, services: With) -> RuleOut:
    with services.database.read() as connection:
        return shown(get_rule(connection, caller.workspace_id, rule_id))


@router.patch("/{rule_id}", summary="Change a rule, or switch it off", responses=problems(404, 409, 413, 415))
def change_rule(rule_id: str, body: RuleChange, caller: Manager, services: With) -> RuleOut:
    """What is watched is checked when the change touches it or switches the rule on: one whose brand is gone can still be switched off."""
    with services.database.write() as connection:
        old = get_rule(connection, caller.workspace_id, rule_id)
        merged = merge(fields_of(old), body)
        if body.channels is not None:
            check_channels(connection, caller.workspace_id, merged.channels)
        wanted = replace(old, name=merged.name, channels=tuple(merged.channels), enabled=merged.enabled)
        if names_given(body) - BESIDE_THE_WATCH or (wanted.enabled and not old.enabled):
            checked = check_rule(connection, services, caller.workspace_id, merged)
            wanted = replace(
                wanted,
                measure=checked.measure,
                scope=checked.scope,
                split_by=checked.split_by,
                window_minutes=checked.window_minutes,
                sensitivity=checked.config.sensitivity,
                least=merged.least,
                options=checked.options,
            )
        rule = update_rule(
            connection,
            caller.workspace_id,
            rule_id,
            name=wanted.name,
            measure=wanted.measure,
            scope=wanted.scope,
            split_by=wanted.split_by,
            window_minutes=wanted.window_minutes,
            sensitivity=wanted.sensitivity,
            least=wanted.least,
            channels=wanted.channels,
            enabled=wanted.enabled,
            now=services.clock(),
            options=wanted.options,
        )
    return shown(rule)


@router.delete(
    "/{rule_id}", status_code=204, response_class=Response, summary="Delete a rule; its alerts end and stay", responses=problems(404)
)
def remove_rule(rule_id: str, caller: Manager, services: With) -> None:
    with services.database.write() as connection:
        delete_rule(connection, caller.workspace_id, rule_id, services.clock())


ONE_OF = ("budget", "sensitivity", "threshold")
BESIDE_THE_WATCH = frozenset({"name", "channels", "enabled"})
"""Fields of a rule that say nothing of what it watches."""


def names_given(change: RuleFields) -> set[str]:
    """Fields that a change changes; null is one left out."""
    return {name for name in change.model_fields_set if getattr(change, name) is not None}


def merge(old: RuleIn, change: RuleFields) -> RuleIn:
    """`old` with what the change says; of budget, sensitivity and threshold one replaces the others."""
    given = {name: getattr(change, name) for name in names_given(change)}
    if set(given) & set(ONE_OF):
        given = dict.fromkeys(ONE_OF) | given
    if "window_minutes" in given and "windows" not in given:
        given["windows"] = []
    if given.get("windows") and "window_minutes" not in given:
        given["window_minutes"] = given["windows"][0]
    return old.model_copy(update={name: value for name, value in given.items() if name in RuleIn.model_fields})


@dataclass(frozen=True, slots=True)
class Watch:
    """What a rule watches, checked: every name in it exists. `budget`: false pages a week; None for a fixed sensitivity or number."""

    measure: Measure
    scope: Scope
    split_by: tuple[str, ...]
    window: timedelta
    config: SpikeConfig
    options: RuleOptions
    seasons: Seasons
    budget: float | None

    @property
    def width(self) -> timedelta:
        """Of the windows that the past is kept in."""
        return kept_width(self.window)

    @property
    def window_minutes(self) -> int:
        return round(self.window / MINUTE)


def check_rule(connection: Connection, services: Services, workspace_id: str, fields: RuleFields) -> Watch:
    """Raises InvalidInput naming the field and what would be valid, for a rule that is wrong or could never fire."""
    workspace = get_workspace(connection, workspace_id)
    dimensions = workspace.dimensions
    scope = Scope(
        brand=known_brand(connection, workspace_id, fields.scope.brand),
        topic=fields.scope.topic,
        source=fields.scope.source,
        language=known_language(fields.scope.language),
        attributes={known_dimension(name, dimensions): value for name, value in fields.scope.attributes.items()},
    )
    check_topic(scope.topic, services.topics_of(connection, workspace_id), "scope.topic")
    split_by = tuple(known_split(name, dimensions, scope) for name in fields.split_by)
    if len(set(split_by)) < len(split_by):
        raise InvalidInput("split_by names a dimension twice", field="split_by")
    check_source(connection, workspace_id, scope.source, "scope.source")
    options = check_options(connection, services, workspace_id, fields, split_by)
    window = check_windows(fields)
    sharing = 1 + sum(rule.enabled and rule.options.budget_from == "workspace" for rule in list_rules(connection, workspace_id))
    budget = budget_of(options, workspace, sharing)
    given = fields.sensitivity or DEFAULT_SENSITIVITY
    sensitivity = given if budget is None else sensitivity_of(budget, 1)
    config = config_of(fields.measure, options, window, sensitivity=sensitivity, least=fields.least)
    return Watch(fields.measure, scope, split_by, window, config, options, seasons_of(options, workspace), budget)


def check_windows(fields: RuleFields) -> timedelta:
    """The width of the windows. Raises InvalidInput for windows that buckets do not make up."""
    if not BUCKET_MINUTES <= fields.window_minutes <= DAY_MINUTES or fields.window_minutes % BUCKET_MINUTES:
        raise InvalidInput(
            f"window_minutes must be a multiple of {BUCKET_MINUTES} from {BUCKET_MINUTES} to {DAY_MINUTES}", field="window_minutes"
        )
    if not fields.windows:
        return fields.window_minutes * MINUTE
    wrong = [one for one in fields.windows if not BUCKET_MINUTES <= one <= DAY_MINUTES or one % BUCKET_MINUTES]
    if wrong or fields.windows != sorted(set(fields.windows)):
        raise InvalidInput(
            f"windows are minutes, ascending, each a multiple of {BUCKET_MINUTES} from {BUCKET_MINUTES}, a bucket, to {DAY_MINUTES}",
            field="windows",
        )
    shortest = fields.windows[0]
    if "window_minutes" in fields.model_fields_set and fields.window_minutes != shortest:
        raise InvalidInput(f"window_minutes is the shortest of windows: leave it out, or say {shortest}", field="window_minutes")
    if uneven := [one for one in fields.windows if one % shortest]:
        raise InvalidInput(f"{uneven[0]} is no multiple of the shortest window, {shortest}", field="windows")
    return shortest * MINUTE


def check_options(
    connection: Connection, services: Services, workspace_id: str, fields: RuleFields, split_by: tuple[str, ...]
) -> RuleOptions:
    """What a rule may say beside what it watches. Raises InvalidInput."""
    given = [name for name in ONE_OF if getattr(fields, name) is not None]
    if len(given) > 1:
        raise InvalidInput(f"{' and '.join(given)} contradict each other; valid is one of them", field=given[1])
    if fields.threshold is not None and fields.measure == "share" and fields.threshold > 1:
        raise InvalidInput("a share never reaches more than 1; valid is a threshold such as 0.4", field="threshold")
    if fields.threshold is not None and fields.measure == "silence":
        raise InvalidInput(
            "silence has no threshold: it is found from what is due; valid are a budget and a sensitivity", field="threshold"
        )
    if fields.measure == "shape":
        check_shape(fields, split_by)
    if fields.measure == "silence" and (fields.scope.topic is not None or "topic" in split_by):
        raise InvalidInput("a topic has no silence of its own; valid are sources, brands, languages and attributes", field="measure")
    return RuleOptions(
        budget_from="rule" if fields.budget is not None else "workspace" if not given else "sensitivity",
        budget=fields.budget,
        threshold=fields.threshold,
        windows=tuple(fields.windows),
        timezone=None if fields.timezone is None else check_zone(fields.timezone),
        country=None if fields.country is None else check_country(fields.country),
        schedule=tuple(check_hours(one) for one in fields.schedule),
        only=check_only(connection, services, workspace_id, fields.only, split_by),
    )


def check_shape(fields: RuleFields, split_by: tuple[str, ...]) -> None:
    """Raises InvalidInput for a rule on shape that is about anything but sources, or other windows than hours."""
    fixed = [name for name in ("brand", "topic", "language") if getattr(fields.scope, name) is not None]
    if fixed or fields.scope.attributes:
        raise InvalidInput("a shape is that of a whole source; valid in scope is source alone", field="scope")
    if split_by != (() if fields.scope.source else ("source",)):
        raise InvalidInput('a shape is that of a source; valid is "split_by": ["source"], or one source in scope', field="split_by")
    if fields.windows or fields.window_minutes != HOUR_MINUTES:
        raise InvalidInput("a shape is judged by as many hours as hold enough rows: leave out window_minutes and windows", field="windows")
    if fields.threshold is not None:
        raise InvalidInput("a shape has no threshold; valid are a budget and a sensitivity", field="threshold")


def check_hours(hours: HoursShape) -> Hours:
    """Raises InvalidInput for hours that never come."""
    if hours.start in {hours.end, "24:00"}:
        raise InvalidInput(
            f"from {hours.start} to {hours.end} no time passes; valid is a start such as 08:00 and another end", field="schedule"
        )
    return Hours(tuple(sorted({WEEKDAYS.index(day) for day in hours.days})), hours.start, hours.end)


def check_only(
    connection: Connection, services: Services, workspace_id: str, only: dict[str, list[str]], split_by: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """Raises InvalidInput for a dimension that the rule does not split by, no values, and values that do not exist."""
    checked: dict[str, tuple[str, ...]] = {}
    for name, values in only.items():
        dimension = name if name in split_by else OPEN_PARAMETER + name
        if dimension not in split_by:
            valid = f"valid are {', '.join(split_by)}" if split_by else "there is no split_by"
            raise InvalidInput(f"only {name[:40]!r} needs split_by {name[:40]!r}; {valid}", field="only")
        if not values:
            raise InvalidInput(f"only {name[:40]!r} names no value, so the rule could never fire", field="only")
        for value in values:
            if dimension == "topic":
                check_topic(value, services.topics_of(connection, workspace_id), "only.topic")
            elif dimension == "source":
                check_source(connection, workspace_id, value, "only.source")
        known = [known_brand(connection, workspace_id, value) or value for value in values] if dimension == "brand" else values
        checked[dimension] = tuple(known)
    return checked


def check_source(connection: Connection, workspace_id: str, source: str | None, field: str) -> None:
    """Raises InvalidInput naming the sources there are; before the first feedback came, any name may come to be one."""
    known = known_sources(connection, workspace_id)
    if source is not None and known and source not in known:
        shown_ones = ", ".join(known[:MOST_SHOWN])
        raise InvalidInput(f"unknown source {source[:40]!r}; there are {shown_ones}", field=field)


def known_split(name: str, dimensions: tuple[str, ...], scope: Scope) -> str:
    """A dimension in the store's spelling. Raises InvalidInput for an unknown one, or one that the scope holds fixed already."""
    plain = name.removeprefix(OPEN_PARAMETER)
    if name not in SPLITS and plain not in dimensions:
        valid = ", ".join([*SPLITS, *(OPEN_PARAMETER + one for one in dimensions)])
        raise InvalidInput(f"unknown dimension {name[:40]!r}; valid are {valid}", field="split_by")
    fixed = getattr(scope, name) is not None if name in SPLITS else plain in scope.attributes
    if fixed:
        raise InvalidInput(f"{name} is fixed by the scope, so there is nothing to split by", field="split_by")
    return name if name in SPLITS else OPEN_PARAMETER + plain


def check_channels(connection: Connection, workspace_id: str, asked: list[str]) -> None:
    """Raises InvalidInput naming the channels there are."""
    known = [channel.id for channel in list_channels(connection, workspace_id)]
    for channel in asked:
        if channel not in known:
            raise InvalidInput(
                f"unknown channel {channel[:40]!r}; " + (f"there are {', '.join(known)}" if known else "there are none yet"),
                field="channels",
            )
