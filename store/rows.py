"""Rows of the tables feedback and annotations, to and from records."""

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement

from store.dialect import AnyRow, storable_json
from store.intake import storable
from store.records import (
    AnnotatedFeedback,
    Annotation,
    Author,
    Complaint,
    Emotion,
    Feedback,
    Language,
    NewFeedback,
    Rating,
    Scores,
    SentimentScore,
    Span,
    TopicMention,
)
from store.tables import annotations, feedback

FEEDBACK: Sequence[ColumnElement[Any]] = [
    feedback.c.id,
    feedback.c.workspace_id,
    feedback.c.revision,
    feedback.c.text,
    feedback.c.created_at,
    feedback.c.received_at,
    feedback.c.source,
    feedback.c.external_id,
    feedback.c.title,
    feedback.c.author_id,
    feedback.c.author_name,
    feedback.c.author_followers,
    feedback.c.url,
    feedback.c.language,
    feedback.c.country,
    feedback.c.kind,
    feedback.c.rating_value,
    feedback.c.rating_scale,
    feedback.c.nps,
    feedback.c.csat,
    feedback.c.ces,
    feedback.c.question,
    feedback.c.product,
    feedback.c.attributes,
    feedback.c.parent_id,
    feedback.c.live,
]
"""The columns that `to_feedback` reads, in its order."""
ANNOTATION: Sequence[ColumnElement[Any]] = [column.label(f"annotation_{column.name}") for column in annotations.c]
"""The columns that `to_annotation` reads beside those of the feedback."""


def content_of(new: NewFeedback) -> dict[str, Any]:
    """What somebody sent, as column values that both databases keep unchanged: an edit is a difference in any of them."""
    author, rating, scores = new.author or Author(), new.rating, new.scores or Scores()
    return {
        "text": storable(new.text),
        "created_at": new.created_at,
        "title": _text(new.title),
        "author_id": _text(author.id),
        "author_name": _text(author.name),
        "author_followers": author.followers,
        "url": _text(new.url),
        "language": _text(new.language),
        "country": _text(new.country),
        "kind": new.kind,
        "rating_value": _number(rating.value) if rating else None,
        "rating_scale": _number(rating.scale) if rating else None,
        "nps": _number(scores.nps),
        "csat": _number(scores.csat),
        "ces": _number(scores.ces),
        "question": _text(new.question),
        "product": _text(new.product),
        "attributes": storable_json(new.attributes),
        "parent_id": _text(new.parent_id),
    }


def to_feedback(row: Sequence[Any]) -> Feedback:
    """From the columns FEEDBACK, which may be followed by others."""
    author = Author(*row[9:12]) if any(part is not None for part in row[9:12]) else None
    rating = None if row[16] is None or row[17] is None else Rating(row[16], row[17])
    scores = Scores(*row[18:21]) if any(part is not None for part in row[18:21]) else None
    return Feedback(
        id=str(row[0]),
        workspace_id=str(row[1]),
        revision=row[2],
        text=row[3],
        created_at=row[4],
        received_at=row[5],
        source=row[6],
        external_id=row[7],
        title=row[8],
        author=author,
        url=row[12],
        language=row[13],
        country=row[14],
        kind=row[15],
        rating=rating,
        scores=scores,
        question=row[21],
        product=row[22],
        attributes=row[23],
        parent_id=row[24],
        live=row[25],
    )


def to_annotated(row: AnyRow, topics: Sequence[TopicMention], error: str | None) -> AnnotatedFeedback:
    """From the columns FEEDBACK and ANNOTATION (outer joined)."""
    annotation = None if row.annotation_feedback_id is None else _to_annotation(row, topics)
    return AnnotatedFeedback(feedback=to_feedback(row), annotation=annotation, error=error)


def _to_annotation(row: AnyRow, topics: Sequence[TopicMention]) -> Annotation:
    return Annotation(
        language=Language(row.annotation_language, row.annotation_language_confidence),
        sentiment=SentimentScore(
            label=row.annotation_sentiment,
            confidence=row.annotation_sentiment_confidence,
            scores=row.annotation_sentiment_scores,
            abstained=row.annotation_abstained,
        ),
        topics=tuple(topics),
        complaint=Complaint(row.annotation_complaint, row.annotation_complaint_confidence),
        model=row.annotation_model,
        taxonomy=row.annotation_taxonomy,
        emotion=None if row.annotation_emotion is None else Emotion(row.annotation_emotion, row.annotation_emotion_confidence),
    )


def annotation_values(annotation: Annotation) -> dict[str, Any]:
    """The columns of one annotation, without its topics."""
    return {
        "language": storable(annotation.language.code),
        "language_confidence": annotation.language.confidence,
        "sentiment": annotation.sentiment.label,
        "sentiment_confidence": annotation.sentiment.confidence,
        "sentiment_scores": dict(annotation.sentiment.scores),
        "abstained": annotation.sentiment.abstained,
        "complaint": annotation.complaint.label,
        "complaint_confidence": annotation.complaint.confidence,
        "emotion": None if annotation.emotion is None else annotation.emotion.label,
        "emotion_confidence": None if annotation.emotion is None else annotation.emotion.confidence,
        "model": storable(annotation.model),
        "taxonomy": storable(annotation.taxonomy),
    }


def topic_values(annotation: Annotation) -> list[dict[str, Any]]:
    """One row per topic; of a topic named twice the first counts."""
    first = {mention.id: mention for mention in reversed(annotation.topics)}
    return [
        {
            "topic": storable(mention.id),
            "position": position,
            "confidence": mention.confidence,
            "sentiment": mention.sentiment,
            "evidence": [[span.start, span.end] for span in mention.evidence],
        }
        for position, mention in enumerate(mention for mention in annotation.topics if first[mention.id] is mention)
    ]


def to_mention(row: AnyRow) -> TopicMention:
    """From a row of annotation_topics."""
    spans = tuple(Span(start, end) for start, end in row.evidence)
    return TopicMention(id=row.topic, confidence=row.confidence, sentiment=row.sentiment, evidence=spans)


def _text(value: str | None) -> str | None:
    return None if value is None else storable(value)


def _number(value: float | None) -> float | None:
    # SQLite keeps no NaN, and an infinite rating says nothing.
    return None if value is None or not math.isfinite(value) else float(value)
