"""/v1/rules: what a workspace wants to hear of; a rule that could never fire is refused with what would be valid."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy import Connection

from api.auth import Manager, Reader
from api.filters import known_brand, known_dimension
from api.languages import known_language
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page_of
from api.route import OPEN_PARAMETER, Route
from api.schemas import EVERY_CALL, Name, Out, RuleFields, ScopeShape, check_topic, problems
from api.services import Services, With
from core.errors import InvalidInput
from insights.spikes import SpikeConfig
from store.channels import list_channels
from store.records import Measure, Scope
from store.rules import create_rule, delete_rule, get_rule, list_rules, update_rule
from store.workspaces import get_workspace

router = APIRouter(prefix="/v1/rules", tags=["rules"], route_class=Route, responses=problems(*EVERY_CALL))
SPLITS = ("topic", "source", "language", "brand")
BUCKET_MINUTES = 5
DAY_MINUTES = 1440


class RuleIn(RuleFields):
    name: Name = Field(examples=["Complaints by topic"])
    channels: list[str] = Field(default_factory=list, max_length=20, description="Ids of channels that hear of its alerts.")
    enabled: bool = True


class RuleChange(RuleFields):
    """What is left out, or null, stays as it is."""

    name: Name | None = None
    channels: list[str] | None = Field(default=None, max_length=20)
    enabled: bool | None = None


class RuleOut(Out):
    id: str
    name: str
    measure: Measure
    scope: ScopeShape
    split_by: list[str]
    window_minutes: int
    sensitivity: float
    least: int
    channels: list[str]
    enabled: bool
    created_at: datetime


@router.get("", summary="All rules")
def list_all(caller: Reader, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[RuleOut]:
    with services.database.read() as connection:
        rows, following = page_of(list_rules(connection, caller.workspace_id), limit, cursor, lambda rule: rule.id)
    return Page(data=[RuleOut.model_validate(row) for row in rows], next=following)


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
            window_minutes=body.window_minutes,
            sensitivity=body.sensitivity,
            least=body.least,
            channels=body.channels,
            enabled=body.enabled,
            now=services.clock(),
        )
    return RuleOut.model_validate(rule)


@router.get("/{rule_id}", summary="One rule", responses=problems(404))
def show_rule(rule_id: str, caller: Reader, services: With) -> RuleOut:
    with services.database.read() as connection:
        return RuleOut.model_validate(get_rule(connection, caller.workspace_id, rule_id))


@router.patch("/{rule_id}", summary="Change a rule, or switch it off", responses=problems(404, 409, 413, 415))
def change_rule(rule_id: str, body: RuleChange, caller: Manager, services: With) -> RuleOut:
    with services.database.write() as connection:
        old = RuleIn.model_validate(
            RuleOut.model_validate(get_rule(connection, caller.workspace_id, rule_id)).model_dump(exclude={"id", "created_at"})
        )
        merged = old.model_copy(update={name: getattr(body, name) for name in body.model_fields_set if getattr(body, name) is not None})
        checked = check_rule(connection, services, caller.workspace_id, merged)
        check_channels(connection, caller.workspace_id, merged.channels)
        rule = update_rule(
            connection,
            caller.workspace_id,
            rule_id,
            name=merged.name,
            measure=checked.measure,
            scope=checked.scope,
            split_by=checked.split_by,
            window_minutes=merged.window_minutes,
            sensitivity=merged.sensitivity,
            least=merged.least,
            channels=merged.channels,
            enabled=merged.enabled,
            now=services.clock(),
        )
    return RuleOut.model_validate(rule)


@router.delete(
    "/{rule_id}", status_code=204, response_class=Response, summary="Delete a rule; its alerts end and stay", responses=problems(404)
)
def remove_rule(rule_id: str, caller: Manager, services: With) -> None:
    with services.database.write() as connection:
        delete_rule(connection, caller.workspace_id, rule_id, services.clock())


@dataclass(frozen=True, slots=True)
class Watch:
    """What a rule watches, checked: every name in it exists."""

    measure: Measure
    scope: Scope
    split_by: tuple[str, ...]
    window: timedelta
    config: SpikeConfig


def check_rule(connection: Connection, services: Services, workspace_id: str, fields: RuleFields) -> Watch:
    """Raises InvalidInput naming the field and what would be valid, for a rule that is wrong or could never fire."""
    dimensions = get_workspace(connection, workspace_id).dimensions
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
    if not BUCKET_MINUTES <= fields.window_minutes <= DAY_MINUTES or fields.window_minutes % BUCKET_MINUTES:
        raise InvalidInput(
            f"window_minutes must be a multiple of {BUCKET_MINUTES} from {BUCKET_MINUTES} to {DAY_MINUTES}", field="window_minutes"
        )
    return Watch(
        fields.measure,
        scope,
        split_by,
        timedelta(minutes=fields.window_minutes),
        SpikeConfig(sensitivity=fields.sensitivity, least=fields.least),
    )


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
