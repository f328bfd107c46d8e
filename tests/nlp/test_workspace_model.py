"""What one workspace adds to the shared model: its own heads and topics answer its own texts, and nobody else's."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from nlp.adaptation import AdaptationInvalid, adaptation_content, open_adaptation
from nlp.annotator import Annotator, TextInput
from nlp.batching import Window
from nlp.heads import Calibration
from nlp.pooling import Pooled
from nlp.workspace_model import PLAIN, WorkspaceModel, open_workspace_model
from store.records import Span, StoredAdaptation, StoredWorkspaceModel, TopicMention
from tests.nlp.fakes import HIDDEN, FakeBackend, fake_annotator

TOPICS = len(fake_annotator().taxonomy.topics)
CALIBRATION = Calibration({"sentiment": 0.5, "complaint": 1.0, "presence": 1.0, "topic_sentiment": 1.0}, (0.5,) * TOPICS, abstain_below=0.7)
TEXTS = [TextInput(text) for text in ("The parcel came late.", "最高", "I love it. The staff was rude.", "ok")]


def a_stored_adaptation(number: int = 3, *, weights: str = "fake", bias: Sequence[float] = (0, 0, 1e3)) -> StoredAdaptation:
    """Heads to which all is positive, or whatever the bias says."""
    content = adaptation_content({"sentiment.out.bias": np.array(bias, np.float32)}, CALIBRATION)
    return StoredAdaptation(number, weights, content, "")


def a_model(number: int = 3, *, weights: str = "fake", bias: Sequence[float] = (0, 0, 1e3)) -> WorkspaceModel:
    return WorkspaceModel(adaptation=open_adaptation(sealed(a_stored_adaptation(number, weights=weights, bias=bias))))


def sealed(stored: StoredAdaptation) -> StoredAdaptation:
    from hashlib import sha256

    return replace(stored, digest=sha256(stored.content).hexdigest())


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def annotator(backend: FakeBackend) -> Annotator:
    return fake_annotator(backend)


def test_heads_of_a_workspace_answer_its_texts_and_name_their_version(annotator: Annotator) -> None:
    found = annotator.annotate(TEXTS, workspace=a_model())
    assert {one.sentiment.label for one in found} == {"positive"}
    assert {(one.model, one.taxonomy) for one in found} == {("fake-1+a3", "1")}
    assert annotator.versions(a_model()) == ("fake-1+a3", "1")


def test_what_was_not_fitted_stays_as_the_shared_model_has_it(annotator: Annotator) -> None:
    own, shared = annotator.annotate(TEXTS, workspace=a_model()), annotator.annotate(TEXTS)
    assert [(one.topics, one.complaint, one.language) for one in own] == [(one.topics, one.complaint, one.language) for one in shared]


def test_texts_of_all_workspaces_share_one_pass_and_none_changes_the_answer_of_another(annotator: Annotator, backend: FakeBackend) -> None:
    models = [PLAIN, a_model(1), a_model(2, bias=(1e3, 0, 0)), PLAIN]
    alone = [annotator.annotate([text], workspace=model)[0] for text, model in zip(TEXTS, models, strict=True)]
    backend.calls.clear()
    prepared = [annotator.prepare([text], workspace=model)[0] for text, model in zip(TEXTS, models, strict=True)]
    assert annotator.answer(prepared) == alone
    assert len(backend.calls) == 1
    assert [one.model for one in alone] == ["fake-1", "fake-1+a1", "fake-1+a2", "fake-1"]


def test_heads_that_were_fitted_on_another_model_are_left_alone(annotator: Annotator) -> None:
    assert annotator.annotate(TEXTS, workspace=a_model(weights="another")) == annotator.annotate(TEXTS)


def test_what_was_stored_is_what_was_fitted() -> None:
    stored = sealed(a_stored_adaptation())
    opened = open_adaptation(stored)
    assert opened.arrays["sentiment.out.bias"].tolist() == [0, 0, 1000]
    assert (opened.number, opened.weights, opened.calibration) == (3, "fake", CALIBRATION)


def test_damaged_heads_are_refused_and_the_shared_model_answers() -> None:
    stored = sealed(a_stored_adaptation())
    damaged = replace(stored, content=stored.content[:-1] + b"x")
    with pytest.raises(AdaptationInvalid, match="adaptation 3: expected sha256"):
        open_adaptation(damaged)
    assert open_workspace_model(StoredWorkspaceModel(adaptation=damaged)) is PLAIN
    assert open_workspace_model(StoredWorkspaceModel()) is PLAIN


class Weather:
    """A topic that every text with segments speaks of."""

    version = "t7"
    ids = frozenset({"weather"})
    hidden = frozenset[str]()

    def mentions(self, pooled: Pooled, windows: Sequence[Window], spans: Sequence[Span]) -> Sequence[TopicMention]:
        assert pooled.whole.shape == (HIDDEN,)
        return [TopicMention("weather", 0.99999, "neutral", tuple(spans[:1]))]


def test_topics_of_a_workspace_stand_beside_those_of_the_taxonomy(annotator: Annotator) -> None:
    model = WorkspaceModel(topics=Weather())
    own, shared = annotator.annotate(TEXTS[2:3], workspace=model)[0], annotator.annotate(TEXTS[2:3])[0]
    assert own.taxonomy == "1+t7"
    assert own.topics[0] == TopicMention("weather", 0.99999, "neutral", (Span(0, 10),))
    assert own.topics[1:] == shared.topics
    only = annotator.annotate(TEXTS[2:3], workspace=model, topics=frozenset({"weather"}))[0]
    assert [mention.id for mention in only.topics] == ["weather"]
