"""One frozen dataclass per stage of the flow; nothing else crosses a package border."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Literal

Sentiment = Literal["negative", "neutral", "positive"]
SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
EmotionLabel = Literal["anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral"]
EMOTIONS: tuple[EmotionLabel, ...] = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")
Kind = Literal["review", "survey", "social", "support", "chat", "email", "other"]
KINDS: tuple[Kind, ...] = ("review", "survey", "social", "support", "chat", "email", "other")
Measure = Literal["negative", "complaint", "volume", "share", "silence", "shape"]
MEASURES: tuple[Measure, ...] = ("negative", "complaint", "volume", "share", "silence", "shape")
"""What a rule watches: how much is negative, a complaint, or said at all; the share that is negative; whether a source is silent."""
KeyScope = Literal["classify", "ingest", "read", "manage", "admin"]
KEY_SCOPES: tuple[KeyScope, ...] = ("classify", "ingest", "read", "manage", "admin")
LONGEST_TEXT = 20_000
"""Code points; a longer text is rejected at the door."""


# --- what comes in ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Author:
    id: str | None = None
    name: str | None = None
    followers: int | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    value: float
    scale: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Survey scores: nps 0-10, csat 1-5, ces 1-7."""

    nps: float | None = None
    csat: float | None = None
    ces: float | None = None


