"""A text gets one answer, whatever stands beside it; evidence points at the text as given; nothing a text holds breaks the annotator."""

import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.errors import InvalidInput
from nlp.adaptation import Adaptation
from nlp.annotator import BUDGET, Annotator, TextInput
from nlp.heads import Calibration
from nlp.pooling import Floats
from nlp.workspace_model import WorkspaceModel
from store.records import EMOTIONS, Annotation, Language
from tests.nlp.fakes import FakeBackend, fake_annotator, fake_bundle

ANY_TEXT = st.text(st.characters(codec=None), max_size=300)
TEXTS = [
    "The parcel came late. Support was lovely! I want my money back.",
    "配送が遅い！でもサポートは親切でした。",
    "التطبيق سيء جدا. الدعم لا يرد",
    "อาหารอร่อยมาก แต่รอนานมาก",
    "😡😡😡",
    "...",
    "Die App stürzt ständig ab.\nPreis ist ok.\n\nNie wieder! " * 30,
    "x" * 3_000,
]


def inputs(texts: Sequence[str]) -> list[TextInput]:
    return [TextInput(text) for text in texts]


@cache
def an_annotator() -> Annotator:
    return fake_annotator()


@pytest.fixture
def annotator() -> Annotator:
    return an_annotator()


def test_a_text_gets_the_same_answer_alone_in_a_batch_and_in_any_order(annotator: Annotator) -> None:
    together = annotator.annotate(inputs(TEXTS))
    assert together == [annotator.annotate([TextInput(text)])[0] for text in TEXTS]
    shuffled = random.Random(3).sample(range(len(TEXTS)), len(TEXTS))
    assert annotator.annotate(inputs([TEXTS[index] for index in shuffled])) == [together[index] for index in shuffled]


def test_many_texts_are_answered_in_order_as_each_would_be_alone(annotator: Annotator) -> None:
    many = [f"{text} {number}" for number in range(90) for text in TEXTS[:5]]
    found = annotator.annotate(inputs(many))
    assert len(found) == len(many)
    for number in (0, 63, 64, 191, 192, 449):
        assert found[number] == annotator.annotate([TextInput(many[number])])[0]


def test_a_broken_model_breaks_the_call_of_many_texts() -> None:
    backend = FakeBackend()
    backend.broken = True
    with pytest.raises(RuntimeError, match="the model broke"):
        fake_annotator(backend).annotate(inputs(TEXTS * 30))


def test_every_token_goes_through_the_model_once() -> None:
    backend = FakeBackend()
    annotator = fake_annotator(backend)
    prepared = annotator.prepare(inputs(TEXTS))
    annotator.answer(prepared)
    seen = Counter(window for call in backend.calls for window in call)
    assert seen == Counter(window.ids for one in prepared for window in one.windows)


