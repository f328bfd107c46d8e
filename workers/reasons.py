"""Why a series pages: the arithmetic in numbers that anybody can compute again, and what explains the excess."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from insights.arithmetic import arithmetic, excesses
from insights.effective import BEFORE, hear
from insights.rules import counts_voices, measured
from insights.severity import more, severity, times
from insights.share_detector import ShareDetector
from insights.spikes import Detector, Finding
from insights.voices import typical
from store.dimensions import dimension_names, scope_filters
from store.records import Rule, Scope, Workspace
from store.rollups import live_totals, totals
from store.voices import MOST_VOICES, Voice, texts_of, voices

FIRST_TEXTS = 3
MOST_READ = 200
MOST_PARTS = 5


@dataclass(frozen=True, slots=True)
class Reasons:
    """`figures`: what an alert keeps. `voices`: the finding when reposts and loud authors count once; `pages`: whether it surges then."""

    figures: Mapping[str, Any]
    voices: Finding
    pages: bool


def reasons(
    connection: Connection,
    rule: Rule,
    workspace: Workspace,
    scope: Scope,
    seen: Finding,
    detector: Detector | ShareDetector,
    learned: tuple[datetime, datetime],
    fresh: datetime | None,
) -> Reasons:
    """`learned`: the stretch of the past that the detector knows; `fresh`: what came before was paged for already."""
    rows = _rows(connection, rule, scope, seen, fresh)
    before = voices(connection, rule.workspace_id, scope, rule.measure, seen.since - BEFORE, seen.since, live=False)
    counts = counts_voices(rule.measure, rule.options)
    heard = hear(seen, rows, before, counts=counts, sensitivity=rule.sensitivity, least=rule.least, most=MOST_VOICES)
    judged = heard.finding
    figures = arithmetic(seen, detector, learned)
    figures["observed"] |= {"effective": heard.loud.effective, "authors": heard.loud.authors}
    figures["effective"] = {"usual_share": heard.usual_share, "expected": judged.expected, "p_value": heard.p_value}
    figures["severity"] = {"level": severity(judged), "of_rows": severity(seen), "times": times(judged), "more": more(judged)}
    figures |= {"threshold": threshold_of(rule), "contributions": _contributions(connection, rule, workspace, scope, seen, learned)}
    figures["texts"] = texts_to_read(connection, rule.workspace_id, rows)
    return Reasons(figures, judged, heard.pages)


def _rows(connection: Connection, rule: Rule, scope: Scope, seen: Finding, fresh: datetime | None) -> list[Voice]:
    since = seen.since if fresh is None else max(seen.since, fresh)
    live = rule.measure != "silence"
    return voices(connection, rule.workspace_id, scope, rule.measure, since, seen.until, live=live)


def threshold_of(rule: Rule) -> dict[str, Any]:
    calibration = rule.calibration
    return {
        "sensitivity": rule.sensitivity,
        "least": rule.least,
        "plain": rule.options.threshold,
        "budget": None if calibration is None else calibration.budget,
        "series": None if calibration is None else calibration.series,
    }


def _contributions(
    connection: Connection, rule: Rule, workspace: Workspace, scope: Scope, seen: Finding, learned: tuple[datetime, datetime]
) -> list[dict[str, Any]]:
    if rule.measure == "silence":
        return []
    fixed, found = scope_filters(scope), []
    before = _measured(connection, rule, scope, learned, None).get("", 0)
    for dimension in dimension_names(workspace.dimensions):
        if dimension in fixed:
            continue
        now = live_totals(connection, rule.workspace_id, scope, rule.measure, (seen.since, seen.until), by=dimension)
        past = _measured(connection, rule, scope, learned, dimension)
        parts = excesses(now, past, before, observed=seen.observed, expected=seen.expected)
        found += [{"dimension": dimension, **part} for part in parts[:MOST_PARTS]]
    return found


def _measured(connection: Connection, rule: Rule, scope: Scope, stretch: tuple[datetime, datetime], by: str | None) -> dict[str, int]:
    counted = totals(connection, rule.workspace_id, *stretch, by=by, scope=scope)
    return {value: measured(counts, rule.measure) for value, counts in counted.items()}


def texts_to_read(connection: Connection, workspace_id: str, rows: list[Voice]) -> dict[str, list[str]]:
    """Only ids: what customers wrote stays where erasing finds it."""
    ids = [one.feedback_id for one in rows]
    likely = typical(texts_of(connection, workspace_id, ids[:MOST_READ])) if ids else []
    return {"first": ids[:FIRST_TEXTS], "typical": likely}
