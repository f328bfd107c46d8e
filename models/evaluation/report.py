"""What `koe evaluate` prints: answers against labels, over all rows and by language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from models.evaluation.metrics import binary_f1, expected_calibration_error, macro_f1, micro_f1, share


@dataclass(frozen=True, slots=True)
class Judged:
    """One row: its labels where known, and the model's answers. `confidence` is that of the sentiment."""

    language: str
    sentiment: str
    predicted_sentiment: str
    confidence: float
    abstained: bool
    topics: frozenset[str] | None = None
    predicted_topics: frozenset[str] = frozenset()
    complaint: bool | None = None
    predicted_complaint: bool = False


@dataclass(frozen=True, slots=True)
class LanguageScore:
    """Sentiment in one language: rows, macro-F1 and accuracy, each in [0, 1]."""

    language: str
    rows: int
    macro_f1: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Report:
    """All scores in [0, 1]; topic and complaint scores are None where no row bears such labels.

    `macro_f1` is over all rows together, `mean_macro_f1` the mean of the languages', each counting the same.
    `coverage` is the share of rows answered without abstaining, `answered_accuracy` the accuracy on those.
    """

    rows: int
    languages: tuple[LanguageScore, ...]
    macro_f1: float
    mean_macro_f1: float
    accuracy: float
    calibration_error: float
    coverage: float
    answered_accuracy: float
    topic_rows: int
    topic_micro_f1: float | None
    complaint_rows: int
    complaint_f1: float | None


def evaluate(judged: Sequence[Judged]) -> Report:
    """The report of at least one row; ValueError for none."""
    if not judged:
        raise ValueError("nothing to evaluate: no row with text and sentiment")
    languages = _languages(judged)
    with_topics = [row for row in judged if row.topics is not None]
    with_complaint = [row for row in judged if row.complaint is not None]
    answered = [row for row in judged if not row.abstained]
    return Report(
        rows=len(judged),
        languages=languages,
        macro_f1=_macro_f1(judged),
        mean_macro_f1=sum(score.macro_f1 for score in languages) / len(languages),
        accuracy=_accuracy(judged),
        calibration_error=expected_calibration_error([row.confidence for row in judged], [_is_right(row) for row in judged]),
        coverage=len(answered) / len(judged),
        answered_accuracy=_accuracy(answered),
        topic_rows=len(with_topics),
        topic_micro_f1=micro_f1([row.topics or frozenset() for row in with_topics], [row.predicted_topics for row in with_topics])
        if with_topics
        else None,
        complaint_rows=len(with_complaint),
        complaint_f1=binary_f1([bool(row.complaint) for row in with_complaint], [row.predicted_complaint for row in with_complaint])
        if with_complaint
        else None,
    )


def _languages(judged: Sequence[Judged]) -> tuple[LanguageScore, ...]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for row in judged:
        groups[row.language].append(row)
    return tuple(LanguageScore(language, len(rows), _macro_f1(rows), _accuracy(rows)) for language, rows in sorted(groups.items()))


def _is_right(row: Judged) -> bool:
    return row.sentiment == row.predicted_sentiment


def _accuracy(rows: Sequence[Judged]) -> float:
    return share(_is_right(row) for row in rows)


def _macro_f1(rows: Sequence[Judged]) -> float:
    return macro_f1([row.sentiment for row in rows], [row.predicted_sentiment for row in rows])
