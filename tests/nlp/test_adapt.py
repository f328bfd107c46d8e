"""Heads of a workspace's own: learned from few labels, and taken only where they are better on texts that they have not seen."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.texts import some_texts
from nlp.adapt import Adapted, adapt
from nlp.adaptation import Adaptation
from nlp.annotator import Annotator, SentimentModel, TextInput
from nlp.heads import Floats
from nlp.labelled import LabelledText, each_once
from nlp.pooling import Pooled
from nlp.workspace_model import PLAIN, WorkspaceModel
from store.records import SENTIMENTS, Labels, TaskReport, TopicCorrection
from tests.nlp.fakes import HIDDEN, fake_annotator, fake_bundle

BUNDLE = fake_bundle()
TOPICS = BUNDLE.heads.topics


class Numbered(Annotator):
    """The text `17` has the seventeenth vector; case and blanks change nothing."""

    def __init__(self) -> None:
        self.drawn = np.random.default_rng(3).normal(size=(2_000, HIDDEN)).astype(np.float32)
        self._bundle, self.weights = BUNDLE, BUNDLE.digest
        self._sentiment: SentimentModel | None = None

    def pooled(self, texts: Sequence[TextInput]) -> list[Pooled]:
        return [Pooled(vector, vector[np.newaxis], (0,)) for vector in self.drawn[[int(one.text) for one in texts]]]


ANNOTATOR = Numbered()


def shared_sentiment(number: int) -> int:
    return int(BUNDLE.heads.sentiment(ANNOTATOR.drawn[number : number + 1])[0].argmax())


def own_sentiment(number: int) -> int:
    """What this workspace means: the shared head's hidden layer read in another way."""
    hidden = BUNDLE.heads.hidden("sentiment", ANNOTATOR.drawn[number : number + 1])[0]
    return int((np.random.default_rng(5).normal(size=(3, HIDDEN)) @ hidden).argmax())


def labelled(numbers: Sequence[int], *, sentiments: Sequence[int] | None = None, complaints: bool = False) -> list[LabelledText]:
    said = sentiments or [own_sentiment(number) for number in numbers]
    return [
        LabelledText(str(number), Labels(sentiment=SENTIMENTS[one], complaint=shared_complaint(number) if complaints else None))
        for number, one in zip(numbers, said, strict=True)
    ]


def shared_complaint(number: int) -> bool:
    return bool(BUNDLE.heads.complaint(ANNOTATOR.drawn[number : number + 1])[0] >= 0.5)


def report(adapted: Adapted, task: str = "sentiment") -> TaskReport:
    return next(one for one in adapted.reports if one.task == task)


@pytest.fixture(scope="module")
def learned() -> Adapted:
    return adapt(labelled(range(300), complaints=True), ANNOTATOR)


def test_what_is_better_on_texts_held_out_takes_effect(learned: Adapted) -> None:
    found = report(learned)
    assert (found.taken, found.rows, found.reason) == (True, 300, "better on texts held out")
    assert found.before is not None
    assert found.after is not None
    assert found.after > 0.8
    assert found.before < 0.5
    fresh = ANNOTATOR.drawn[1000:1400]
    answers = BUNDLE.heads.replaced(learned.arrays, learned.calibration).sentiment(fresh).argmax(axis=1)
    assert np.mean(answers == [own_sentiment(number) for number in range(1000, 1400)]) > 0.8


def test_each_task_takes_effect_by_itself(learned: Adapted) -> None:
    found = report(learned, "complaint")
    assert (found.taken, found.before, found.reason) == (False, 1.0, "not better by 0.5 points on texts held out")
    assert set(learned.arrays) == {"sentiment.out.weight", "sentiment.out.bias"}
    assert report(learned, "topics").reason == "no topic has 5 texts that speak of it and 5 that do not"


def in_force(adapted: Adapted, weights: str = BUNDLE.digest) -> WorkspaceModel:
    return WorkspaceModel(adaptation=Adaptation(1, weights, adapted.arrays, adapted.calibration))


def test_a_second_time_keeps_what_its_labels_do_not_speak_of(learned: Adapted) -> None:
    turned = [LabelledText(str(number), Labels(complaint=not shared_complaint(number))) for number in range(300)]
    found = adapt(turned, ANNOTATOR, workspace=in_force(learned))
    assert (report(found, "complaint").taken, report(found).reason) == (True, "no labels")
    assert set(found.arrays) == {f"{task}.out.{part}" for task in ("sentiment", "complaint") for part in ("weight", "bias")}
    assert all((found.arrays[name] == values).all() for name, values in learned.arrays.items())
    assert found.calibration.temperature["sentiment"] == learned.calibration.temperature["sentiment"]
    assert found.calibration.abstain_below == learned.calibration.abstain_below


