"""What `koe evaluate` prints: answers against labels, over all rows, by language and by any other field."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from models.evaluation.metrics import binary_f1, expected_calibration_error, interval_of_macro_f1, macro_f1, micro_f1, share

Figure = float | tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Judged:
    """One row: its labels where known, and the model's answers. `confidence` is the sentiment's; `group` is what rows are told apart by."""

    language: str
    sentiment: str | None
    predicted_sentiment: str
    confidence: float
    abstained: bool
    topics: frozenset[str] | None = None
    predicted_topics: frozenset[str] = frozenset()
    complaint: bool | None = None
    predicted_complaint: bool = False
    topic_confidences: Mapping[str, float] = field(default_factory=dict)
    topic_sentiments: Mapping[str, str] = field(default_factory=dict)
    predicted_topic_sentiments: Mapping[str, str] = field(default_factory=dict)
    complaint_confidence: float = 1.0
    emotions: frozenset[str] | None = None
    predicted_emotion: str | None = None
    emotion_confidence: float = 1.0
    group: str = ""


@dataclass(frozen=True, slots=True)
class SentimentScore:
    """`macro_f1` over the labels that occur, with its 95 % interval; `coverage` is the share of rows answered without abstaining."""

    rows: int
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    accuracy: float
    calibration_error: float
    coverage: float
    answered_accuracy: float


@dataclass(frozen=True, slots=True)
class TopicScore:
    """`calibration_error` is of the topics that were told; `sentiment_accuracy` of those told rightly whose sentiment is labelled."""

    rows: int
    micro_f1: float
    calibration_error: float | None
    sentiment_rows: int
    sentiment_accuracy: float | None


@dataclass(frozen=True, slots=True)
class ComplaintScore:
    """`precision` is None where no complaint was told, `recall` where there is none."""

    rows: int
    precision: float | None
    recall: float | None
    f1: float
    calibration_error: float


@dataclass(frozen=True, slots=True)
class EmotionScore:
    """A row may have several emotions, and any of them is right; macro-F1 over those that occur."""

    rows: int
    macro_f1: float
    accuracy: float
    calibration_error: float


@dataclass(frozen=True, slots=True)
class Score:
    """The score card of some rows; None for a task that none of them is labelled for. All scores in [0, 1]."""

    name: str
    rows: int
    sentiment: SentimentScore | None
    topics: TopicScore | None
    complaint: ComplaintScore | None
    emotion: EmotionScore | None

    def figures(self) -> dict[str, Figure]:
        """Every figure under one flat name; None (or no rows) where nothing was labelled for it."""
        return {
            **_flat("", SentimentScore, self.sentiment),
            **_flat("topic_", TopicScore, self.topics),
            **_flat("complaint_", ComplaintScore, self.complaint),
            **_flat("emotion_", EmotionScore, self.emotion),
            "sentiment_rows": self.sentiment.rows if self.sentiment else 0,
            "rows": self.rows,
        }


def _flat(prefix: str, kind: type, score: object) -> dict[str, Figure]:
    absent = {one.name: 0 if one.name.endswith("rows") else None for one in fields(kind)}
    return {prefix + name: getattr(score, name) if score else nothing for name, nothing in absent.items()}


@dataclass(frozen=True, slots=True)
class Report:
    """The score card of all rows, of each language, and of each value of the field that rows were told apart by."""

    total: Score
    languages: tuple[Score, ...]
    groups: tuple[Score, ...]

    @property
    def mean_macro_f1(self) -> float | None:
        """The mean of the languages' macro-F1 of sentiment, each counting the same."""
        scores = [one.sentiment.macro_f1 for one in self.languages if one.sentiment]
        return sum(scores) / len(scores) if scores else None


def evaluate(judged: Sequence[Judged]) -> Report:
    """The report of at least one row; ValueError for none."""
    if not judged:
        raise ValueError("nothing to evaluate: no row with text and a label")
    return Report(
        total=_score("all", judged),
        languages=_by(judged, lambda row: row.language),
        groups=_by([row for row in judged if row.group], lambda row: row.group),
    )


def _by(judged: Sequence[Judged], key: Callable[[Judged], str]) -> tuple[Score, ...]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for row in judged:
        groups[key(row)].append(row)
    return tuple(_score(name, rows) for name, rows in sorted(groups.items()))


def _score(name: str, rows: Sequence[Judged]) -> Score:
    return Score(
        name=name,
        rows=len(rows),
        sentiment=_sentiment([row for row in rows if row.sentiment is not None]),
        topics=_topics([row for row in rows if row.topics is not None]),
        complaint=_complaint([row for row in rows if row.complaint is not None]),
        emotion=_emotion([row for row in rows if row.emotions and row.predicted_emotion]),
    )


def _sentiment(rows: Sequence[Judged]) -> SentimentScore | None:
    if not rows:
        return None
    gold, told = [str(row.sentiment) for row in rows], [row.predicted_sentiment for row in rows]
    right = [one == other for one, other in zip(gold, told, strict=True)]
    return SentimentScore(
        rows=len(rows),
        macro_f1=macro_f1(gold, told),
        macro_f1_interval=interval_of_macro_f1(gold, told),
        accuracy=share(right),
        calibration_error=expected_calibration_error([row.confidence for row in rows], right),
        coverage=share(not row.abstained for row in rows),
        answered_accuracy=share(hit for hit, row in zip(right, rows, strict=True) if not row.abstained),
    )


def _topics(rows: Sequence[Judged]) -> TopicScore | None:
    if not rows:
        return None
    told = [(row.topic_confidences[topic], topic in (row.topics or ())) for row in rows for topic in row.topic_confidences]
    sentiments = [
        row.predicted_topic_sentiments[topic] == gold
        for row in rows
        for topic, gold in row.topic_sentiments.items()
        if topic in row.predicted_topic_sentiments
    ]
    return TopicScore(
        rows=len(rows),
        micro_f1=micro_f1([row.topics or frozenset() for row in rows], [row.predicted_topics for row in rows]),
        calibration_error=expected_calibration_error([one for one, _ in told], [right for _, right in told]) if told else None,
        sentiment_rows=len(sentiments),
        sentiment_accuracy=share(sentiments) if sentiments else None,
    )


def _complaint(rows: Sequence[Judged]) -> ComplaintScore | None:
    if not rows:
        return None
    gold, told = [bool(row.complaint) for row in rows], [row.predicted_complaint for row in rows]
    right = [one == other for one, other in zip(gold, told, strict=True)]
    return ComplaintScore(
        rows=len(rows),
        precision=share(one for one, other in zip(gold, told, strict=True) if other) if any(told) else None,
        recall=share(other for one, other in zip(gold, told, strict=True) if one) if any(gold) else None,
        f1=binary_f1(gold, told),
        calibration_error=expected_calibration_error([row.complaint_confidence for row in rows], right),
    )


def _emotion(rows: Sequence[Judged]) -> EmotionScore | None:
    if not rows:
        return None
    told = [str(row.predicted_emotion) for row in rows]
    # Where none of a row's emotions was told, the first of them was missed.
    gold = [one if one in (row.emotions or ()) else min(row.emotions or ()) for one, row in zip(told, rows, strict=True)]
    right = [one == other for one, other in zip(gold, told, strict=True)]
    return EmotionScore(
        rows=len(rows),
        macro_f1=macro_f1(gold, told),
        accuracy=share(right),
        calibration_error=expected_calibration_error([row.emotion_confidence for row in rows], right),
    )
