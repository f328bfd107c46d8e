"""Rules: what a workspace wants to hear of."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import Conflict, NotFound
from core.times import parse_time, to_rfc3339
from store.alerts import resolve_alerts_of_rule
from store.dialect import AnyRow, row_id
from store.records import Calibration, Hours, Measure, Rule, RuleOptions, Scope
from store.scope import scope_values, to_scope
from store.tables import rules

DEFAULT_RULE = "Negative feedback"
DEFAULT_WINDOW_MINUTES = 60
DEFAULT_SENSITIVITY = 3e-4
"""One series that is judged every hour is then falsely paged for about once in twenty weeks."""
DEFAULT_LEAST = 8
PLAIN = RuleOptions()


def create_rule(
    connection: Connection,
    workspace_id: str,
    *,
    name: str,
    measure: Measure,
    scope: Scope,
    split_by: Sequence[str],
    window_minutes: int,
    sensitivity: float,
    least: int,
    channels: Sequence[str],
    enabled: bool,
    now: datetime,
    options: RuleOptions = PLAIN,
) -> Rule:
    """A new rule. Raises Conflict when the workspace has one of that name."""
    values = _values(name, measure, scope, split_by, window_minutes, sensitivity, least, channels, enabled)
    values |= {"workspace_id": row_id(workspace_id, "workspace"), "created_at": now, "options": _option_values(options)}
    try:
        with connection.begin_nested():
            row = connection.execute(insert(rules).returning(rules), values).one()
    except IntegrityError:
        raise Conflict(f"there is a rule named {name!r} already") from None
    return _to_rule(row)


def list_rules(connection: Connection, workspace_id: str) -> list[Rule]:
    """Every rule of a workspace, oldest first."""
    query = select(rules).where(rules.c.workspace_id == row_id(workspace_id, "workspace")).order_by(rules.c.id)
    return [_to_rule(row) for row in connection.execute(query)]


def enabled_rules(connection: Connection) -> list[Rule]:
    """The rules in force, of all workspaces: for the detecting worker."""
    return [_to_rule(row) for row in connection.execute(select(rules).where(rules.c.enabled).order_by(rules.c.workspace_id, rules.c.id))]


def get_rule(connection: Connection, workspace_id: str, rule_id: str) -> Rule:
    """Raises NotFound."""
    row = connection.execute(select(rules).where(_mine(workspace_id, rule_id))).one_or_none()
    if row is None:
        raise NotFound(f"no rule {rule_id[:40]!r} in this workspace")
    return _to_rule(row)


def update_rule(
    connection: Connection,
    workspace_id: str,
    rule_id: str,
    *,
    name: str,
    measure: Measure,
    scope: Scope,
    split_by: Sequence[str],
    window_minutes: int,
    sensitivity: float,
    least: int,
    channels: Sequence[str],
    enabled: bool,
    now: datetime,
    options: RuleOptions = PLAIN,
) -> Rule:
    """Change a rule. What it watches is another thing then, so its alerts end unless that stays. Raises NotFound, Conflict.

    One that watches another thing, or was off, has missed nothing: what came before is not looked at later.
    """
    before = get_rule(connection, workspace_id, rule_id)
    values = _values(name, measure, scope, split_by, window_minutes, sensitivity, least, channels, enabled)
    values |= {"options": _option_values(options), "calibration": None}
    try:
        with connection.begin_nested():
            connection.execute(update(rules).where(_mine(workspace_id, rule_id)).values(values))
    except IntegrityError:
        raise Conflict(f"there is a rule named {name!r} already") from None
    after = get_rule(connection, workspace_id, rule_id)
    is_another = _watched(before) != _watched(after)
    if after.enabled and (is_another or not before.enabled):
        note_look(connection, after, now)
        after = replace(after, looked_at=now)
    if not after.enabled or is_another:
        resolve_alerts_of_rule(connection, workspace_id, rule_id, reason="the rule was changed", now=now)
    return after


def calibrate_rule(connection: Connection, rule: Rule, calibration: Calibration) -> None:
    """Keep what replaying the past made of a rule's budget, unless the rule was changed meanwhile."""
    same = _mine(rule.workspace_id, rule.id) & (rules.c.sensitivity == rule.sensitivity)
    kept = {name: getattr(calibration, name) for name in ("budget", "sensitivity", "series", "weeks", "pages")}
    values = {"calibration": kept | {"at": to_rfc3339(calibration.at)}, "sensitivity": calibration.sensitivity}
    connection.execute(update(rules).where(same).values(values))