def test_a_task_is_learned_anew_from_all_its_labels_whatever_is_in_force(learned: Adapted) -> None:
    more = labelled(range(400), complaints=True)
    first, again = adapt(more, ANNOTATOR), adapt(more, ANNOTATOR, workspace=in_force(learned))
    assert report(again) == report(first)
    assert report(again).taken
    assert all((again.arrays[name] == values).all() for name, values in first.arrays.items())


def test_fewer_labels_do_not_take_the_place_of_more(learned: Adapted) -> None:
    few, enough = (
        adapt(labelled(range(count)), ANNOTATOR, workspace=in_force(learned), learned={"sentiment": 300}) for count in (299, 300)
    )
    assert report(few).reason == "299 texts are fewer than the 300 that what is in force learned from: give all at once"
    assert (few.arrays, report(enough).taken) == ({}, True)


def test_topics_that_no_label_speaks_of_keep_their_part_of_a_head() -> None:
    def turned(output: int) -> list[LabelledText]:
        presence = BUNDLE.heads.topic_presence(ANNOTATOR.drawn[:300])[:, output]
        rest = presence < np.median(presence)
        return [
            LabelledText(str(number), Labels(topics=(TopicCorrection(TOPICS[output], bool(said)),))) for number, said in enumerate(rest)
        ]

    first = adapt(turned(0), ANNOTATOR)
    second = adapt(turned(1), ANNOTATOR, workspace=in_force(first))
    assert report(first, "topics").taken
    assert report(second, "topics").taken
    for part in ("presence.out.weight", "presence.out.bias"):
        assert (second.arrays[part][0] == first.arrays[part][0]).all()
        assert (second.arrays[part][1] != first.arrays[part][1]).any()
    assert second.calibration.thresholds[0] == first.calibration.thresholds[0]


class Checkpoint:
    name = "acme/cheerful"

    def scores(self, texts: Sequence[str]) -> Floats:
        raise AssertionError("nothing is learned from its answers")


def test_sentiment_that_a_model_of_its_own_tells_is_left_alone() -> None:
    annotator = Numbered()
    annotator._sentiment = Checkpoint()
    turned = [replace(row, labels=replace(row.labels, complaint=not row.labels.complaint)) for row in labelled(range(300), complaints=True)]
    found = adapt(turned, annotator)
    assert (report(found).taken, report(found).reason) == (False, "acme/cheerful tells it, and cannot be adapted")
    assert set(found.arrays) == {"complaint.out.weight", "complaint.out.bias"}
    assert found.calibration.abstain_below == BUNDLE.heads.abstain_below


def test_confidences_mean_what_they_say_afterwards(learned: Adapted) -> None:
    found = report(learned)
    assert found.error_before is not None
    assert found.error_after is not None
    assert found.error_after < 0.08 < found.error_before
    before, after = BUNDLE.heads.calibration, learned.calibration
    assert after.temperature == {**before.temperature, "sentiment": after.temperature["sentiment"]}
    assert after.thresholds == before.thresholds


def test_the_same_labels_make_the_same_heads(learned: Adapted) -> None:
    again = adapt(labelled(range(300), complaints=True), ANNOTATOR)
    assert again.reports == learned.reports
    assert all((again.arrays[name] == values).all() for name, values in learned.arrays.items())


def test_what_the_shared_model_knows_already_changes_nothing() -> None:
    found = adapt(labelled(range(200), sentiments=[shared_sentiment(number) for number in range(200)]), ANNOTATOR)
    assert (found.arrays, report(found).before) == ({}, 1.0)


def test_labels_without_a_pattern_change_nothing() -> None:
    thrown = [int(one) for one in np.random.default_rng(9).integers(0, 3, 200)]
    found = adapt(labelled(range(200), sentiments=thrown), ANNOTATOR)
    assert not report(found).taken


def test_answers_that_nobody_corrected_are_not_unlearnt() -> None:
    """Thirty corrections are thirty errors: without the others, saying neutral of everything would be right."""
    corrections = labelled(range(30), sentiments=[1] * 30)
    right = labelled(range(100, 400), sentiments=[shared_sentiment(number) for number in range(100, 400)])
    found = adapt(corrections, ANNOTATOR, unquestioned=right)
    assert report(found).rows == 330
    assert not report(found).taken
    alone = adapt(corrections, ANNOTATOR)
    assert "too few are negative (0), positive (0)" in report(alone).reason


def test_too_little_is_said_so() -> None:
    assert report(adapt(labelled(range(29)), ANNOTATOR)).reason == "29 texts are too few: at least 30 are needed"
    alike = [LabelledText(str(number), Labels(complaint=number < 2)) for number in range(60)]
    assert report(adapt(alike, ANNOTATOR), "complaint").reason == (
        "at least 5 texts that complain and 5 that do not are needed; 2 of 60 complain"
    )
    assert report(adapt(alike, ANNOTATOR)).reason == "no labels"


