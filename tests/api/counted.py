"""Feedback for tests of counts: stored, annotated and counted without a worker."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from store.database import Database
from store.records import Annotation, Feedback, NewFeedback, Sentiment
from store.rollups import roll_up_touched
from tests.builders import NOW, a_new_feedback, an_annotation, store_annotated

Row = tuple[NewFeedback, Annotation]


def put(database: Database, workspace_id: str, rows: Sequence[Row]) -> list[Feedback]:
    """Store, annotate and count."""
    with database.write() as connection:
        stored = store_annotated(connection, workspace_id, rows, live=False)
    count_all(database)
    return stored


def count_all(database: Database) -> None:
    with database.write() as connection:
        while roll_up_touched(connection, limit=10_000, now=NOW):
            pass


def said(
    text: str,
    sentiment: Sentiment,
    *topics: str,
    at: datetime,
    airline: str | None = None,
    source: str = "api",
    language: str = "en",
) -> Row:
    """One feedback and what the model says of it."""
    attributes = {} if airline is None else {"airline": airline}
    return a_new_feedback(text, created_at=at, source=source, attributes=attributes), an_annotation(sentiment, topics, language=language)


def days_of_complaints(airline: str, *, days: int, per_hour: int, surge_at: datetime | None = None, surge: int = 0) -> list[Row]:
    """`per_hour` negatives in every hour of `days` days before NOW, and `surge` more in the hour that begins at `surge_at`."""
    rows = []
    for hour in range(days * 24):
        start = NOW - timedelta(hours=days * 24 - hour)
        extra = surge if start == surge_at else 0
        for number in range(per_hour + extra):
            at = start + timedelta(minutes=number * 50 // (per_hour + extra))
            rows.append(said(f"{airline} {hour}.{number} was late again", "negative", "delivery", at=at, airline=airline))
    return rows