def note_look(connection: Connection, rule: Rule, now: datetime) -> None:
    """Every window up to `now` has been looked at."""
    connection.execute(update(rules).where(_mine(rule.workspace_id, rule.id)).values(looked_at=now))


def delete_rule(connection: Connection, workspace_id: str, rule_id: str, now: datetime) -> None:
    """Delete a rule; its alerts end and stay. Raises NotFound."""
    if connection.execute(delete(rules).where(_mine(workspace_id, rule_id))).rowcount == 0:
        raise NotFound(f"no rule {rule_id[:40]!r} in this workspace")
    resolve_alerts_of_rule(connection, workspace_id, rule_id, reason="the rule was deleted", now=now)


def ensure_default_rule(connection: Connection, workspace_id: str, now: datetime) -> None:
    """A workspace without rules gets one: a surge of negative feedback, whatever it is about."""
    if not list_rules(connection, workspace_id):
        create_rule(
            connection,
            workspace_id,
            name=DEFAULT_RULE,
            measure="negative",
            scope=Scope(),
            split_by=(),
            window_minutes=DEFAULT_WINDOW_MINUTES,
            sensitivity=DEFAULT_SENSITIVITY,
            least=DEFAULT_LEAST,
            channels=(),
            enabled=True,
            now=now,
            options=RuleOptions(budget_from="workspace"),
        )


def _values(
    name: str,
    measure: Measure,
    scope: Scope,
    split_by: Sequence[str],
    window_minutes: int,
    sensitivity: float,
    least: int,
    channels: Sequence[str],
    enabled: bool,  # noqa: FBT001
) -> dict[str, Any]:
    return {
        "name": name,
        "measure": measure,
        "scope": scope_values(scope),
        "split_by": list(split_by),
        "window_minutes": window_minutes,
        "sensitivity": sensitivity,
        "least": least,
        "channels": list(channels),
        "enabled": enabled,
    }


def _option_values(options: RuleOptions) -> dict[str, Any]:
    """What is stored: only what is not plain."""
    values = {name: getattr(options, name) for name in ("budget_from", "budget", "threshold", "timezone", "country")}
    values |= {"windows": list(options.windows), "schedule": [[list(one.days), one.start, one.end] for one in options.schedule]}
    values |= {"only": {name: list(some) for name, some in options.only.items()}}
    return {name: value for name, value in values.items() if value not in (None, [], {})}


def _to_options(values: dict[str, Any]) -> RuleOptions:
    return RuleOptions(
        budget_from=values.get("budget_from", "sensitivity"),
        budget=values.get("budget"),
        threshold=values.get("threshold"),
        windows=tuple(values.get("windows", ())),
        timezone=values.get("timezone"),
        country=values.get("country"),
        schedule=tuple(Hours(tuple(days), start, end) for days, start, end in values.get("schedule", ())),
        only={name: tuple(some) for name, some in values.get("only", {}).items()},
    )


def _to_calibration(values: dict[str, Any] | None) -> Calibration | None:
    return None if values is None else Calibration(**values | {"at": parse_time(values["at"])})


def _watched(rule: Rule) -> tuple[Measure, Scope, tuple[str, ...], int, float | None, Mapping[str, tuple[str, ...]]]:
    return rule.measure, rule.scope, rule.split_by, rule.window_minutes, rule.options.threshold, rule.options.only


def _mine(workspace_id: str, rule_id: str) -> Any:
    return (rules.c.workspace_id == row_id(workspace_id, "workspace")) & (rules.c.id == row_id(rule_id, "rule"))


def _to_rule(row: AnyRow) -> Rule:
    return Rule(
        id=str(row.id),
        workspace_id=str(row.workspace_id),
        name=row.name,
        measure=row.measure,
        scope=to_scope(row.scope),
        split_by=tuple(row.split_by),
        window_minutes=row.window_minutes,
        sensitivity=row.sensitivity,
        least=row.least,
        channels=tuple(row.channels),
        enabled=row.enabled,
        created_at=row.created_at,
        options=_to_options(row.options),
        calibration=_to_calibration(row.calibration),
        looked_at=row.looked_at,
    )
