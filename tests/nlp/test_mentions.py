"""Topics with their sentiment and evidence, from probabilities."""

import numpy as np

from nlp.mentions import Floats, TopicScores, mentions
from store.records import Span, TopicMention

NEGATIVE, POSITIVE = [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]
THRESHOLDS = np.array([0.5, 0.6], np.float32)
SPANS = [Span(0, 10), Span(11, 20), Span(21, 30), Span(31, 40)]


def scores(presence: list[list[float]], sentiment: list[list[list[float]]]) -> TopicScores:
    return TopicScores(floats(presence), floats(sentiment))


def floats(values: object) -> Floats:
    return np.array(values, np.float32)


NO_SEGMENTS = TopicScores(np.zeros((0, 2), np.float32), np.zeros((0, 2, 3), np.float32))


def test_a_topic_below_its_threshold_is_not_spoken_of() -> None:
    text = scores([[0.55, 0.55]], [[NEGATIVE, NEGATIVE]])
    assert mentions(["delivery", "price"], THRESHOLDS, text, NO_SEGMENTS, SPANS[:1]) == (
        TopicMention("delivery", 0.55, "negative", (SPANS[0],)),
    )


def test_the_surest_topic_comes_first() -> None:
    text = scores([[0.7, 0.9]], [[NEGATIVE, POSITIVE]])
    found = mentions(["delivery", "price"], THRESHOLDS, text, NO_SEGMENTS, SPANS[:1])
    assert [(mention.id, mention.sentiment) for mention in found] == [("price", "positive"), ("delivery", "negative")]


def test_evidence_is_the_segments_that_speak_of_the_topic_with_neighbours_joined() -> None:
    text = scores([[0.9, 0.0]], [[POSITIVE, POSITIVE]])
    segments = scores([[0.9, 0.0], [0.8, 0.0], [0.1, 0.0], [0.8, 0.0]], [[POSITIVE] * 2] * 4)
    found = mentions(["delivery", "price"], THRESHOLDS, text, segments, SPANS)
    assert found == (TopicMention("delivery", 0.9, "positive", (Span(0, 20), Span(31, 40))),)


def test_a_segment_far_behind_the_best_is_no_evidence() -> None:
    text = scores([[0.9, 0.0]], [[POSITIVE, POSITIVE]])
    segments = scores([[0.6, 0.0], [0.95, 0.0], [0.6, 0.0], [0.1, 0.0]], [[POSITIVE] * 2] * 4)
    assert mentions(["delivery", "price"], THRESHOLDS, text, segments, SPANS)[0].evidence == (SPANS[1],)


def test_the_best_segment_is_evidence_where_none_reaches_the_threshold() -> None:
    text = scores([[0.9, 0.0]], [[POSITIVE, POSITIVE]])
    segments = scores([[0.1, 0.0], [0.3, 0.0], [0.2, 0.0], [0.1, 0.0]], [[POSITIVE] * 2] * 4)
    assert mentions(["delivery", "price"], THRESHOLDS, text, segments, SPANS) == (TopicMention("delivery", 0.6, "positive", (SPANS[1],)),)


def test_one_sentence_of_many_is_enough_for_a_topic() -> None:
    text = scores([[0.2, 0.3]], [[POSITIVE, POSITIVE]])
    segments = scores([[0.1, 0.3], [0.1, 0.95], [0.2, 0.3], [0.1, 0.3]], [[POSITIVE] * 2] * 4)
    assert mentions(["delivery", "price"], THRESHOLDS, text, segments, SPANS) == (TopicMention("price", 0.625, "positive", (SPANS[1],)),)


def test_sentiment_is_read_from_the_evidence_as_much_as_from_the_text() -> None:
    text = scores([[0.9, 0.0]], [[[0.3, 0.3, 0.4], POSITIVE]])
    segments = scores([[0.9, 0.0], [0.1, 0.0], [0.1, 0.0], [0.1, 0.0]], [[NEGATIVE] * 2, *[[POSITIVE] * 2] * 3])
    assert mentions(["delivery", "price"], THRESHOLDS, text, segments, SPANS)[0].sentiment == "negative"


def test_a_text_without_segments_speaks_of_nothing() -> None:
    text = scores([[0.9, 0.9]], [[POSITIVE, POSITIVE]])
    assert mentions(["delivery", "price"], THRESHOLDS, text, NO_SEGMENTS, []) == ()
