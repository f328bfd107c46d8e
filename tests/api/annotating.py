"""A small model for tests of the API: it knows three words, and takes as long as a test wants."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from nlp.annotator import Annotator, Prepared, TextInput
from nlp.batching import Window
from nlp.pooling import Pooled
from nlp.topics import load_taxonomy
from nlp.workspace_model import PLAIN, WorkspaceModel, open_workspace_model
from store.records import (
    Annotation,
    Complaint,
    Embedding,
    Emotion,
    Language,
    Sentiment,
    SentimentScore,
    Span,
    StoredWorkspaceModel,
    TopicMention,
    WorkspaceTaxonomy,
)

WORDS: dict[str, tuple[Sentiment, str]] = {
    "late": ("negative", "delivery"),
    "rude": ("negative", "staff"),
    "love": ("positive", "product_quality"),
}


class ExampleTopics:
    """Topics of a workspace: a text speaks of one when it holds one of its examples."""

    def __init__(self, taxonomy: WorkspaceTaxonomy) -> None:
        self.version, self.hidden = f"t{taxonomy.number}", taxonomy.hidden
        self._topics = taxonomy.topics

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(topic.id for topic in self._topics)

    def find(self, text: str) -> list[TopicMention]:
        return [
            TopicMention(topic.id, 0.9, "neutral", (Span(0, len(text)),))
            for topic in self._topics
            if any(example in text for example in topic.examples)
        ]

    def mentions(self, pooled: Pooled, windows: Sequence[Window], spans: Sequence[Span]) -> list[TopicMention]:
        raise AssertionError("a model of words has no vectors")


class WordAnnotator(Annotator):
    """Says negative of `late` and `rude`, positive of `love`, neutral of the rest; waits for `gate` before it answers."""

    def __init__(self) -> None:
        self.model = "words-1"
        self.weights = self.space = "words"
        self.taxonomy = load_taxonomy()
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self.texts: list[str] = []
        self.failure: Exception | None = None

    finds_topics = True

    def open(self, stored: StoredWorkspaceModel) -> WorkspaceModel:
        topics = None if stored.taxonomy is None else ExampleTopics(stored.taxonomy)
        return replace(open_workspace_model(stored), topics=topics)

    def prepare(
        self, texts: Sequence[TextInput], *, topics: frozenset[str] | None = None, workspace: WorkspaceModel = PLAIN
    ) -> list[Prepared]:
        return [
            Prepared(Language(one.language or "en", 0.5), (), (), 16, cleaned=one.text, topics=topics, workspace=workspace) for one in texts
        ]

    def answer(self, prepared: Sequence[Prepared]) -> list[Annotation]:
        self.asked.set()
        self.gate.wait(10)
        if self.failure is not None:
            raise self.failure
        self.texts += [one.cleaned for one in prepared]
        return [self._answer_one(one) for one in prepared]

    def _answer_one(self, one: Prepared) -> Annotation:
        word = next((word for word in WORDS if word in one.cleaned), None)
        sentiment, topic = WORDS.get(word or "", ("neutral", ""))
        scores: dict[Sentiment, float] = {"negative": 0.1, "neutral": 0.1, "positive": 0.1}
        mentions = []
        if word is not None and (one.topics is None or topic in one.topics):
            start = one.cleaned.index(word)
            mentions.append(TopicMention(topic, 0.75, sentiment, (Span(start, start + len(word)),)))
        if isinstance(one.workspace.topics, ExampleTopics):
            mentions = [mention for mention in mentions if mention.id not in one.workspace.topics.hidden]
            mentions += one.workspace.topics.find(one.cleaned)
        model, taxonomy = self.versions(one.workspace)
        return Annotation(
            language=one.language,
            sentiment=SentimentScore(sentiment, 0.8, scores | {sentiment: 0.8}, abstained=False),
            topics=tuple(mentions),
            complaint=Complaint(sentiment == "negative", 0.75),
            model=model,
            taxonomy=taxonomy,
            emotion=Emotion("joy", 0.6) if sentiment == "positive" else None,
            embedding=Embedding(self.space, bytes([100 if word in one.cleaned else 1 for word in WORDS])),
        )
