"""Records for tests, each with sensible values, so that a test names only what it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from sqlalchemy import Connection

from store import annotations, feedback
from store.channels import create_channel
from store.records import (
    Annotation,
    Channel,
    Complaint,
    Embedding,
    Emotion,
    EmotionLabel,
    Feedback,
    Language,
    NewFeedback,
    Sentiment,
    SentimentScore,
    Span,
    TopicMention,
)
from store.secrets import Vault

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_numbers = count(1)


def a_new_feedback(
    text: str = "The parcel came two weeks late.", *, hours_ago: float = 1, created_at: datetime | None = None,
    source: str = "api", external_id: str | None = None, title: str | None = None, language: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> NewFeedback:  # fmt: skip
    """Written `hours_ago` before NOW unless `created_at` is given; a fresh external id unless one is given."""
    return NewFeedback(
        text=text, created_at=created_at or NOW - timedelta(hours=hours_ago), source=source,
        external_id=external_id or f"x{next(_numbers)}", title=title, language=language, attributes=attributes or {},
    )  # fmt: skip


def a_feedback(
    text: str = "The parcel came two weeks late.", *, hours_ago: float = 1, created_at: datetime | None = None, id: str = "1",  # noqa: A002
    workspace_id: str = "1", revision: int = 1, source: str = "api", external_id: str | None = None, title: str | None = None,
    language: str | None = None, country: str | None = None, product: str | None = None,
    attributes: Mapping[str, str] | None = None, live: bool = True,
) -> Feedback:  # fmt: skip
    """As the store would return it."""
    written = created_at or NOW - timedelta(hours=hours_ago)
    return Feedback(
        id=id, workspace_id=workspace_id, revision=revision, text=text, created_at=written, received_at=written, source=source,
        external_id=external_id or f"x{next(_numbers)}", title=title, author=None, url=None, language=language, country=country,
        kind="other", rating=None, scores=None, question=None, product=product, attributes=attributes or {}, parent_id=None, live=live,
    )  # fmt: skip


def a_mention(topic: str = "delivery", sentiment: Sentiment = "negative", *, start: int = 0, end: int = 3) -> TopicMention:
    return TopicMention(id=topic, confidence=0.9, sentiment=sentiment, evidence=(Span(start, end),))


def an_annotation(
    sentiment: Sentiment = "negative", topics: Sequence[str | TopicMention] = ("delivery",), *, complaint: bool | None = None,
    language: str = "en", model: str = "koe-test-1", taxonomy: str = "1", emotion: EmotionLabel | None = None,
    embedding: Embedding | None = None,
) -> Annotation:  # fmt: skip
    """Topics given by name have the sentiment of the whole; a negative text is a complaint unless said otherwise."""
    scores: dict[Sentiment, float] = {"negative": 0.05, "neutral": 0.05, "positive": 0.05}
    return Annotation(
        language=Language(language, 0.95),
        sentiment=SentimentScore(sentiment, 0.9, scores | {sentiment: 0.9}, abstained=False),
        topics=tuple(a_mention(topic, sentiment) if isinstance(topic, str) else topic for topic in topics),
        complaint=Complaint(sentiment == "negative" if complaint is None else complaint, 0.8),
        model=model,
        taxonomy=taxonomy,
        emotion=Emotion(emotion, 0.7) if emotion else None,
        embedding=embedding,
    )


def store_annotated(
    connection: Connection, workspace_id: str, rows: Sequence[tuple[NewFeedback, Annotation]], *, now: datetime = NOW, live: bool = True
) -> list[Feedback]:
    """Put rows through adding, claiming and saving; as they are stored, in the order given."""
    stored = feedback.add_new(connection, workspace_id, [new for new, _ in rows], now=now, live=live)
    found = [feedback.get_feedback(connection, workspace_id, one.id).feedback for one in stored]
    annotations.save_annotations(connection, [(one, said) for one, (_, said) in zip(found, rows, strict=True)], now)
    return found


def with_text(new: NewFeedback, text: str) -> NewFeedback:
    """The same feedback after its author edited it."""
    return replace(new, text=text)


def a_webhook(
    connection: Connection, workspace_id: str, *, vault: Vault, name: str = "on call", url: str = "https://example.com/hook",
    signing_secret: str = "whsec_test", now: datetime = NOW,
) -> Channel:  # fmt: skip
    """A channel of the kind webhook."""
    return create_channel(
        connection, workspace_id, name=name, kind="webhook", target=url, secrets={"url": url, "signing_secret": signing_secret}, now=now,
        vault=vault,
    )  # fmt: skip
