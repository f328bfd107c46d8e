"""How SQLite finds rows: without statistics it guesses, so each hot path is held to an index that leads to the rows it needs.

A million rows turn a wrong guess from one millisecond into a third of a second, and no test on little data would notice.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from core.times import HOUR
from store import annotations, brands, circumstances, feedback, rollups, search
from store.database import Database
from store.records import Author, FeedbackQuery, Scope, TrendQuery
from store.workspaces import create_workspace, set_dimensions
from tests.builders import NOW, a_new_feedback, an_annotation

LARGE = "feedback|annotations|annotation_topics|feedback_brands|rollups"
WHOLE_TABLE = re.compile(rf"^SCAN (?:{LARGE})\b(?! USING INDEX ix_feedback_(?:suspect|waiting))")
WHOLE_WORKSPACE = re.compile(rf"^SEARCH (?:{LARGE})(?:_1)? USING .*\(workspace_id=\?(?: AND grain=\?)?\)")
NAMES = ("topic", "attributes.plan")


def add_and_annotate(connection: Connection, workspace_id: str) -> None:
    rows = [a_new_feedback(f"Words that are long enough, {number}", attributes={"plan": "pro"}) for number in range(300)]
    feedback.add_new(connection, workspace_id, rows, now=NOW, live=True)
    feedback.add_new(connection, workspace_id, [*rows[1:], a_new_feedback("Edited", external_id=rows[0].external_id)], now=NOW, live=True)
    claimed = feedback.claim_unannotated(connection, limit=300, now=NOW, lease=HOUR)
    circumstances.load_circumstances(connection, [replace(one, author=Author(id="ana")) for one in claimed])
    annotations.save_annotations(connection, [(one, an_annotation()) for one in claimed], NOW)
    annotations.save_annotations(connection, [(one, an_annotation(model="newer")) for one in claimed], NOW)
    rollups.roll_up_touched(connection, limit=50, now=NOW)
    feedback.delete_feedback(connection, workspace_id, claimed[0].id, NOW)
    rollups.roll_up_touched(connection, limit=50, now=NOW)


def look_at_it(connection: Connection, workspace_id: str) -> None:
    since, topic = NOW - timedelta(days=30, minutes=5), Scope(topic="delivery")
    for group in ((), ("topic",), NAMES, ("sentiment", "topic")):
        rollups.trends(connection, workspace_id, TrendQuery("1h", since, NOW, group))
    rollups.trends(connection, workspace_id, TrendQuery("1h", since, NOW, ("topic",), {"attributes.plan": "pro"}))
    rollups.trends(connection, workspace_id, TrendQuery("1h", since, NOW, ("topic", "source", "language")))
    rollups.totals(connection, workspace_id, since, NOW, by="topic", scope=Scope(brand="1"))
    rollups.series(connection, workspace_id, topic, "negative", since, NOW, HOUR)
    rollups.first_seen(connection, workspace_id, topic)
    rollups.scopes(connection, workspace_id, NAMES, Scope(), since, NOW)


def search_it(connection: Connection, workspace_id: str) -> None:
    queries = (
        FeedbackQuery(), FeedbackQuery(q="late"), FeedbackQuery(topic="delivery", sentiment="negative"), FeedbackQuery(brand="1"),
        FeedbackQuery(source="api", language="en", complaint=True, attributes={"plan": "pro"}, limit=1000),
    )  # fmt: skip
    for query in queries:
        page = search.search_feedback(connection, workspace_id, query)
        assert len(page.rows) <= query.limit
    feedback.count_unannotated(connection)


@pytest.mark.parametrize("calls", [add_and_annotate, look_at_it, search_it])
def test_reads_only_what_it_needs(sqlite_database: Database, calls: Callable[[Connection, str], None]) -> None:
    asked = list[tuple[str, Any]]()
    with sqlite_database.write() as connection:
        workspace = create_workspace(connection, "acme", NOW)
        set_dimensions(connection, workspace.id, ["plan"], NOW)
        brands.create_brand(connection, workspace.id, name="ours", query="words", now=NOW)
        if calls is not add_and_annotate:
            add_and_annotate(connection, workspace.id)
        event.listen(connection.engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        calls(connection, workspace.id)
        wrong = [(sql[:300], line) for sql, values in list(asked) for line in plan(connection, sql, values) if is_wrong(line)]
    assert len(asked) > 4
    assert wrong == []


def plan(connection: Connection, sql: str, values: Any) -> list[str]:
    if not sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
        return []
    one = values[0] if isinstance(values, list) else values
    return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", one)]


def is_wrong(line: str) -> bool:
    return bool(WHOLE_TABLE.match(line) or WHOLE_WORKSPACE.match(line))
