"""One model beside another: every change is counted once where it belongs, and a human's word is nobody's change."""

from nlp.shadow import EXAMPLES, Pair, compare
from store.records import Labels, TopicCorrection
from tests.builders import an_annotation


def test_counts_what_would_turn() -> None:
    same = Pair("1", an_annotation("negative", ["price"]), an_annotation("negative", ["price"]))
    other = Pair("2", an_annotation("negative", ["price", "app"]), an_annotation("positive", ["price", "staff"]))
    found = compare([same, other])
    assert (found.overall.texts, found.overall.sentiment.rate, found.overall.complaint.rate) == (2, 0.5, 0.5)
    topics = found.overall.topics
    assert (topics.compared, topics.changed, topics.kept, topics.added, topics.removed, topics.jaccard) == (2, 1, 2, 1, 1, 0.5)
    assert found.examples == {"sentiment": ["2"], "complaint": ["2"], "topics": ["2"]}


def test_a_text_counts_under_its_stored_language() -> None:
    found = compare(
        [Pair("1", an_annotation(language="ja"), an_annotation("neutral", language="zh")), Pair("2", an_annotation(), an_annotation())]
    )
    assert {name: one.sentiment.rate for name, one in found.by_language.items()} == {"ja": 1.0, "en": 0.0}


def test_a_topic_counts_its_own_mentions_alone() -> None:
    found = compare([Pair("1", an_annotation(topics=["price"]), an_annotation("neutral", ["price", "app"]))])
    changes = {name: (one.topics.kept, one.topics.added, one.topics.removed) for name, one in found.by_topic.items()}
    assert changes == {"price": (1, 0, 0), "app": (0, 1, 0)}
    assert found.by_topic["price"].sentiment.rate == 1.0


def test_what_a_human_corrected_is_not_compared() -> None:
    said = Labels(sentiment="negative", topics=(TopicCorrection("price"),))
    found = compare([Pair("1", an_annotation("negative", ["price"]), an_annotation("positive", []), said)])
    assert (found.corrected, found.overall.sentiment.compared, found.overall.complaint.flipped) == (1, 0, 1)
    assert (found.overall.topics.removed, found.by_topic, found.examples) == (0, {}, {"complaint": ["1"]})


def test_an_emotion_that_one_side_lacks_is_no_change() -> None:
    found = compare(
        [
            Pair("1", an_annotation(), an_annotation(emotion="anger")),
            Pair("2", an_annotation(emotion="joy"), an_annotation(emotion="anger")),
        ]
    )
    assert (found.overall.emotion.compared, found.overall.emotion.flipped) == (1, 1)


def test_nothing_has_no_rate_and_few_examples_are_kept() -> None:
    assert (compare([]).overall.sentiment.rate, compare([]).overall.topics.jaccard) == (None, None)
    many = compare(Pair(str(number), an_annotation("negative"), an_annotation("neutral")) for number in range(20))
    assert (many.overall.sentiment.flipped, len(many.examples["sentiment"])) == (20, EXAMPLES)
