"""Older annotations are replaced by those of the present model when nothing else waits: what a worker wants, claims and marks for it.

A worker speaks up once for each model that it finds itself with: two machines with different models do not undo each other's work for ever.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.logs import get_logger
from nlp.annotator import Annotator
from store.database import Database
from store.model_changes import current_model, strangers_since
from store.reannotations import (
    UNDER_WAY,
    Versions,
    advance_reannotation,
    any_outdated,
    begin_reannotation,
    claim_outdated,
    list_reannotations,
)
from store.records import Feedback, Reannotation
from store.workspace_models import Numbers, workspace_model, workspace_numbers

log = get_logger(__name__)
TEXTS, CHARACTERS = 32, 8_000
"""What is claimed at once: a live text that comes meanwhile waits for no more. With 128 texts it waited five times as long."""
LOOK_EVERY = timedelta(seconds=3)
"""A change of a workspace's topics or heads, and what somebody asked for, is noticed so soon."""


class Reannotator:
    """What one process knows of it; losing it costs a few queries."""

    def __init__(self, annotator: Annotator, days: int) -> None:
        """`days`: how far back a change of model reaches by itself; with 0 only what somebody asked for is done."""
        self._annotator, self._days = annotator, days
        self._versions: dict[str, tuple[Numbers, Versions]] = {}
        self._spoken_for: dict[str, Versions] = {}
        self._mine: dict[str, Versions] = {}
        self._looked_at: datetime | None = None

    def claim(self, database: Database, now: datetime, lease: timedelta) -> list[Feedback]:
        """Texts whose annotation is to be replaced, of workspaces that want what this process has; few, so that it is soon asked again."""
        self._look(database, now)
        if not self._mine:
            return []
        with database.write() as connection:
            return claim_outdated(connection, self._mine, limit=TEXTS, characters=CHARACTERS, now=now, lease=lease)

    def advance(self, database: Database, now: datetime) -> bool:
        """One step towards more texts to claim, in each workspace; whether it is worth asking again at once."""
        more = False
        for workspace, versions in self._mine.items():
            with database.write() as connection:
                more |= advance_reannotation(connection, workspace, versions, now=now)
        return more

    def _look(self, database: Database, now: datetime) -> None:
        if self._looked_at is not None and timedelta() <= now - self._looked_at < LOOK_EVERY:
            return
        with database.read() as connection:
            numbers = workspace_numbers(connection, self._annotator.weights)
            latest = {one.workspace_id: one for one in list_reannotations(connection)}
        for workspace, number in numbers.items():
            versions = self._versions_of(database, workspace, number)
            self._speak_for(database, workspace, versions, latest.get(workspace), now)
        with database.read() as connection:
            present = list_reannotations(connection)
            mine = [one.workspace_id for one in present if one.workspace_id in numbers and self._is_mine(connection, one)]
        self._mine = {one: self._versions[one][1] for one in mine}
        self._looked_at = now

    def _is_mine(self, connection: Connection, one: Reannotation) -> bool:
        versions = self._versions[one.workspace_id][1]
        if one.versions != versions or one.begun_at is None:
            return False
        # One that is done begins again when a worker of the model before was slow to end.
        again = one.state == "done" and self._days > 0 and strangers_since(connection, one.workspace_id, versions, one.begun_at)
        return one.state in UNDER_WAY or again

    def _versions_of(self, database: Database, workspace: str, numbers: Numbers) -> Versions:
        known = self._versions.get(workspace)
        if known is None or known[0] != numbers:
            with database.read() as connection:
                stored = workspace_model(connection, workspace, self._annotator.weights)
            known = self._versions[workspace] = numbers, self._annotator.versions(self._annotator.open(stored))
        return known[1]

    def _speak_for(self, database: Database, workspace: str, versions: Versions, latest: Reannotation | None, now: datetime) -> None:
        """Say what the workspace should be annotated by, if that is new or somebody asked."""
        asked = latest is not None and latest.state == "asked"
        if not asked and self._spoken_for.get(workspace) == versions:
            return
        self._spoken_for[workspace] = versions
        if not asked and latest is not None and latest.versions == versions:
            return
        follows = latest is not None and latest.state in UNDER_WAY
        if not asked and not follows and not (self._days and self._is_outdated(database, workspace, versions)):
            return
        since = latest.since if latest is not None and (asked or not self._days) else now - timedelta(days=self._days)
        with database.write() as connection:
            begin_reannotation(connection, workspace, versions, since=since, now=now)
        log.info("reannotate.begun", workspace=workspace, model=versions[0], taxonomy=versions[1])

    def _is_outdated(self, database: Database, workspace: str, versions: Versions) -> bool:
        with database.read() as connection:
            return current_model(connection, workspace) is not None and any_outdated(connection, workspace, versions)
