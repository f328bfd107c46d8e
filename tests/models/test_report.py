"""The report of `koe evaluate` over rows written by hand."""

import pytest

from models.evaluation.report import Judged, Score, evaluate


def a_row(language: str = "en", gold: str | None = "negative", predicted: str = "negative", *, abstained: bool = False) -> Judged:
    return Judged(language, gold, predicted, confidence=0.8, abstained=abstained)


def a_row_with_topics(*topics: str, predicted: dict[str, str]) -> Judged:
    return Judged(
        "en", None, "negative", 0.9, abstained=False, topics=frozenset(topics), predicted_topics=frozenset(predicted),
        topic_confidences=dict.fromkeys(predicted, 0.75), topic_sentiments=dict.fromkeys(topics, "negative"),
        predicted_topic_sentiments=predicted,
    )  # fmt: skip


def a_row_with_complaint(gold: bool, *, predicted: bool) -> Judged:  # noqa: FBT001
    return Judged("en", None, "neutral", 0.5, abstained=False, complaint=gold, predicted_complaint=predicted, complaint_confidence=0.8)


def a_row_with_emotions(*gold: str, predicted: str) -> Judged:
    return Judged("en", None, "neutral", 0.5, abstained=False, emotions=frozenset(gold), predicted_emotion=predicted, emotion_confidence=1)


def total(*rows: Judged) -> Score:
    return evaluate(rows).total


def test_scores_each_language_and_their_mean() -> None:
    report = evaluate([a_row("en"), a_row("en", "positive", "positive"), a_row("ja"), a_row("ja", "positive", "negative")])
    assert [(one.name, one.rows, one.sentiment and one.sentiment.accuracy) for one in report.languages] == [("en", 2, 1.0), ("ja", 2, 0.5)]
    assert report.mean_macro_f1 == pytest.approx((1 + (2 / 3 + 0) / 2) / 2)
    assert report.total.figures()["calibration_error"] == pytest.approx(0.05)


def test_abstained_rows_are_not_counted_as_answered() -> None:
    sentiment = total(a_row(), a_row(), a_row(), a_row(gold="positive", abstained=True)).sentiment
    assert sentiment is not None
    assert (sentiment.coverage, sentiment.answered_accuracy, sentiment.accuracy) == (0.75, 1.0, 0.75)


def test_the_interval_is_wide_for_few_rows_and_holds_the_score() -> None:
    few, many = (total(*[a_row(), a_row(gold="positive"), a_row("en", "positive", "positive")] * times).sentiment for times in (4, 400))
    assert few is not None
    assert many is not None
    assert few.macro_f1_interval[0] < many.macro_f1_interval[0] < many.macro_f1 < many.macro_f1_interval[1] < few.macro_f1_interval[1]


def test_a_row_counts_only_for_the_tasks_it_is_labelled_for() -> None:
    score = total(a_row(), a_row_with_topics("price", predicted={"price": "negative", "food": "positive"}))
    assert score.rows == 2
    assert (score.sentiment and score.sentiment.rows, score.topics and score.topics.rows) == (1, 1)
    assert (score.complaint, score.emotion) == (None, None)
    assert score.figures()["complaint_f1"] is None


def test_the_sentiment_of_a_topic_is_judged_where_the_topic_is_right() -> None:
    topics = total(a_row_with_topics("price", "staff", predicted={"price": "negative", "food": "positive"})).topics
    assert topics is not None
    assert topics.micro_f1 == pytest.approx(0.5)
    assert (topics.sentiment_rows, topics.sentiment_accuracy) == (1, 1.0)
    assert topics.calibration_error == pytest.approx(0.25)  # half of the topics told are right, at a confidence of 0.75


def test_precision_and_recall_of_complaints() -> None:
    pairs = [(True, True), (True, False), (False, True), (True, True), (False, False)]
    complaint = total(*[a_row_with_complaint(gold, predicted=told) for gold, told in pairs]).complaint
    assert complaint is not None
    assert [complaint.precision, complaint.recall, complaint.f1] == pytest.approx([2 / 3] * 3)


def test_any_emotion_of_a_row_is_right() -> None:
    emotion = total(a_row_with_emotions("joy", "surprise", predicted="surprise"), a_row_with_emotions("anger", predicted="joy")).emotion
    assert emotion is not None
    assert (emotion.accuracy, emotion.macro_f1) == (0.5, 0.5)


def test_rows_are_told_apart_by_any_field() -> None:
    rows = [Judged("ja", "negative", "negative", 0.9, abstained=False, group=name) for name in ("slang", "dialect", "slang", "")]
    assert [(one.name, one.rows) for one in evaluate(rows).groups] == [("dialect", 1), ("slang", 2)]


def test_nothing_to_evaluate_is_said() -> None:
    with pytest.raises(ValueError, match="no row"):
        evaluate([])