def test_a_text_counts_once_and_contradictions_count_for_nothing() -> None:
    rows = [
        LabelledText("1", Labels(sentiment="negative", complaint=True), origin="line 1"),
        LabelledText(" 1\n", Labels(sentiment="positive"), origin="line 2"),
        LabelledText("2", Labels(sentiment="neutral"), origin="line 3"),
        LabelledText("2", Labels(sentiment="neutral", complaint=False), origin="line 4"),
    ]
    found = adapt(rows, ANNOTATOR, unquestioned=[LabelledText("2", Labels(sentiment="positive"))])
    assert found.remarks == ("line 2 has the text of line 1 and another sentiment: that of neither is used",)
    assert (report(found).rows, report(found, "complaint").rows) == (1, 2)


@pytest.mark.parametrize(
    ("text", "repost"),
    [
        ("It came late. https://t.co/Qa1", "It came late. https://t.co/Zz9?x=2"),
        ("@anna it came late!", "@Bob_7 it came late!"),
        ("It came laaaaaate!!!!", "It came laaaaaaaaate!!!!!!!"),
        ("\uff29t came late. So rude.", "It came\u200b late.\nSo rude.\ufeff"),
    ],
)
def test_texts_that_the_model_reads_as_one_are_one(text: str, repost: str) -> None:
    """Otherwise one is learned, the other measured, and any noise seems to be better."""
    first, second = fake_annotator().prepare([TextInput(text), TextInput(repost)])
    assert [window.ids for window in first.windows] == [window.ids for window in second.windows]
    late = Labels(sentiment="negative")
    texts, said, _ = each_once([LabelledText(one, late) for one in (text, repost, "It came late, again.")], trusted=3)
    assert ([one.text for one in texts], len(said)) == ([text, "It came late, again."], 2)


def test_topics_that_are_often_enough_named_are_fitted_and_the_others_stay() -> None:
    def speaks(number: int) -> bool:
        hidden = BUNDLE.heads.hidden("presence", ANNOTATOR.drawn[number : number + 1])[0]
        return bool(np.random.default_rng(6).normal(size=HIDDEN) @ hidden > 0.5)

    rows = [
        LabelledText(str(number), Labels(topics=(TopicCorrection("price", speaks(number)), TopicCorrection("food", number == 7))))
        for number in range(300)
    ]
    found = adapt(rows, ANNOTATOR)
    assert report(found, "topics").taken
    heads = BUNDLE.heads.replaced(found.arrays, found.calibration)
    price, fresh = TOPICS.index("price"), ANNOTATOR.drawn[1000:1400]
    said = heads.topic_presence(fresh)[:, price] >= heads.thresholds[price]
    assert np.mean(said == [speaks(number) for number in range(1000, 1400)]) > 0.8
    others = [place for place in range(len(TOPICS)) if place != price]
    assert (heads.topic_presence(fresh)[:, others] == BUNDLE.heads.topic_presence(fresh)[:, others]).all()
    assert (heads.thresholds[others] == BUNDLE.heads.thresholds[others]).all()


def spoken(texts: Sequence[str], annotator: Annotator, model: WorkspaceModel = PLAIN) -> list[frozenset[str]]:
    """The topics that are served."""
    answers = annotator.annotate([TextInput(text, "en") for text in texts], workspace=model)
    return [frozenset(topic.id for topic in answer.topics) for answer in answers]


def with_topics(texts: Sequence[str], right: Sequence[frozenset[str]], topics: Sequence[str] = TOPICS) -> list[LabelledText]:
    return [
        LabelledText(text, Labels(topics=tuple(TopicCorrection(topic, topic in here) for topic in topics)), "en")
        for text, here in zip(texts, right, strict=True)
    ]


def test_topics_are_measured_as_they_are_served() -> None:
    """From the text and its best sentence: the very answers that are served leave nothing to learn."""
    annotator, texts = fake_annotator(), sorted(set(some_texts(160, seed=5)))
    found = adapt(with_topics(texts, spoken(texts, annotator)), annotator)
    assert (report(found, "topics").before, found.arrays) == (1.0, {})


def test_what_topics_are_said_to_become_is_what_is_served() -> None:
    """Also where no sentence counts to those who label: what the best one says is served all the same."""
    annotator, direction = fake_annotator(), np.random.default_rng(6).normal(size=HIDDEN)
    texts = list(dict.fromkeys(some_texts(900, seed=8)))
    whole = np.stack([one.whole for one in annotator.pooled(list(map(TextInput, texts)))])
    right = [frozenset({"price"} if value > 0.5 else ()) for value in BUNDLE.heads.hidden("presence", whole) @ direction]
    found = adapt(with_topics(texts[:300], right[:300], ["price"]), annotator)
    said = [topics & {"price"} for topics in spoken(texts[300:], annotator, in_force(found))]
    hits = sum(map(len, map(frozenset.intersection, said, right[300:])))
    served = 2 * hits / (sum(map(len, said)) + sum(map(len, right[300:])))
    assert report(found, "topics").after == pytest.approx(served, abs=0.05)
