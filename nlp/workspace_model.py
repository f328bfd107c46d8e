"""What one workspace adds to the shared model: small heads of its own, read from the very vectors that every text of a batch gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.logs import get_logger
from nlp.adaptation import Adaptation, AdaptationInvalid, open_adaptation
from nlp.batching import Window
from nlp.pooling import Pooled
from store.records import Span, StoredWorkspaceModel, TopicMention

log = get_logger(__name__)


class CustomTopics(Protocol):
    """Topics of a workspace's own, beside those of the taxonomy."""

    @property
    def version(self) -> str:
        """Joins the taxonomy's version in an annotation: `t7`."""
        ...

    @property
    def ids(self) -> frozenset[str]: ...

    @property
    def hidden(self) -> frozenset[str]:
        """Topics of the taxonomy that the workspace does not want to see."""
        ...

    def mentions(self, pooled: Pooled, windows: Sequence[Window], spans: Sequence[Span]) -> Sequence[TopicMention]:
        """Those that a text speaks of; `windows` hold its ids, `spans` are its segments, of which `pooled.numbers` have vectors. No text
        depends on another."""
        ...


@dataclass(frozen=True, slots=True)
class WorkspaceModel:
    """What one workspace adds to the shared model."""

    adaptation: Adaptation | None = None
    topics: CustomTopics | None = None


PLAIN = WorkspaceModel()
"""Adds nothing."""


def open_workspace_model(stored: StoredWorkspaceModel) -> WorkspaceModel:
    """Ready for use. What cannot be read is left out and logged: its texts get the shared model's answer rather than none."""
    if stored.adaptation is None:
        return PLAIN
    try:
        return WorkspaceModel(adaptation=open_adaptation(stored.adaptation))
    except AdaptationInvalid as error:
        log.error("adaptation.unreadable", reason=str(error))
        return PLAIN
