"""Topics of a workspace's own: found by name, better by examples, the same alone and in a batch, and told apart from each other."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from nlp.annotator import Annotator, TextInput
from nlp.custom_topics import Background, Encoded, Reading, TopicReadings, TopicScorer, names_of, odds_for, place
from nlp.heads import Floats
from nlp.wording import Words, units
from store.records import CustomTopic, StoredWorkspaceModel, WorkspaceTaxonomy
from tests.nlp.fakes import fake_annotator, fake_bundle, plain_odds

WIDTH = 16


def directions(count: int, *, seed: int, towards: int | None = None) -> Floats:
    """Vectors of length one: anywhere, or around one axis."""
    vectors = np.random.default_rng(seed).normal(size=(count, WIDTH))
    if towards is not None:
        vectors[:, towards] += 6
    return units(vectors.astype(np.float32))


def texts(count: int, *, seed: int, towards: int | None = None, words: int | None = None) -> list[Reading]:
    """Texts of five words that mean and say anything, or what `towards` means, or what `words` says."""
    meant = directions(count, seed=seed, towards=towards)
    return [
        Reading(one, Words(directions(5, seed=100 * seed + row, towards=words), np.ones(5, np.float32))) for row, one in enumerate(meant)
    ]


def background_of(readings: Sequence[Reading]) -> Background:
    return Background(np.stack([place(one) for one in readings]), np.zeros(2 * WIDTH, np.float32), plain_odds())


BACKGROUND = background_of(texts(400, seed=1))


def topic(axis: int, examples: int = 0) -> TopicReadings:
    given = texts(examples, seed=10 + axis, towards=axis) if examples else []
    return TopicReadings(f"axis{axis}", texts(1, seed=20 + axis, towards=axis), given)


@pytest.mark.parametrize("examples", [0, 4, 16])
def test_finds_what_lies_near_and_leaves_ordinary_feedback_alone(examples: int) -> None:
    scorer = TopicScorer([topic(0, examples), topic(1, examples)], BACKGROUND)
    of_first, ordinary = scorer.probabilities(texts(50, seed=3, towards=0)), scorer.probabilities(texts(200, seed=4))
    assert (of_first >= scorer.thresholds).mean(axis=0)[0] > 0.9
    assert not (of_first >= scorer.thresholds)[:, 1].any()
    assert (ordinary < scorer.thresholds).mean() > 0.9


def test_a_text_that_says_a_name_is_nearer_to_it_than_one_that_does_not() -> None:
    named = TopicReadings("said", texts(1, seed=40, words=5), [])
    scorer = TopicScorer([named, topic(1)], BACKGROUND)
    saying, silent = scorer.probabilities(texts(50, seed=41, words=5)), scorer.probabilities(texts(50, seed=41))
    assert (saying[:, 0] > silent[:, 0]).mean() > 0.9


def test_every_language_of_a_name_counts() -> None:
    english, japanese = texts(1, seed=40, words=5), texts(1, seed=42, words=6)
    scorer = TopicScorer([TopicReadings("both", [*english, *japanese], []), topic(1)], BACKGROUND)
    said = scorer.evidence(texts(20, seed=43, words=6)).said[:, 0]
    only_english = TopicScorer([TopicReadings("one", english, []), topic(1)], BACKGROUND)
    assert (said > only_english.evidence(texts(20, seed=43, words=6)).said[:, 0]).all()


def test_how_far_topics_lie_apart_says_nothing_of_how_their_texts_vary() -> None:
    beside = topic(1, examples=16)
    apart = replace(beside, examples=[replace(one, embedding=one.embedding + np.float32(5)) for one in beside.examples])
    of_first = [
        TopicScorer([topic(0, examples=16), other], BACKGROUND).evidence(texts(20, seed=3)).scores[:, 0] for other in (beside, apart)
    ]
    assert np.allclose(of_first[0], of_first[1], atol=1e-4)


@pytest.mark.parametrize(("examples", "topics"), [(0, 1), (2, 7), (16, 64), (40, 500)])
def test_odds_lie_between_those_of_the_grid(examples: int, topics: int) -> None:
    odds = np.random.default_rng(2).normal(size=(3, 4, 7)).astype(np.float32)
    found = odds_for(odds, examples, topics)
    assert (found >= odds.min(axis=(0, 1)) - 1e-6).all()
    assert (found <= odds.max(axis=(0, 1)) + 1e-6).all()
    assert np.allclose(odds_for(odds, 0, 1), odds[0, 0])
    assert np.allclose(odds_for(odds, 40, 500), odds[-1, -1])


def test_a_topic_alone_needs_no_other() -> None:
    scorer = TopicScorer([topic(2)], BACKGROUND)
    assert (scorer.probabilities(texts(50, seed=5, towards=2)) >= scorer.thresholds).mean() > 0.8


def test_an_answer_does_not_depend_on_the_texts_beside_it() -> None:
    scorer = TopicScorer([topic(0, 4), topic(1), topic(2, 16)], BACKGROUND)
    asked = texts(77, seed=6)
    together = scorer.probabilities(asked)
    assert all((scorer.probabilities(asked[row : row + 1]) == together[row]).all() for row in range(len(asked)))


def test_a_text_without_words_says_nothing() -> None:
    empty = Reading(directions(1, seed=7)[0], Words(np.zeros((0, WIDTH), np.float32), np.zeros(0, np.float32)))
    assert np.isfinite(TopicScorer([topic(0), topic(1)], BACKGROUND).probabilities([empty])).all()


def a_taxonomy(number: int = 3, *, examples: Sequence[str] = ("My points are gone.",), hidden: Sequence[str] = ()) -> WorkspaceTaxonomy:
    points = CustomTopic("points", None, (("en", "Points"), ("ja", "ポイント")), (("en", "Loyalty card"),), tuple(examples))
    return WorkspaceTaxonomy(number, (points, CustomTopic("wifi", None, (("de", "WLAN"),), (), ())), frozenset(hidden))


@pytest.fixture
def annotator() -> Annotator:
    return fake_annotator(bundle=fake_bundle(embeds=True, thresholds=0.0))


def test_a_name_stands_with_what_is_said_of_it() -> None:
    assert names_of(a_taxonomy().topics[0]) == ["Points: Loyalty card", "ポイント"]


def test_a_workspace_larger_than_what_is_remembered_opens(annotator: Annotator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlp.custom_topics.MOST_TEXTS", 2)
    model = annotator.open(StoredWorkspaceModel(taxonomy=a_taxonomy(examples=[f"example {at}" for at in range(5)])))
    assert annotator.annotate([TextInput("Nothing here.")], workspace=model)[0].taxonomy == "1+t3"


def test_names_are_read_by_token_and_examples_are_not(annotator: Annotator, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = annotator._backend
    read: list[tuple[int, bool]] = []
    states = backend.states

    def states_and_note(windows: Sequence[Sequence[int]], *, by_token: bool = False) -> list[Floats]:
        read.append((len(windows), by_token))
        return states(windows, by_token=by_token)

    monkeypatch.setattr(backend, "states", states_and_note)
    annotator.open(StoredWorkspaceModel(taxonomy=a_taxonomy(5, examples=["ポイント", "My points are gone."])))
    assert sorted(read) == [(2, False), (3, True)]


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
    encode = annotator._topics._encode

    def encode_and_note(texts: Sequence[str], *, by_token: bool) -> list[Encoded]:
        asked.extend(texts)
        return encode(texts, by_token=by_token)

    annotator._topics._encode = encode_and_note
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
