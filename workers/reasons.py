"""Why a series pages: the arithmetic in numbers that anybody can compute again, and what explains the excess."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from insights.arithmetic import arithmetic, excesses, p_value_of
from insights.rules import measured
from insights.severity import more, severity, times
from insights.share_detector import ShareDetector
from insights.spikes import Detector, Finding
from insights.voices import extrapolate, loudness, typical
from store.dimensions import dimension_names, scope_filters
from store.records import Rule, Scope, Workspace
from store.rollups import totals
from store.voices import MOST_VOICES, Voice, texts_of, voices

VOICES_OF_THE_PAST = timedelta(days=7)
FEW_VOICES = 20
"""Fewer rows of the past say nothing of how often people repeat themselves."""
FIRST_TEXTS = 3
MOST_READ = 200
MOST_PARTS = 5
ROUNDED = 1.001
"""The p-value that is computed again of a count without repetitions is the same but for rounding."""


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
    loud = loudness((one.fingerprint, one.author) for one in rows)
    usual = _usual_share(connection, rule, scope, seen)
    if loud.raw == MOST_VOICES:
        loud = extrapolate(loud, seen.observed)
    judged = replace(seen, observed=loud.effective, expected=seen.expected * usual)
    counts_voices = rule.measure in {"negative", "complaint", "volume"} and rule.options.threshold is None
    p_value = p_value_of(judged) if counts_voices else seen.p_value
    pages = not counts_voices or (loud.effective >= rule.least and p_value < max(rule.sensitivity, seen.p_value * ROUNDED))
    figures = arithmetic(seen, detector, learned)
    figures["observed"] |= {"effective": loud.effective, "authors": loud.authors}
    figures["effective"] = {"usual_share": usual, "expected": judged.expected, "p_value": p_value}
    figures["severity"] = {"level": severity(judged), "of_rows": severity(seen), "times": times(judged), "more": more(judged)}
    figures |= {"threshold": threshold_of(rule), "contributions": _contributions(connection, rule, workspace, scope, seen, learned)}
    figures["texts"] = texts_to_read(connection, rule.workspace_id, rows)
    return Reasons(figures, judged, pages)


def _rows(connection: Connection, rule: Rule, scope: Scope, seen: Finding, fresh: datetime | None) -> list[Voice]:
    since = seen.since if fresh is None else max(seen.since, fresh)
    live = rule.measure != "silence"
    return voices(connection, rule.workspace_id, scope, rule.measure, since, seen.until, live=live)


def _usual_share(connection: Connection, rule: Rule, scope: Scope, seen: Finding) -> float:
    """How many of the rows of the week before were voices, in windows as long as the one that surges."""
    width = seen.windows * seen.width
    rows = voices(connection, rule.workspace_id, scope, rule.measure, seen.since - VOICES_OF_THE_PAST, seen.since, live=False)
    if len(rows) < FEW_VOICES:
        return 1.0
    windows: dict[int, list[Voice]] = {}
    for one in rows:
        windows.setdefault((seen.since - one.bucket) // width, []).append(one)
    loud = [loudness((one.fingerprint, one.author) for one in some) for some in windows.values()]
    return sum(one.effective for one in loud) / sum(one.raw for one in loud)


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
        now = _measured(connection, rule, scope, (seen.since, seen.until), dimension)
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
