"""What humans said against annotations: kept for good, put over whatever a model says of the same text, and gone with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, exists, insert, select

from core.errors import InvalidInput
from store.dialect import AnyRow, row_id
from store.feedback import load_annotated
from store.paging import open_cursor, seal_cursor
from store.records import (
    SENTIMENTS,
    AnnotatedFeedback,
    Annotation,
    Complaint,
    CorrectedText,
    Correction,
    CorrectionPage,
    Feedback,
    Labels,
    Language,
    Sentiment,
    SentimentScore,
    TopicCorrection,
    TopicMention,
)
from store.tables import annotations, corrections, feedback

LARGEST_PAGE = 1000


def add_correction(connection: Connection, of: Feedback, labels: Labels, before: Labels, *, actor: str, now: datetime) -> Correction:
    """Keep one more word on the present text of a feedback."""
    values = {
        "workspace_id": row_id(of.workspace_id, "workspace"),
        "feedback_id": row_id(of.id, "feedback"),
        "revision": of.revision,
        "at": now,
        "actor": actor,
        "labels": labels_values(labels),
        "before": labels_values(before),
    }
    return _to_correction(connection.execute(insert(corrections).returning(corrections), values).one())


def corrections_of(connection: Connection, workspace_id: str, feedback_id: str) -> list[Correction]:
    """All that was ever said of a feedback, oldest first, of every revision of its text."""
    mine = corrections.c.workspace_id == row_id(workspace_id, "workspace")
    of_it = corrections.c.feedback_id == row_id(feedback_id, "feedback")
    return [_to_correction(row) for row in connection.execute(select(corrections).where(mine, of_it).order_by(corrections.c.id))]


def list_corrections(connection: Connection, workspace_id: str, *, limit: int, cursor: str | None) -> CorrectionPage:
    """Corrections with the texts as they are now, newest first. Raises InvalidInput for a bad limit or cursor."""
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInput(f"limit must be 1 to {LARGEST_PAGE}", field="limit")
    query = _with_texts(workspace_id).order_by(corrections.c.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(corrections.c.id < int(open_cursor(cursor, int)[0]))
    rows = connection.execute(query).all()
    found = tuple(CorrectedText(row.text, _to_correction(row)) for row in rows[:limit])
    return CorrectionPage(found, seal_cursor([rows[limit - 1].id]) if len(rows) > limit else None)


def corrected_texts(connection: Connection, workspace_id: str) -> Iterator[tuple[str, str, Labels]]:
    """Id, text and labels of every feedback whose present text was corrected, in the order of ids; of several words the latest counts."""
    current = corrections.c.revision == feedback.c.revision
    query = _with_texts(workspace_id).where(current).order_by(corrections.c.feedback_id, corrections.c.id)
    last: tuple[int, str, Labels] | None = None
    for row in connection.execute(query):
        if last is not None and last[0] == row.feedback_id:
            last = (row.feedback_id, row.text, merged([last[2], _to_labels(row.labels)]))
            continue
        if last is not None:
            yield str(last[0]), last[1], last[2]
        last = (row.feedback_id, row.text, _to_labels(row.labels))
    if last is not None:
        yield str(last[0]), last[1], last[2]


def uncorrected(connection: Connection, workspace_id: str, limit: int) -> list[AnnotatedFeedback]:
    """The newest annotated texts that nobody corrected."""
    said = exists().where(corrections.c.feedback_id == feedback.c.id)
    query = (
        select(feedback.c.id)
        .join_from(feedback, annotations, annotations.c.feedback_id == feedback.c.id)
        .where(feedback.c.workspace_id == row_id(workspace_id, "workspace"), ~said)
        .order_by(feedback.c.created_at.desc(), feedback.c.id.desc())
        .limit(limit)
    )
    return load_annotated(connection, workspace_id, connection.scalars(query).all())


def labels_in_force(connection: Connection, revisions: Mapping[int, int]) -> dict[int, Labels]:
    """Feedback -> what humans said of this revision of its text; feedback that nobody corrected is left out."""
    said = dict[int, list[Labels]]()
    query = select(corrections).where(corrections.c.feedback_id.in_(list(revisions))).order_by(corrections.c.id)
    for row in connection.execute(query):
        if row.revision == revisions[row.feedback_id]:
            said.setdefault(row.feedback_id, []).append(_to_labels(row.labels))
    return {one: merged(labels) for one, labels in said.items()}


def merged(said: Sequence[Labels]) -> Labels:
    """The latest word on each thing."""
    whole = Labels()
    for labels in said:
        topics = {topic.id: topic for topic in (*whole.topics, *labels.topics)}
        whole = Labels(
            sentiment=labels.sentiment or whole.sentiment,
            complaint=whole.complaint if labels.complaint is None else labels.complaint,
            language=labels.language or whole.language,
            topics=tuple(topics.values()),
        )
    return whole


def corrected(annotation: Annotation, labels: Labels) -> Annotation:
    """The annotation as humans have it: what they said is certain, the rest is the model's."""
    sentiment = annotation.sentiment if labels.sentiment is None else _certain(labels.sentiment)
    return replace(
        annotation,
        sentiment=sentiment,
        complaint=annotation.complaint if labels.complaint is None else Complaint(labels.complaint, 1.0),
        language=annotation.language if labels.language is None else Language(labels.language, 1.0),
        topics=_corrected_topics(annotation.topics, labels.topics, sentiment.label),
    )


