"""Once a day the past is replayed for every rule that has a budget of false pages, and its threshold set by it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from core.times import HOUR, floor_to
from insights.budget import calibrate
from insights.replays import Replay, replay_all
from insights.rules import beginnings, budget_of, config_of, dense, is_watched, kept_width, seasons_of
from insights.shape import replay_shapes
from store.database import Database
from store.dimensions import scope_filters
from store.model_changes import comparable_since
from store.records import Calibration, Rule, Workspace
from store.rollups import grid
from store.rules import calibrate_rule
from store.shapes import hourly_shapes
from store.workspaces import get_workspace
from workers.sight import brand_since, brands_of, of_a_model

EVERY = timedelta(days=1)
MOST_WINDOWS = 24 * 7 * 8
"""Eight weeks of hours; less of narrower windows."""
MOST_SERIES = 2_000
MOST_SOURCES = 50
"""Of which the shape is replayed, one after the other: those with most rows."""


def is_due(rule: Rule, now: datetime) -> bool:
    """Whether a rule's threshold follows from a budget and was not looked at for a day."""
    if rule.options.budget_from == "sensitivity":
        return False
    return rule.calibration is None or not timedelta() <= now - rule.calibration.at < EVERY


def run(database: Database, rule: Rule, sharing: int, now: datetime) -> Rule:
    """Replay a rule's past and keep what follows; the rule with its new threshold. `sharing`: rules that share the workspace's budget."""
    calibration = calibrated(database, rule, sharing, now)
    with database.write() as connection:
        calibrate_rule(connection, rule, calibration)
    return replace(rule, calibration=calibration, sensitivity=calibration.sensitivity)


def counts_by_model(rule: Rule) -> bool:
    """Whether another model would count a series of this rule otherwise."""
    return of_a_model(rule.measure, rule.scope) or not {"topic", "language"}.isdisjoint(rule.split_by)


def calibrated(database: Database, rule: Rule, sharing: int, now: datetime) -> Calibration:
    """What replaying the past makes of a rule's budget."""
    with database.read() as connection:
        workspace = get_workspace(connection, rule.workspace_id)
        past = _shapes_of(connection, rule, workspace, now) if rule.measure == "shape" else _counts_of(connection, rule, workspace, now)
    budget = budget_of(rule.options, workspace, sharing) or 0.0
    known = max((past.until.timestamp() - first for first in past.firsts), default=0.0)
    weeks = max(known / timedelta(days=7).total_seconds(), 1e-6)
    threshold = calibrate(budget, len(past.firsts), weeks, past.replay.peaks)
    return Calibration(now, budget, threshold.sensitivity, len(past.firsts), round(weeks, 3), threshold.pages)


@dataclass(frozen=True, slots=True)
class Replayed:
    """A past up to `until`. `firsts`: when each series began, in seconds since 1970."""

    replay: Replay
    until: datetime
    firsts: Sequence[float]


def _counts_of(connection: Connection, rule: Rule, workspace: Workspace, now: datetime) -> Replayed:
    window = timedelta(minutes=rule.window_minutes)
    width = kept_width(window)
    until = floor_to(now, width)
    since = until - MOST_WINDOWS * width
    split = [name for name in rule.split_by if name not in scope_filters(rule.scope)]
    found = grid(connection, rule.workspace_id, rule.scope, split, rule.measure, (since, until), width)
    watched = {key: windows for key, windows in found.items() if is_watched(rule.options, split, key)}
    # A series that never had enough for an alert in all that time is no test that could fail.
    keys = [key for key, windows in watched.items() if sum(own for own, _ in windows.values()) >= rule.least][:MOST_SERIES]
    series = [watched[key] for key in keys]
    # The step between two models, or two queries of a brand, is no surge, and would be the largest of all.
    firsts = np.maximum(beginnings(series, since, width), _comparable(connection, rule, split, keys))
    replay = replay_all(
        since,
        width,
        dense(series, MOST_WINDOWS, shares=rule.measure == "share"),
        config_of(rule.measure, rule.options, window, sensitivity=rule.sensitivity, least=rule.least),
        seasons=seasons_of(rule.options, workspace),
        first_seen=firsts,
    )
    return Replayed(replay, until, firsts.tolist())


def _comparable(connection: Connection, rule: Rule, split: Sequence[str], keys: Sequence[tuple[str, ...]]) -> NDArray[np.float64]:
    """Seconds since 1970 from when on each series can be compared with its present."""
    model = comparable_since(connection, rule.workspace_id) if counts_by_model(rule) else None
    brands = brands_of(connection, rule)
    since = [[model, brand_since(brands, dict(zip(split, key, strict=True)).get("brand", rule.scope.brand))] for key in keys]
    return np.array([max((one.timestamp() for one in some if one is not None), default=-np.inf) for some in since])


def _shapes_of(connection: Connection, rule: Rule, workspace: Workspace, now: datetime) -> Replayed:
    until = floor_to(now, HOUR)
    model = comparable_since(connection, rule.workspace_id)
    since = until - MOST_WINDOWS * HOUR
    if model is not None:
        since = min(until, max(since, floor_to(model, HOUR) + HOUR))
    found = hourly_shapes(connection, rule.workspace_id, since, until, source=rule.scope.source)
    sources = [hours for source, hours in found.items() if rule.scope.source or is_watched(rule.options, rule.split_by, (source,))]
    largest = sorted(sources, key=lambda hours: -sum(one.rows for one in hours.values()))[:MOST_SOURCES]
    series = [{(start - since) // HOUR: shape for start, shape in hours.items()} for hours in largest]
    config = config_of(rule.measure, rule.options, HOUR, sensitivity=rule.sensitivity, least=rule.least)
    replay = replay_shapes(since, (until - since) // HOUR, series, config, seasons_of(rule.options, workspace))
    return Replayed(replay, until, [min(hours).timestamp() for hours in largest])
