"""Topics of a workspace's own: found by name, better by examples, the same alone and in a batch, and told apart from each other."""

from collections.abc import Sequence

import numpy as np
import pytest

from nlp.annotator import Annotator, TextInput
from nlp.custom_topics import TopicScorer, TopicVectors, names_of
from nlp.heads import Floats
from store.records import CustomTopic, StoredWorkspaceModel, WorkspaceTaxonomy
from tests.nlp.fakes import fake_annotator, fake_bundle

WIDTH = 16


def directions(count: int, *, seed: int, towards: int | None = None) -> Floats:
    """Vectors of length one: anywhere, or around one axis."""
    vectors = np.random.default_rng(seed).normal(size=(count, WIDTH))
    if towards is not None:
        vectors[:, towards] += 6
    units: Floats = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return units


NONE = np.zeros((0, WIDTH), np.float32)
BACKGROUND = directions(400, seed=1)


def topic(axis: int, examples: int = 0) -> TopicVectors:
    given = directions(examples, seed=10 + axis, towards=axis) if examples else NONE
    return TopicVectors(f"axis{axis}", directions(1, seed=20 + axis, towards=axis), given)


@pytest.mark.parametrize("examples", [0, 4, 16])
def test_finds_what_lies_near_and_leaves_ordinary_feedback_alone(examples: int) -> None:
    scorer = TopicScorer([topic(0, examples), topic(1, examples)], BACKGROUND)
    of_first, ordinary = scorer.probabilities(directions(50, seed=3, towards=0)), scorer.probabilities(directions(200, seed=4))
    assert (of_first >= scorer.thresholds).mean(axis=0)[0] > 0.9
    assert not (of_first >= scorer.thresholds)[:, 1].any()
    assert (ordinary < scorer.thresholds).mean() > 0.9


def test_in_a_field_of_its_own_a_text_speaks_of_few_topics() -> None:
    field = directions(1, seed=30)[0]

    def in_the_field(vectors: Floats) -> Floats:
        moved = vectors + 2 * field
        units: Floats = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
        return units

    given = [topic(axis, 8) for axis in range(12)]
    topics = [TopicVectors(one.id, in_the_field(one.names), in_the_field(one.examples)) for one in given]
    scorer = TopicScorer(topics, BACKGROUND)
    said = scorer.probabilities(in_the_field(directions(60, seed=31, towards=3))) >= scorer.thresholds
    assert said[:, 3].mean() > 0.9
    assert said.sum(axis=1).mean() < 3


def test_a_topic_alone_needs_no_other() -> None:
    scorer = TopicScorer([topic(2)], BACKGROUND)
    assert (scorer.probabilities(directions(50, seed=5, towards=2)) >= scorer.thresholds).mean() > 0.9


def test_an_answer_does_not_depend_on_the_texts_beside_it() -> None:
    scorer = TopicScorer([topic(0, 4), topic(1), topic(2, 16)], BACKGROUND)
    texts = directions(77, seed=6)
    together = scorer.probabilities(texts)
    assert all((scorer.probabilities(texts[row : row + 1]) == together[row]).all() for row in range(len(texts)))


def a_taxonomy(number: int = 3, *, examples: Sequence[str] = ("My points are gone.",), hidden: Sequence[str] = ()) -> WorkspaceTaxonomy:
    points = CustomTopic("points", None, (("en", "Points"), ("ja", "ポイント")), (("en", "Loyalty card"),), tuple(examples))
    return WorkspaceTaxonomy(number, (points, CustomTopic("wifi", None, (("de", "WLAN"),), (), ())), frozenset(hidden))


@pytest.fixture
def annotator() -> Annotator:
    return fake_annotator(bundle=fake_bundle(embeds=True, thresholds=0.0))


def test_a_name_stands_with_what_is_said_of_it() -> None:
    assert names_of(a_taxonomy().topics[0]) == ["Points: Loyalty card", "ポイント"]


def test_annotations_bear_own_topics_with_evidence_and_version(annotator: Annotator) -> None:
    model = annotator.open(StoredWorkspaceModel(taxonomy=a_taxonomy(examples=["zzz zzz"])))
    text = "Nothing here. zzz zzz"
    [said] = annotator.annotate([TextInput(text)], workspace=model, topics=frozenset({"points", "wifi"}))
    assert said.taxonomy == "1+t3"
    assert {mention.id for mention in said.topics} <= {"points", "wifi"}
    assert all(text[span.start : span.end] for mention in said.topics for span in mention.evidence)
    alone = [annotator.annotate([TextInput(one)], workspace=model)[0] for one in (text, "other", "zzz zzz")]
    assert annotator.annotate([TextInput(one) for one in (text, "other", "zzz zzz")], workspace=model) == alone


def test_hidden_topics_are_not_found(annotator: Annotator) -> None:
    text = TextInput("The parcel came late.")
    shown = {mention.id for mention in annotator.annotate([text])[0].topics}
    hiding = annotator.open(StoredWorkspaceModel(taxonomy=a_taxonomy(hidden=["delivery"])))
    assert "delivery" in shown
    assert "delivery" not in {mention.id for mention in annotator.annotate([text], workspace=hiding)[0].topics}


def test_texts_that_were_seen_do_not_go_through_the_model_again(annotator: Annotator) -> None:
    annotator.open(StoredWorkspaceModel(taxonomy=a_taxonomy(3)))
    asked: list[str] = []
    embed = annotator._topics._embed

    def embed_and_note(texts: Sequence[str]) -> list[bytes]:
        asked.extend(texts)
        return embed(texts)

    annotator._topics._embed = embed_and_note
    annotator.open(StoredWorkspaceModel(taxonomy=a_taxonomy(3)))
    assert asked == []
    annotator.open(StoredWorkspaceModel(taxonomy=a_taxonomy(4, examples=["My points are gone.", "new"])))
    assert asked == ["new"]


def test_a_model_that_does_not_embed_finds_none_and_says_which_taxonomy_was_asked() -> None:
    plain = fake_annotator()
    model = plain.open(StoredWorkspaceModel(taxonomy=a_taxonomy(hidden=["delivery"])))
    [said] = plain.annotate([TextInput("My points are gone.")], workspace=model)
    assert said.taxonomy == "1+t3"
    assert not {mention.id for mention in said.topics} & {"points", "wifi", "delivery"}