def said_before(annotation: Annotation | None, labels: Labels) -> Labels:
    """What an annotation says of the very things that `labels` speak of."""
    if annotation is None:
        return Labels()
    mentions = {mention.id: mention for mention in annotation.topics}
    return Labels(
        sentiment=annotation.sentiment.label if labels.sentiment is not None else None,
        complaint=annotation.complaint.label if labels.complaint is not None else None,
        language=annotation.language.code if labels.language is not None else None,
        topics=tuple(
            TopicCorrection(topic.id, topic.id in mentions, mentions[topic.id].sentiment if topic.id in mentions else None)
            for topic in labels.topics
        ),
    )


def labels_values(labels: Labels) -> dict[str, Any]:
    """What is stored: only what was said."""
    values = {name: value for name in ("sentiment", "complaint", "language") if (value := getattr(labels, name)) is not None}
    topics = [{"id": topic.id, "present": topic.present, "sentiment": topic.sentiment} for topic in labels.topics]
    return values | ({"topics": topics} if topics else {})


def _certain(label: Sentiment) -> SentimentScore:
    scores: dict[Sentiment, float] = dict.fromkeys(SENTIMENTS, 0.0)
    return SentimentScore(label, 1.0, scores | {label: 1.0}, abstained=False)


def _corrected_topics(mentions: Sequence[TopicMention], said: Sequence[TopicCorrection], whole: Sentiment) -> tuple[TopicMention, ...]:
    """Those that humans named first; one that the model did not find has no evidence, and speaks of all of the text."""
    found = {mention.id: mention for mention in mentions}
    named = {topic.id for topic in said}
    certain = [
        replace(found[topic.id], confidence=1.0, sentiment=topic.sentiment or found[topic.id].sentiment)
        if topic.id in found
        else TopicMention(topic.id, 1.0, topic.sentiment or whole, ())
        for topic in said
        if topic.present
    ]
    return (*certain, *(mention for mention in mentions if mention.id not in named))


def _with_texts(workspace_id: str) -> Select[Any]:
    workspace = row_id(workspace_id, "workspace")
    joined = select(corrections, feedback.c.text).join_from(corrections, feedback, feedback.c.id == corrections.c.feedback_id)
    return joined.where(corrections.c.workspace_id == workspace)


def _to_correction(row: AnyRow) -> Correction:
    return Correction(
        id=str(row.id),
        feedback_id=str(row.feedback_id),
        revision=row.revision,
        at=row.at,
        actor=row.actor,
        labels=_to_labels(row.labels),
        before=_to_labels(row.before),
    )


def _to_labels(values: Mapping[str, Any]) -> Labels:
    topics = tuple(TopicCorrection(one["id"], one["present"], one["sentiment"]) for one in values.get("topics", ()))
    return Labels(values.get("sentiment"), values.get("complaint"), values.get("language"), topics)
