"""From a rule to what detectors need, the same for looking, replaying and trying out."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from insights.replays import Counts
from insights.seasons import Seasons
from insights.spikes import DAY, SPANS, SpikeConfig
from store.records import Counts as Counted
from store.records import Hours, Measure, RuleOptions, Workspace

OF_SOURCES = frozenset({"silence", "shape"})
"""Measures that say that a source is in trouble; what rests on that source is no surge meanwhile."""
OF_SILENCE = (*SPANS[1:], DAY)
"""A quarter of an hour without a word is nothing."""


def kept_width(window: timedelta) -> timedelta:
    """Width of the windows that the past of a rule is kept in, so many of which make up its own: at most an hour, for a rule looks every
    five minutes, and the season of a day is not known from two halves of it."""
    return next(width for minutes in range(60, 0, -5) if not window % (width := timedelta(minutes=minutes)))


def config_of(measure: Measure, options: RuleOptions, window: timedelta, *, sensitivity: float, least: int) -> SpikeConfig:
    """What makes a surge for a rule whose shortest span is `window`."""
    usual = OF_SILENCE if measure == "silence" else SPANS
    spans = tuple(timedelta(minutes=one) for one in options.windows) or usual
    return SpikeConfig(
        sensitivity=sensitivity,
        least=least,
        spans=tuple(sorted({max(span, window) for span in spans})),
        window=window,
        direction="fall" if measure == "silence" else "rise",
        threshold=options.threshold,
    )


def measured(counts: Counted, measure: Measure) -> int:
    """The number that a rule of this measure watches."""
    return {"negative": counts.negative, "share": counts.negative, "complaint": counts.complaint}.get(measure, counts.count)


def counts_voices(measure: Measure, options: RuleOptions) -> bool:
    """Whether reposts and loud authors decide if a rule pages."""
    return measure in {"negative", "complaint", "volume"} and options.threshold is None


def is_watched(options: RuleOptions, split_by: Sequence[str], values: Sequence[str]) -> bool:
    """Whether a rule watches the series of these values, one for each dimension that it splits by."""
    return all(value in options.only.get(name, (value,)) for name, value in zip(split_by, values, strict=True))


def seasons_of(options: RuleOptions, workspace: Workspace) -> Seasons:
    """Whose clocks and holidays count."""
    return Seasons(options.timezone or workspace.timezone, options.country or workspace.country)


def budget_of(options: RuleOptions, workspace: Workspace, sharing: int) -> float | None:
    """False pages a week that a rule may cost; `sharing`: how many rules share the workspace's. None when its sensitivity is given."""
    if options.budget_from == "rule":
        return options.budget
    return workspace.budget / max(sharing, 1) if options.budget_from == "workspace" else None


def is_on(schedule: Sequence[Hours], moment: datetime, seasons: Seasons) -> bool:
    """Whether alerts may open at a moment. Hours that end before they start go on through midnight."""
    local = seasons.local(moment)
    clock, day = f"{local:%H:%M}", local.weekday()
    for hours in schedule:
        if hours.start < hours.end:
            if day in hours.days and hours.start <= clock < hours.end:
                return True
        elif (day in hours.days and clock >= hours.start) or ((day - 1) % 7 in hours.days and clock < hours.end):
            return True
    return not schedule


def dense(series: Sequence[Mapping[int, tuple[int, int]]], windows: int, *, shares: bool) -> Counts | tuple[Counts, Counts]:
    """Arrays (windows, series) of sparse counts; of shares a pair."""
    own, every = np.zeros((windows, len(series))), np.zeros((windows, len(series)))
    for lane, sparse in enumerate(series):
        for place, (number, total) in sparse.items():
            own[place, lane], every[place, lane] = number, total
    return (own, every) if shares else own


def beginnings(series: Sequence[Mapping[int, tuple[int, int]]], start: datetime, width: timedelta) -> NDArray[np.float64]:
    """Seconds since 1970 of the first window of each series that holds anything; infinite where none does."""
    firsts = [min((place for place, (_, total) in sparse.items() if total), default=None) for sparse in series]
    return np.array([np.inf if first is None else (start + first * width).timestamp() for first in firsts])
