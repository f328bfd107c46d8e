"""The report of `koe evaluate` over rows written by hand."""

import pytest

from models.evaluation.report import Judged, evaluate


def a_row(language: str = "en", gold: str = "negative", predicted: str = "negative", *, abstained: bool = False) -> Judged:
    return Judged(language, gold, predicted, confidence=0.8, abstained=abstained)


def test_scores_each_language_and_their_mean() -> None:
    report = evaluate([a_row("en"), a_row("en", "positive", "positive"), a_row("ja"), a_row("ja", "positive", "negative")])
    assert [(score.language, score.rows, score.accuracy) for score in report.languages] == [("en", 2, 1.0), ("ja", 2, 0.5)]
    assert report.mean_macro_f1 == pytest.approx((1 + (2 / 3 + 0) / 2) / 2)
    assert report.calibration_error == pytest.approx(0.05)


def test_abstained_rows_are_not_counted_as_answered() -> None:
    report = evaluate([a_row(), a_row(), a_row(), a_row(gold="positive", abstained=True)])
    assert (report.coverage, report.answered_accuracy, report.accuracy) == (0.75, 1.0, 0.75)


def test_topics_and_complaints_are_judged_only_where_labelled() -> None:
    labelled = Judged(
        language="en",
        sentiment="negative",
        predicted_sentiment="negative",
        confidence=0.9,
        abstained=False,
        topics=frozenset({"price"}),
        predicted_topics=frozenset({"price", "food"}),
        complaint=True,
        predicted_complaint=True,
    )
    report = evaluate([a_row(), labelled])
    assert (report.topic_rows, report.complaint_rows) == (1, 1)
    assert report.topic_micro_f1 == pytest.approx(2 / 3)
    assert report.complaint_f1 == 1.0
    assert evaluate([a_row()]).topic_micro_f1 is None


def test_nothing_to_evaluate_is_said() -> None:
    with pytest.raises(ValueError, match="no row"):
        evaluate([])
