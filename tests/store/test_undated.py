"""Feedback of which nobody said when it was written keeps the time of its first coming."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from store.database import Database
from store.feedback import add_new, get_feedback
from store.records import NewFeedback
from store.workspaces import create_workspace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=2)


def test_an_undated_row_that_comes_again_changes_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'koe.sqlite3'}")
    database.upgrade()
    undated = NewFeedback("Late again", NOW, external_id="1", dated=False)
    with database.write() as connection:
        workspace = create_workspace(connection, "default", NOW).id
        first = add_new(connection, workspace, [undated], now=NOW, live=False)
        again = add_new(connection, workspace, [replace(undated, created_at=LATER)], now=LATER, live=False)
        edited = add_new(connection, workspace, [replace(undated, created_at=LATER, text="Late")], now=LATER, live=False)
        dated = add_new(connection, workspace, [NewFeedback("Late", LATER, external_id="1")], now=LATER, live=False)
        stored = get_feedback(connection, workspace, first[0].id).feedback
    database.dispose()
    assert [one[0].status for one in (first, again, edited, dated)] == ["created", "unchanged", "updated", "updated"]
    assert (stored.created_at, stored.text) == (LATER, "Late")