def test_no_more_than_the_budget_is_in_memory_at_once() -> None:
    backend = FakeBackend()
    annotator = fake_annotator(backend)
    annotator.annotate(inputs([f"parcel number {number} is late" for number in range(600)]))
    assert len(backend.calls) > 1
    assert all(sum(-(-len(window) // 16) * 16 for window in call) <= BUDGET for call in backend.calls)


def test_evidence_is_made_of_segments_of_the_text_as_given(annotator: Annotator) -> None:
    text = "  Ｔhe  parcel came late!!!!!! \x00 Ask @Ana at https://a.example/x.\n\n配送が遅い。😡 "
    for mention in annotator.annotate([TextInput(text)])[0].topics:
        assert mention.evidence
        for span in mention.evidence:
            assert text[span.start : span.end].strip() == text[span.start : span.end]
            assert 0 <= span.start < span.end <= len(text)


def test_probabilities_add_up_and_the_likeliest_is_the_label(annotator: Annotator) -> None:
    for annotation in annotator.annotate(inputs(TEXTS)):
        sentiment = annotation.sentiment
        assert round(sum(sentiment.scores.values()), 4) == 1.0
        assert sentiment.confidence == max(sentiment.scores.values()) == sentiment.scores[sentiment.label]
        assert 0.5 <= annotation.complaint.confidence <= 1.0


def test_a_model_with_a_head_for_emotions_tells_the_likeliest_one() -> None:
    bundle = fake_bundle(emotion=True)
    found = [annotation.emotion for annotation in fake_annotator(bundle=bundle).annotate(inputs(TEXTS))]
    assert all(emotion is not None and emotion.label in EMOTIONS and 1 / 7 <= emotion.confidence <= 1 for emotion in found)
    assert [annotation.emotion for annotation in fake_annotator().annotate(inputs(TEXTS))] == [None] * len(TEXTS)


def test_abstains_where_it_is_unsure() -> None:
    unsure = fake_annotator(bundle=fake_bundle(abstain_below=1.01)).annotate(inputs(TEXTS))
    sure = fake_annotator(bundle=fake_bundle(abstain_below=0.0)).annotate(inputs(TEXTS))
    assert all(annotation.sentiment.abstained for annotation in unsure)
    assert not any(annotation.sentiment.abstained for annotation in sure)


def test_only_the_topics_asked_for_are_answered(annotator: Annotator) -> None:
    whole = annotator.annotate(inputs(TEXTS))
    wanted = frozenset({"price", "delivery", "food"})
    restricted = annotator.annotate(inputs(TEXTS), topics=wanted)
    assert [one.topics for one in restricted] == [tuple(topic for topic in one.topics if topic.id in wanted) for one in whole]
    assert annotator.annotate(inputs(TEXTS[:1]), topics=frozenset())[0].topics == ()


def test_an_unknown_topic_is_refused(annotator: Annotator) -> None:
    with pytest.raises(InvalidInput, match="no topic 'prize'"):
        annotator.annotate(inputs(TEXTS), topics=frozenset({"prize"}))


def test_the_language_that_a_caller_names_is_believed(annotator: Annotator) -> None:
    assert annotator.annotate([TextInput("The parcel came late.", language="sw")])[0].language == Language("sw", 1.0)


def test_prior_and_question_help_where_the_text_leaves_doubt(annotator: Annotator) -> None:
    alone, prior, asked, neither = annotator.annotate(
        [
            TextInput("良好"),
            TextInput("良好", priors=("ja",)),
            TextInput("良好", question="商品はいかがでしたか"),
            TextInput("The parcel came late.", priors=("ja",), question="商品はいかがでしたか"),
        ]
    )
    assert [one.language.code for one in (alone, prior, asked, neither)] == ["zh", "ja", "ja", "en"]


def test_an_answer_names_the_model_and_the_taxonomy(annotator: Annotator) -> None:
    annotation = annotator.annotate(inputs(TEXTS[:1]))[0]
    assert (annotation.model, annotation.taxonomy) == ("fake-1", "1")
    assert annotator.annotate([]) == []


class Cheerful:
    """A sentiment model that likes what is long."""

    name = "acme/cheerful"

    def scores(self, texts: Sequence[str]) -> Floats:
        return np.array([[0.1, 0.1, 0.8] if len(text) > 20 else [0.8, 0.1, 0.1] for text in texts], np.float32)


def test_a_model_of_its_own_replaces_the_sentiment_and_nothing_else(annotator: Annotator) -> None:
    found = fake_annotator(sentiment=Cheerful()).annotate(inputs(TEXTS[:1] + TEXTS[5:6]))
    assert [one.sentiment.label for one in found] == ["positive", "negative"]
    assert found[0].model == "acme/cheerful + fake-1"
    own = annotator.annotate(inputs(TEXTS[:1]))[0]
    assert (found[0].topics, found[0].complaint, found[0].language) == (own.topics, own.complaint, own.language)


def test_a_model_of_its_own_is_not_held_to_what_a_workspace_fitted() -> None:
    """Its answers here are 0.8 sure, and the adaptation's heads were thought unsure below 0.9."""
    calibration = Calibration(fake_bundle().heads.temperatures, fake_bundle().heads.calibration.thresholds, abstain_below=0.9)
    adapted = WorkspaceModel(adaptation=Adaptation(1, "fake", {}, calibration))
    texts = inputs(TEXTS[:1])
    assert fake_annotator().annotate(texts, workspace=adapted)[0].sentiment.abstained
    assert not fake_annotator(sentiment=Cheerful()).annotate(texts, workspace=adapted)[0].sentiment.abstained


def test_threads_get_the_same_answers(annotator: Annotator) -> None:
    def annotate(text: str) -> Annotation:
        return annotator.annotate([TextInput(text)])[0]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(annotate, TEXTS * 3)) == [annotate(text) for text in TEXTS * 3]


@settings(deadline=None, max_examples=60)
@given(st.lists(ANY_TEXT, max_size=4))
@example(["", " \n", "\x00", "\ud800", "\u202e\u200f", "e" + "\u0301" * 3_000, "👍🏽" * 2_000, "ﷺ" * 500])
def test_any_text_is_answered(texts: list[str]) -> None:
    annotator = an_annotator()
    together = annotator.annotate(inputs(texts))
    assert together == [annotator.annotate([TextInput(text)])[0] for text in texts]


def test_a_text_of_twenty_thousand_characters_costs_no_more_than_its_tokens(annotator: Annotator) -> None:
    for unit in ("a b ", "好", "a. ", "😀", "é", "\u0301", "ﷺ"):
        prepared = annotator.prepare([TextInput((unit * 20_000)[:20_000])])[0]
        assert prepared.padded_tokens <= 2 * 20_000 + 16
