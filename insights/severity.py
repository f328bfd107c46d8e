"""How loud an alert should be: from how many times more than expected, and how many more."""

from insights.spikes import Finding
from store.records import Severity

STEPS: tuple[tuple[Severity, float, float], ...] = (("critical", 6.0, 100.0), ("high", 3.0, 30.0), ("medium", 2.0, 10.0))
"""(severity, times the expected count, counts above it): both must be reached. Ten angry texts are not critical whatever was expected."""

MISSED = 100
"""So many that were due and did not come: a source that matters is silent."""


def severity(finding: Finding) -> Severity:
    """`low` to `critical`. The ratio is taken against at least one expected count, so that silence before does not make it endless."""
    if finding.direction == "fall":
        return "high" if finding.expected - finding.observed >= MISSED else "medium"
    times = finding.observed / max(finding.expected, 1.0)
    excess = finding.observed - finding.expected
    return next((name for name, least_times, least_excess in STEPS if times >= least_times and excess >= least_excess), "low")