@dataclass(frozen=True, slots=True)
class NewFeedback:
    """One customer text on its way into the store; `external_id` None asks the store for a fresh one.

    `dated` False: nobody said when it was written, and `created_at` is when it came. The same text coming again keeps its first time.
    """

    text: str
    created_at: datetime
    source: str = "api"
    external_id: str | None = None
    title: str | None = None
    author: Author | None = None
    url: str | None = None
    language: str | None = None
    country: str | None = None
    kind: Kind = "other"
    rating: Rating | None = None
    scores: Scores | None = None
    question: str | None = None
    product: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    parent_id: str | None = None
    dated: bool = True


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was refused; `line` counts from 1 and is the line (or record) of the file or request.

    `file`: which one, where there are several. What `reason` takes from a row, it has in quotes.
    """

    line: int
    reason: str
    field: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one row that was accepted. `erased`: it was erased on request before, so it was not stored, and `id` is empty."""

    id: str
    status: Literal["created", "updated", "unchanged", "erased"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """A stored customer text. `live` = it came as it was written, not as history; only live rows may page."""

    id: str
    workspace_id: str
    revision: int
    text: str
    created_at: datetime
    received_at: datetime
    source: str
    external_id: str
    title: str | None
    author: Author | None
    url: str | None
    language: str | None
    country: str | None
    kind: Kind
    rating: Rating | None
    scores: Scores | None
    question: str | None
    product: str | None
    attributes: Mapping[str, str]
    parent_id: str | None
    live: bool


@dataclass(frozen=True, slots=True)
class EarlierText:
    """The beginning of what an author wrote before; `language` is what its sender said."""

    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What tells how an author usually speaks: `earlier` texts, newest first, and the language that the source was configured with."""

    earlier: tuple[EarlierText, ...] = ()
    source_language: str | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """A text that an edit replaced at `replaced_at`; the newest text is in the feedback itself."""

    revision: int
    text: str
    replaced_at: datetime


# --- what the model says ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """Code points [start, end) of the text as given."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Language:
    """`code` is ISO 639-1 (639-3 where there is none), or `und`; `confidence` 0 to 1."""

    code: str
    confidence: float


@dataclass(frozen=True, slots=True)
class SentimentScore:
    """`scores` adds up to 1; `abstained` = too unsure to be relied on."""

    label: Sentiment
    confidence: float
    scores: Mapping[Sentiment, float]
    abstained: bool


@dataclass(frozen=True, slots=True)
class TopicMention:
    """A topic the text speaks of, how it speaks of it, and where."""

    id: str
    confidence: float
    sentiment: Sentiment
    evidence: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Complaint:
    label: bool
    confidence: float


@dataclass(frozen=True, slots=True)
class Emotion:
    """The likeliest of EMOTIONS, and its probability."""

    label: EmotionLabel
    confidence: float


@dataclass(frozen=True, slots=True)
class Embedding:
    """What a text means, as a direction of signed bytes; to be compared with directions of the same `space` alone."""

    space: str
    direction: bytes


@dataclass(frozen=True, slots=True)
class Annotation:
    """What the model says of one text; bears the versions of model and taxonomy.

    `emotion` and `embedding` are None where the model tells none; the embedding is not loaded with the rest either.
    """

    language: Language
    sentiment: SentimentScore
    topics: tuple[TopicMention, ...]
    complaint: Complaint
    model: str
    taxonomy: str
    emotion: Emotion | None = None
    embedding: Embedding | None = None


@dataclass(frozen=True, slots=True)
class TopicCorrection:
    """`present` False: the text does not speak of it. `sentiment` None: as the model says, else as the whole text."""

    id: str
    present: bool = True
    sentiment: Sentiment | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """What a human says of a text; None, and a topic that is not named, is left to the model."""

    sentiment: Sentiment | None = None
    complaint: bool | None = None
    language: str | None = None
    topics: tuple[TopicCorrection, ...] = ()


@dataclass(frozen=True, slots=True)
class Correction:
    """A human's word against an annotation: who said it, when, and of which revision of the text. `before` is what was said until then."""

    id: str
    feedback_id: str
    revision: int
    at: datetime
    actor: str
    labels: Labels
    before: Labels


@dataclass(frozen=True, slots=True)
class CorrectedText:
    """A text, and a correction of it."""

    text: str
    correction: Correction


@dataclass(frozen=True, slots=True)
class CorrectionPage:
    """Newest first. `next` asks for the page after; None = there is none."""

    rows: tuple[CorrectedText, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class StoredAdaptation:
    """Heads that a workspace fitted, as nlp writes and reads them. `number` counts those of the workspace; `weights` names the shared
    model that they belong to and are of use with alone; `digest` is the SHA-256 of `content`."""

    number: int
    weights: str
    content: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class CustomTopic:
    """A topic that a workspace defined: words for people by language, and texts that speak of it."""

    id: str
    parent: str | None
    name: tuple[tuple[str, str], ...]
    description: tuple[tuple[str, str], ...]
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkspaceTaxonomy:
    """What a workspace changed of the taxonomy: topics of its own, and built-in ones that it hides. `number` counts its changes."""

    number: int
    topics: tuple[CustomTopic, ...] = ()
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What came of refitting one task. `before` and `after` are F1, 0 to 1, of rows held out (None where it was not tried), and `certainty`
    is how sure the difference is; errors are those of calibration. `taken`: the refitted head takes effect; `reason` says why, or why not.
    """

    task: str
    rows: int
    taken: bool
    reason: str
    before: float | None = None
    after: float | None = None
    certainty: float | None = None
    error_before: float | None = None
    error_after: float | None = None


@dataclass(frozen=True, slots=True)
class AdaptationEntry:
    """One adaptation in the list of a workspace's."""

    number: int
    weights: str
    created_at: datetime
    undone_at: datetime | None
    reports: tuple[TaskReport, ...]


@dataclass(frozen=True, slots=True)
class StoredWorkspaceModel:
    """What one workspace adds to a shared model, as it is stored; nlp opens it."""

    adaptation: StoredAdaptation | None = None
    taxonomy: WorkspaceTaxonomy | None = None


ReannotationState = Literal["asked", "running", "counting", "done", "stopped"]


@dataclass(frozen=True, slots=True)
class Reannotation:
    """The newest decision of a workspace to have older annotations replaced by those of `versions`, a model and a taxonomy.

    asked: no worker has said yet which model it has; running; counting: all is annotated, and waits to be counted; done; stopped.
    `since`: only feedback written from then on. `begun_at`: when this model began, with the newest feedback.
    """

    workspace_id: str
    state: ReannotationState
    versions: tuple[str, str] | None
    since: datetime | None
    asked_at: datetime
    begun_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class AnnotatedBy:
    """How many texts bear annotations of one model and taxonomy."""

    model: str
    taxonomy: str
    texts: int


@dataclass(frozen=True, slots=True)
class ReannotationProgress:
    """How far a workspace is. `versions`: the model and taxonomy that it should be of, None before the first annotation.

    outdated: texts annotated by another; waiting: those of them that are to be annotated again; done: so many were, since it began or was
    asked for, `per_second` on average (None where nothing runs); failed: those that the model cannot take.
    """

    latest: Reannotation | None
    versions: tuple[str, str] | None
    annotated: tuple[AnnotatedBy, ...]
    outdated: int
    waiting: int
    done: int
    failed: int
    per_second: float | None


@dataclass(frozen=True, slots=True)
class AnnotatedFeedback:
    """A stored text with its annotation, or None while it waits (`error` says why it could not be annotated)."""

    feedback: Feedback
    annotation: Annotation | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class FeedbackQuery:
    """Which feedback to list; None = any. `since` is inside, `until` outside; `brand` is an id, `q` is written like a brand's query.

    `cursor` is the `next` of the page before.
    """

    brand: str | None = None
    q: str | None = None
    sentiment: Sentiment | None = None
    topic: str | None = None
    language: str | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    complaint: bool | None = None
    emotion: EmotionLabel | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class FeedbackPage:
    """Newest first. `next` asks for the page after this one, which may be empty; None = there is none."""

    rows: tuple[AnnotatedFeedback, ...]
    next: str | None


# --- tenants and what they configure ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Workspace:
    """`dimensions`: names of attributes that trends can be grouped by. `timezone`, `country`: whose days and holidays count.
    `budget`: how often it may be paged for nothing, in pages a week, by all of its rules together."""

    id: str
    name: str
    dimensions: tuple[str, ...]
    created_at: datetime
    timezone: str = "UTC"
    country: str | None = None
    budget: float = 1.0


@dataclass(frozen=True, slots=True)
class Key:
    id: str
    workspace_id: str
    name: str
    prefix: str
    scopes: tuple[KeyScope, ...]
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Brand:
    """A saved boolean query in Lucene syntax, ours or a competitor's."""

    id: str
    name: str
    query: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BrandCounts:
    """Which counts of a brand its present query made: those from `since` on, None = all. `change`: number of its last change;
    `changed_at`: when its query became what it is."""

    change: int | None
    since: datetime | None
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class SourceStatus:
    last_pull_at: datetime | None
    last_success_at: datetime | None
    last_error: str | None
    failures: int
    stored: int


@dataclass(frozen=True, slots=True)
class Source:
    """A configured connector. `options` are the connector's own settings; `cursor` is the connector's own text."""

    id: str
    workspace_id: str
    name: str
    connector: str
    options: Mapping[str, str]
    every_seconds: int
    enabled: bool
    cursor: str | None
    next_pull_at: datetime
    created_at: datetime
    status: SourceStatus


@dataclass(frozen=True, slots=True)
class Import:
    """An uploaded file on its way in. `mapping`: column of the file -> field of feedback, `attributes.x`, or '' for ignored."""

    id: str
    workspace_id: str
    filename: str
    source: str
    state: Literal["uploading", "queued", "running", "done", "failed"]
    mapping: Mapping[str, str]
    bytes_total: int
    rows_read: int
    created: int
    updated: int
    unchanged: int
    erased: int
    rejected: int
    rejects: tuple[RejectedRow, ...]
    error: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """One setting of a connector, described as data so that the API and the command line can show and check it.

    `receives_secrets`: the secret ones are sent to the address that it names.
    """

    name: str
    description: str
    required: bool = False
    secret: bool = False
    default: str | None = None
    example: str | None = None
    receives_secrets: bool = False


@dataclass(frozen=True, slots=True)
class ConnectorSpec:
    """What a connector is called and needs. `check` raises InvalidInput (field = name of the option) on options it cannot work with."""

    name: str
    description: str
    options: tuple[OptionSpec, ...]
    every_seconds: int
    check: Callable[[Mapping[str, str]], None]


# --- counts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scope:
    """What a count is of; None = any. `attributes` names dimensions of the workspace."""

    brand: str | None = None
    topic: str | None = None
    source: str | None = None
    language: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counts:
    """Feedback in one cell. `effective` counts reposts once. For a topic, sentiment is the topic's own."""

    count: int = 0
    effective: int = 0
    negative: int = 0
    neutral: int = 0
    positive: int = 0
    complaint: int = 0


@dataclass(frozen=True, slots=True)
class TrendRow:
    """One bucket and group: `group` maps dimension -> value, in the order asked for."""

    start: datetime
    group: Mapping[str, str]
    count: int
    effective: int
    negative: int

    @property
    def negative_share(self) -> float:
        return self.negative / self.count if self.count else 0.0


Interval = Literal["5m", "1h", "1d"]
INTERVALS: tuple[Interval, ...] = ("5m", "1h", "1d")


@dataclass(frozen=True, slots=True)
class TrendQuery:
    """Counts per `interval` and per value of each dimension in `group`, of the feedback that has the values of `filters`.

    Names: sentiment, topic, source, language, brand (its id), attributes.<a dimension of the workspace>. Buckets from the one that holds
    `since` to the last that starts before `until`.
    """

    interval: Interval
    since: datetime
    until: datetime
    group: tuple[str, ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict)
    limit: int = 1000
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class TrendPage:
    """Ordered by start, then by the values of the group; empty buckets left out. `next` asks for the page after; None = there is none."""

    rows: tuple[TrendRow, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Shape:
    """What a source brought in one stretch of time, as it was written: how many rows, and how they divide.

    `repeats`: rows whose words came within the day before. `lengths`: by the least number of characters of their class.
    """

    rows: int = 0
    repeats: int = 0
    languages: Mapping[str, int] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)


# --- surges ----------------------------------------------------------------------------------------------------------


BudgetFrom = Literal["sensitivity", "rule", "workspace"]


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of a week on a clock: from `start` to `end` ("08:00", "24:00") of the `days`, 0 = Monday."""

    days: tuple[int, ...]
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class RuleOptions:
    """What a rule may say beside what it watches.

    budget_from: where its sensitivity comes from: given ("sensitivity"), from the rule's own `budget` of false pages a week, or from its
    part of the workspace's. threshold: a plain number that pages (a share for shares), whatever is usual. windows: minutes of the windows
    that are looked at, ascending; () for the usual ones. timezone, country: as of the workspace when None. schedule: when alerts may open;
    () for always. only: dimension of `split_by` -> the values that are watched.
    """

    budget_from: BudgetFrom = "sensitivity"
    budget: float | None = None
    threshold: float | None = None
    windows: tuple[int, ...] = ()
    timezone: str | None = None
    country: str | None = None
    schedule: tuple[Hours, ...] = ()
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often a rule would have paged. `budget`: pages a week it may have cost; `series`: how many it watched; `sensitivity`: the
    p-value that follows; `pages`: in `weeks` of the past."""

    at: datetime
    budget: float
    sensitivity: float
    series: int
    weeks: float
    pages: int


@dataclass(frozen=True, slots=True)
class Rule:
    """What a workspace wants to hear of. One series is watched per combination of the values of `split_by` inside `scope`.

    `sensitivity`: a finding needs a p-value below it; `least`: and at least so many in the window; `window_minutes`: 60 by default.
    `looked_at`: the present of the latest look.
    """

    id: str
    workspace_id: str
    name: str
    measure: Measure
    scope: Scope
    split_by: tuple[str, ...]
    window_minutes: int
    sensitivity: float
    least: int
    channels: tuple[str, ...]
    enabled: bool
    created_at: datetime
    options: RuleOptions = field(default_factory=RuleOptions)
    calibration: Calibration | None = None
    looked_at: datetime | None = None


AlertState = Literal["open", "acknowledged", "snoozed", "resolved"]
ALERT_STATES: tuple[AlertState, ...] = ("open", "acknowledged", "snoozed", "resolved")
AlertEvent = Literal["opened", "reopened", "extended", "acknowledged", "unacknowledged", "snoozed", "woken", "resolved"]
"""What can become of an alert. `extended`: it became more severe; `woken`: its snooze ended while the surge went on."""
Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
"""Quietest first."""


@dataclass(frozen=True, slots=True)
class TopicShare:
    """How much of an observed count speaks of one topic."""

    topic: str
    count: int


@dataclass(frozen=True, slots=True)
class AlertFigures:
    """What a surge looks like at one moment. `window_minutes`: how far back `observed` counts. `why`: the arithmetic, as JSON."""

    severity: Severity
    window_minutes: int
    observed: int
    expected: float
    interval: tuple[float, float]
    p_value: float
    top_topics: tuple[TopicShare, ...]
    summary: str
    why: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """`total`: of a share, how many texts there were in all."""

    id: str
    workspace_id: str
    rule_id: str
    rule_name: str
    state: AlertState
    severity: Severity
    started_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    measure: Measure
    scope: Scope
    window_minutes: int
    observed: int
    expected: float
    interval: tuple[float, float]
    p_value: float
    top_topics: tuple[TopicShare, ...]
    summary: str
    snoozed_until: datetime | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of an alert: what, who, when and why.

    `actor`: a key, "detector", "rule" or "clock"; `by`: the name that the caller gave. Of one workspace a later change has a greater id.
    """

    id: str
    alert_id: str
    at: datetime
    event: AlertEvent
    from_state: AlertState | None
    to_state: AlertState
    actor: str
    by: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class AlertQuery:
    """Which alerts to list; None = any. They began at or after `since` and before `until`; `brand` and `rule` are ids."""

    state: AlertState | None = None
    severity: Severity | None = None
    brand: str | None = None
    rule: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SimilarAlert:
    """An earlier alert of the same measure and scope, with who ended it and why; None while it lasts."""

    id: str
    severity: Severity
    started_at: datetime
    ended_at: datetime | None
    observed: int
    expected: float
    ended_by: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Newest first. `next` asks for the page after; None = there is none."""

    rows: tuple[Alert, ...]
    next: str | None


ChannelKind = Literal["webhook", "pagerduty", "slack", "email", "apprise"]
CHANNEL_KINDS: tuple[ChannelKind, ...] = ("webhook", "pagerduty", "slack", "email", "apprise")
ChannelLanguage = Literal["en", "ja"]
HealthState = Literal["unused", "ok", "failing", "broken"]
REFUSALS_THAT_BREAK = 3
"""Once may be a slip of the receiver; a channel that refuses three times in a row needs somebody to look at it."""


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """How deliveries to a channel fare. `failures` and `refusals` count since the last success; a refusal is a
    failure that repeating cannot help."""

    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    failures: int = 0
    refusals: int = 0
    reason: str | None = None

    @property
    def state(self) -> HealthState:
        if self.refusals >= REFUSALS_THAT_BREAK:
            return "broken"
        if self.failures:
            return "failing"
        return "unused" if self.last_success_at is None else "ok"


@dataclass(frozen=True, slots=True)
class Channel:
    """Where alerts go, and how they are written there.

    `target` is shown without its secret parts, `options` are those that are no secret, `secrets` the names of the sealed ones.
    """

    id: str
    workspace_id: str
    name: str
    kind: ChannelKind
    target: str
    options: Mapping[str, object]
    secrets: tuple[str, ...]
    language: ChannelLanguage
    time_zone: str
    include_quotes: bool
    enabled: bool
    created_at: datetime
    last_error: str | None
    health: ChannelHealth


DeliveryEvent = Literal[
    "alert.opened", "alert.reopened", "alert.extended", "alert.escalated", "alert.repeated", "alert.acknowledged", "alert.unacknowledged",
    "alert.snoozed", "alert.woken", "alert.resolved", "channel.test",
]  # fmt: skip
"""What a channel hears. `escalated`: nobody acknowledged what others heard before; `repeated`: nor did whoever hears it again."""
DeliveryState = Literal["pending", "delivered", "dead"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One change of one alert on its way to one channel; `event_id` is the same on every attempt.

    `answer`: what the receiver said last; `receipt`: its own name for the message it took; `resent_at`: somebody sent it again.
    """

    id: str
    workspace_id: str
    event_id: str
    channel_id: str
    alert_id: str | None
    event: DeliveryEvent
    payload: str
    attempts: int
    next_attempt_at: datetime
    state: DeliveryState
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None
    answer: str | None
    receipt: str | None
    resent_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Newest first. `next` asks for the page after; None = there is none."""

    rows: tuple[Delivery, ...]
    next: str | None


# --- who is told of alerts, and when ---------------------------------------------------------------------------------

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label of an alert: `=` any of the values, `!=` none of them. The empty text stands for what is left open."""

    name: str
    op: Literal["=", "!="]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that meet all matchers are opened and shown from `starts_at` until before `ends_at`, and tell nobody."""

    id: str
    workspace_id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    author: str
    comment: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an unresolved alert meets `source`, those that meet `target` and agree with it in the labels `equal` tell nobody."""

    id: str
    workspace_id: str
    name: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PolicyStep:
    """Whom to tell when nobody has acknowledged `after_minutes` after the alert was told first: channels, and who is on call then."""

    after_minutes: int
    channels: tuple[str, ...]
    schedules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """An escalation policy, for the alerts that meet its matchers and no policy before it (by `position`, then by age).

    `group_by`: labels that alerts of one notification share; None = each alert by itself. `repeat_minutes`: None = never again.
    """

    id: str
    workspace_id: str
    name: str
    position: int
    matchers: tuple[Matcher, ...]
    steps: tuple[PolicyStep, ...]
    repeat_minutes: int | None
    group_by: tuple[str, ...] | None
    group_wait_seconds: int
    group_interval_minutes: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Override:
    """A channel that is on call instead, from `starts_at` until before `ends_at`."""

    id: str
    channel: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """Channels that take turns; the first turn begins on the local day `starts_on` at the local time `handover`."""

    id: str
    workspace_id: str
    name: str
    time_zone: str
    turn: Literal["daily", "weekly"]
    handover: time
    starts_on: date
    rotation: tuple[str, ...]
    overrides: tuple[Override, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Shift:
    """Who is on call, and how long; `override`: by which one."""

    channel: str
    since: datetime
    until: datetime
    override: str | None


@dataclass(frozen=True, slots=True)
class QuietWindow:
    """From `start` on each of `days` until `end` of the same day, or of the next where that is no later."""

    days: tuple[Weekday, ...]
    start: time
    end: time


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When a channel sleeps. A page waits for the end, unless one of `pass_to` is awake and hears it instead.

    `breaks_through`: from this severity on it is told all the same; None = never.
    """

    channel: str
    time_zone: str
    windows: tuple[QuietWindow, ...]
    breaks_through: Severity | None
    pass_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Alerts that channels hear of as one, and how far that got. The first of them, `lead`, is the one the receiver knows it by.

    `event`: what a channel hears first; `step`: how many steps of the policy were told; `told_at`: when something was told last;
    `news_at`: when that was more than a step, a repeat or the end of a night.
    """

    id: str
    workspace_id: str
    policy: str | None
    lead: str
    event: DeliveryEvent
    opened_at: datetime
    step: int
    step_due_at: datetime | None
    told_at: datetime | None
    closed_at: datetime | None
    news_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What one channel knows of a group: since when it knows of it, and until when a page for it waits."""

    channel: str
    heard_at: datetime | None
    waits_until: datetime | None
