"""How loud an alert should be: from its size, how many times as much as is usual, and its reach, how many people more say it."""

from insights.spikes import Finding
from store.records import Severity

STEPS: tuple[tuple[Severity, float, float], ...] = (
    ("critical", 6.0, 100.0), ("critical", 3.0, 300.0),
    ("high", 3.0, 30.0), ("high", 2.0, 100.0),
    ("medium", 2.0, 10.0), ("medium", 1.5, 30.0),
)  # fmt: skip
"""(severity, times the expected count, counts above it): both must be reached. Ten angry texts are not critical whatever was expected; and
where three times as many people are concerned, a smaller ratio is as bad."""

MISSED = 100
"""So many that were due and did not come, or came as something else: a source that matters is in trouble."""


def severity(finding: Finding) -> Severity:
    """`low` to `critical`, of a finding that counts voices: a hundred texts of one author are one, and reach nobody."""
    if finding.direction == "fall":
        return of_source(-more(finding))
    return next(
        (name for name, least_times, least_more in STEPS if times(finding) >= least_times and more(finding) >= least_more), "low"
    )  # fmt: skip


def of_source(rows: float) -> Severity:
    """Of a source of which so many rows are missed, or are not what they were."""
    return "high" if rows >= MISSED else "medium"


def times(finding: Finding) -> float:
    """How many times as much as is usual; of at least one expected count, so that silence before does not make it endless."""
    return finding.observed / max(finding.expected, 1.0)


def more(finding: Finding) -> float:
    """How many more than usual; below 0 where fewer came."""
    return finding.observed - finding.expected
