"""The shapes of the public contract that several calls share: what leaves is copied from records, what comes is checked here first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from core.errors import InvalidInput
from core.times import parse_time
from nlp.topics import Taxonomy
from store.records import WEEKDAYS, EmotionLabel, KeyScope, Kind, Measure, Sentiment, Weekday
from store.rules import DEFAULT_LEAST, DEFAULT_WINDOW_MINUTES

CLOCK = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Id = Annotated[str, StringConstraints(max_length=20)]
Moment = Annotated[str, StringConstraints(max_length=40)]


class Body(BaseModel):
    """What comes in: strict types, no unknown members, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Out(BaseModel):
    """What goes out, read from the attributes of a record."""

    model_config = ConfigDict(from_attributes=True)


class Fault(BaseModel):
    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = None
    scope: KeyScope | None = None
    instance: str | None = None


class LanguageOut(Out):
    code: str
    confidence: float


class ScoresOfSentiment(Out):
    negative: float
    neutral: float
    positive: float


class SentimentOut(Out):
    label: Sentiment
    confidence: float
    scores: dict[Sentiment, float]
    abstained: bool


class SpanOut(Out):
    """Code points [start, end) of the text as it was given."""

    start: int
    end: int


class TopicMentionOut(Out):
    id: str
    confidence: float
    sentiment: Sentiment
    evidence: list[SpanOut]


class ComplaintOut(Out):
    label: bool
    confidence: float


class EmotionOut(Out):
    label: EmotionLabel
    confidence: float


class AnnotationOut(Out):
    language: LanguageOut
    sentiment: SentimentOut
    topics: list[TopicMentionOut]
    complaint: ComplaintOut
    emotion: EmotionOut | None = Field(default=None, description="Null where the model tells none.")
    model: str
    taxonomy: str


class AuthorShape(Out):
    id: str | None = None
    name: str | None = None
    followers: int | None = None


class RatingShape(Out):
    value: float
    scale: float


class ScoresShape(Out):
    nps: float | None = None
    csat: float | None = None
    ces: float | None = None


class FeedbackOut(Out):
    id: str
    text: str
    created_at: datetime
    received_at: datetime
    revision: int
    source: str
    external_id: str
    title: str | None
    author: AuthorShape | None
    url: str | None
    language: str | None = Field(description="As it was sent; what the model found is in the annotation.")
    country: str | None
    kind: Kind
    rating: RatingShape | None
    scores: ScoresShape | None
    question: str | None
    product: str | None
    attributes: dict[str, str]
    parent_id: str | None
    annotation: AnnotationOut | None = Field(default=None, description="null while it waits for the model.")
    error: str | None = Field(default=None, description="Why it could not be annotated.")


class TopicCorrectionOut(Out):
    id: str
    present: bool
    sentiment: Sentiment | None


class LabelsOut(Out):
    """null, and topics that are not named: nothing was said of them."""

    sentiment: Sentiment | None
    complaint: bool | None
    language: str | None
    topics: list[TopicCorrectionOut]


class CorrectionOut(Out):
    id: str
    feedback_id: str
    revision: int = Field(description="Of the text that was corrected; another revision is another text.")
    at: datetime
    actor: str
    labels: LabelsOut
    before: LabelsOut = Field(description="What was said of the same things until then.")


class ScopeShape(Body):
    """What is counted; what is left out is not narrowed."""

    model_config = ConfigDict(extra="forbid", strict=True, from_attributes=True)

    brand: str | None = Field(default=None, description="Id of a brand.")
    topic: str | None = Field(default=None, description="Id of a topic of GET /v1/taxonomy.")
    source: str | None = None
    language: str | None = None
    attributes: dict[str, str] = Field(default_factory=dict, description="Only dimensions of the workspace.")


class HoursShape(Body):
    """Hours of the week on the clocks of the rule's time zone."""

    model_config = ConfigDict(extra="forbid", strict=True, from_attributes=True)

    days: list[Weekday] = Field(default_factory=lambda: list(WEEKDAYS), min_length=1, max_length=7)
    start: str = Field(default="00:00", pattern=CLOCK, examples=["08:00"])
    end: str = Field(default="24:00", pattern=CLOCK, examples=["20:00"], description="Before `start`: on the day after.")


class RuleFields(Body):
    measure: Measure = Field(
        default="negative",
        description="Numbers of negative feedback, of complaints, of all feedback (volume); the share that is negative; a source that is "
        "silent, or changes shape.",
    )
    scope: ScopeShape = Field(default_factory=ScopeShape)
    split_by: list[str] = Field(default_factory=list, max_length=2, description="One series is watched for each value: topic, source, ...")
    only: dict[str, list[str]] = Field(default_factory=dict, description="Of a dimension of `split_by`, only these values.")
    window_minutes: int = Field(default=DEFAULT_WINDOW_MINUTES, description="A multiple of 5 that divides a day.")
    windows: list[int] = Field(
        default_factory=list,
        max_length=8,
        description="Minutes of the windows that are looked at, ascending, up to 1440; when left out 15, 60, 180 and 720.",
    )
    budget: float | None = Field(
        default=None, ge=0.01, le=100, description="False pages a week that it may cost; when left out, its part of the workspace's."
    )
    sensitivity: float | None = Field(
        default=None, gt=0, le=0.1, description="Instead of a budget: the p-value below which a count is a surge."
    )
    threshold: float | None = Field(
        default=None, gt=0, le=1e9, description="Instead of both: a plain number that pages; of `share` between 0 and 1."
    )
    timezone: str | None = Field(default=None, max_length=60, description="Whose hours and weekdays count; the workspace's when left out.")
    country: str | None = Field(default=None, max_length=10, description="Whose holidays count; the workspace's when left out.")
    schedule: list[HoursShape] = Field(default_factory=list, max_length=14, description="When alerts may open; always when left out.")
    least: int = Field(default=DEFAULT_LEAST, ge=1, le=1_000_000, description="Fewer than so many in a window never alert.")


def read_moment(text: str | None, field: Literal["from", "to"]) -> datetime | None:
    """A time of the query string. A `+` that was not escaped arrives as a space, and is meant as `+`."""
    if text is None:
        return None
    return parse_time(text.replace(" ", "+") if "T" in text else text, field=field)


def read_stretch(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """`from` and `to`. Raises InvalidInput when they are no times, or in the wrong order."""
    first, last = read_moment(since, "from"), read_moment(until, "to")
    if first is not None and last is not None and first >= last:
        raise InvalidInput("from must be before to", field="from")
    return first, last


def check_topic(topic: str | None, taxonomy: Taxonomy, field: str = "topic") -> None:
    """Raises InvalidInput naming the topics there are."""
    known = [one.id for one in taxonomy.topics]
    if topic is not None and topic not in known:
        raise InvalidInput(f"unknown topic {topic[:40]!r}; valid are {', '.join(known)}", field=field)


def problems(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The OpenAPI entry of the errors that a call can answer with."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": MEANINGS[status], "content": content} for status in sorted(statuses)}


MEANINGS: Mapping[int, str] = {
    401: "No key, or an unknown one",
    403: "The key lacks the scope of this call; `scope` names it",
    404: "No such thing in this workspace",
    409: "Clashes with what is stored",
    413: "The body is larger than this call takes",
    415: "A media type that is not read here",
    422: "Not valid; `errors` names each field and says what would be",
    429: "Too many texts wait for the model; Retry-After says when to come again",
    503: "The database or the model is not there yet; Retry-After says when to come again",
}
EVERY_CALL = (401, 403, 422, 503)
"""What any call below /v1 can answer."""
