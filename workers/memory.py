"""What a worker remembers between two looks: the detectors of each rule, with all that lies two hours back learned once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from insights.shape import ShapeDetector
from insights.share_detector import ShareDetector
from insights.spikes import Detector

Key = tuple[str, ...]
"""The values of the dimensions that a rule splits by."""
Watcher = Detector | ShareDetector
MOST_REMEMBERED = 20_000
"""Series of all rules; each takes some kilobytes."""
LOOKS_BACK_EVERY = timedelta(minutes=5)
"""An import, an erasure or another annotation of the past is noticed so soon; until then the past is as it was."""


@dataclass
class ShapePast:
    """One rule's on the shape of sources: detectors by source, each with when its past begins. `learned`: rows of each source."""

    of: object
    begin: datetime
    frontier: datetime
    checked_at: datetime
    detectors: dict[str, ShapeDetector] = field(default_factory=dict)
    began: dict[str, datetime] = field(default_factory=dict)
    learned: Mapping[Key, int] = field(default_factory=dict)


@dataclass
class Past:
    """One rule's. `of`: what the detectors depend on; `begin`, `frontier`: what they learned; `learned`: sum of each series in there."""

    of: object
    begin: datetime
    frontier: datetime
    checked_at: datetime
    watchers: dict[Key, Watcher] = field(default_factory=dict)
    learned: dict[Key, float] = field(default_factory=dict)

    def differs(self, sums: Mapping[Key, float]) -> bool:
        """Whether the past is another one by now."""
        return any(sums.get(key, 0.0) != number for key, number in self.learned.items())


class Memory:
    """The pasts of all rules that one process looks at. Losing it costs time, and nothing else."""

    def __init__(self) -> None:
        self._pasts: dict[str, Past] = {}
        self.shapes: dict[str, ShapePast] = {}

    def past(self, rule_id: str) -> Past | None:
        return self._pasts.get(rule_id)

    def keep(self, rule_id: str, past: Past) -> None:
        self._pasts[rule_id] = past
        if sum(len(one.watchers) for one in self._pasts.values()) > MOST_REMEMBERED:
            self._pasts = {rule_id: past}

    def forget_others(self, rule_ids: Sequence[str]) -> None:
        """Keep what these rules remember."""
        kept = frozenset(rule_ids)
        self._pasts = {key: past for key, past in self._pasts.items() if key in kept}
        self.shapes = {key: past for key, past in self.shapes.items() if key in kept}
