"""The arithmetic of a finding as plain numbers: whoever reads them can compute the p-value again, with any library.

`tail` is P(X >= observed), or <= of a silence: of a negative binomial with n = 1 / spread and p = n / (n + expected), or of a beta-binomial
of `total` texts with a = share * (1 / spread - 1) and b = (1 - share) * (1 / spread - 1), share = expected / total. `surprise` is
log10(hours / spans) - log10(tail), `hours` being the length of the span: how rare it is in an hour of watching. Above 2 it is replaced by
the least of itself and (surprise - 2) / (2.302585 * stray_excess) - log10(stray_rate), what this series did in the past. The p-value is 10
to the minus of what is left, times the looks that an hour of watching counts for, and at most 1.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.times import HOUR, to_rfc3339
from insights.share_detector import ShareDetector
from insights.spikes import Detector, Finding
from insights.strays import FROM, PRIOR_EXCESS, SURE

LEAST_TAIL = 1e-300


def p_value_of(seen: Finding) -> float:
    """The p-value that follows from the other numbers of a finding."""
    hours = seen.windows * seen.width / HOUR
    surprise = max(0.0, math.log10(hours / seen.spans) - math.log10(max(seen.tail, LEAST_TAIL)))
    if surprise > FROM:
        surprise = min(surprise, (surprise - FROM) * PRIOR_EXCESS / seen.stray_excess - math.log10(seen.stray_rate))
    return float(min(1.0, 10 ** -min(SURE, surprise - math.log10(seen.looks))))


def arithmetic(seen: Finding, detector: Detector | ShareDetector, learned: tuple[datetime, datetime]) -> dict[str, Any]:
    """`learned`: from when to when the past goes that the detector knows."""
    low, high = seen.interval
    test = "beta-binomial" if seen.total is not None else "negative binomial"
    figures: dict[str, Any] = {
        "test": f"{test}, lower tail" if seen.direction == "fall" else test,
        "window": {
            "from": to_rfc3339(seen.since),
            "to": to_rfc3339(seen.until),
            "hours": seen.windows * seen.width / HOUR,
            "windows": seen.windows,
            "width_minutes": round(seen.width.total_seconds() / 60),
            "spans": seen.spans,
            "looks": seen.looks,
        },
        "observed": {"raw": seen.observed, "total": seen.total},
        "expected": {"count": seen.expected, "interval": [low, high], "spread": seen.spread},
        "tail": seen.tail,
        "strays": {"rate": seen.stray_rate, "excess": seen.stray_excess},
        "p_value": seen.p_value,
        "baseline": {"from": to_rfc3339(learned[0]), "to": to_rfc3339(learned[1]), "windows": (learned[1] - learned[0]) // seen.width},
    }
    if isinstance(detector, Detector):
        by_hour, by_weekday = detector.season(seen.start)
        figures["baseline"] |= {"mean": detector.level, "hour_of_day": by_hour, "day_of_week": by_weekday}
    else:
        figures["baseline"] |= {"share": detector.share, "correlation": detector.correlation}
    return figures


def excesses(now: Mapping[str, int], past: Mapping[str, int], before: int, *, observed: float, expected: float) -> list[dict[str, Any]]:
    """How much of the excess each part explains, largest first. `before`: the past of all parts together; a part is expected to have the
    share that it had then. Parts may overlap, so shares need not add up to 1."""
    excess = max(observed - expected, 1e-9)
    parts = []
    for value, count in now.items():
        usual = expected * past.get(value, 0) / before if before else 0.0
        if count > usual:
            parts.append({"value": value, "observed": count, "usual": usual, "explains": min(1.0, (count - usual) / excess)})
    return sorted(parts, key=lambda part: (-float(part["explains"]), str(part["value"])))
