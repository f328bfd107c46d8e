"""Whether a surge is still one when reposts and loud authors count once, judged live and in a backtest by the same words."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from insights.arithmetic import p_value_of
from insights.spikes import Finding
from insights.voices import Loudness, extrapolate, loudness

BEFORE = timedelta(days=7)
"""So much of the past says how often people repeat themselves."""
FEW_VOICES = 20
"""Fewer rows of the past say nothing of it."""
ROUNDED = 1.001
"""The p-value that is computed again of a count without repetitions is the same but for rounding."""


class Said(Protocol):
    """One row that counts; what is not known is None."""

    @property
    def bucket(self) -> datetime: ...
    @property
    def fingerprint(self) -> Hashable | None: ...
    @property
    def author(self) -> Hashable | None: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """A finding in voices: `finding` counts them in place of rows, of which `usual_share` were voices before. `pages`: it surges still."""

    finding: Finding
    loud: Loudness
    usual_share: float
    p_value: float
    pages: bool


def hear(
    seen: Finding, rows: Sequence[Said], before: Sequence[Said], *, counts: bool, sensitivity: float, least: int, most: int
) -> Heard:  # fmt: skip
    """`rows`: those that `seen` counts, `before`: those of BEFORE, oldest first; at most the newest `most` of either were read.

    `counts`: whether voices decide (of shares, silences and plain numbers they are only told).
    """
    loud = loudness((one.fingerprint, one.author) for one in rows)
    if loud.raw == most:
        loud = extrapolate(loud, seen.observed)
    usual = usual_share(before, seen.since, seen.windows * seen.width)
    judged = replace(seen, observed=loud.effective, expected=seen.expected * usual)
    p_value = p_value_of(judged) if counts else seen.p_value
    pages = not counts or (loud.effective >= least and p_value < max(sensitivity, seen.p_value * ROUNDED))
    return Heard(judged, loud, usual, p_value, pages)


def usual_share(rows: Sequence[Said], until: datetime, width: timedelta) -> float:
    """How many of these rows, all before `until`, were voices, in windows of `width`."""
    if len(rows) < FEW_VOICES:
        return 1.0
    windows: dict[int, list[Said]] = {}
    for one in rows:
        windows.setdefault((until - one.bucket) // width, []).append(one)
    loud = [loudness((one.fingerprint, one.author) for one in some) for some in windows.values()]
    return sum(one.effective for one in loud) / sum(one.raw for one in loud)
