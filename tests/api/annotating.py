"""A small model for tests of the API: it knows three words, and takes as long as a test wants."""

import threading
from collections.abc import Sequence

from nlp.annotator import Annotator, Prepared, TextInput
from nlp.topics import load_taxonomy
from nlp.workspace_model import PLAIN, WorkspaceModel
from store.records import Annotation, Complaint, Emotion, Language, Sentiment, SentimentScore, Span, TopicMention

WORDS: dict[str, tuple[Sentiment, str]] = {
    "late": ("negative", "delivery"),
    "rude": ("negative", "staff"),
    "love": ("positive", "product_quality"),
}


class WordAnnotator(Annotator):
    """Says negative of `late` and `rude`, positive of `love`, neutral of the rest; waits for `gate` before it answers."""

    def __init__(self) -> None:
        self.model = "words-1"
        self.weights = "words"
        self.taxonomy = load_taxonomy()
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self.texts: list[str] = []
        self.failure: Exception | None = None

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
        model, taxonomy = self.versions(one.workspace)
        return Annotation(
            language=one.language,
            sentiment=SentimentScore(sentiment, 0.8, scores | {sentiment: 0.8}, abstained=False),
            topics=tuple(mentions),
            complaint=Complaint(sentiment == "negative", 0.75),
            model=model,
            taxonomy=taxonomy,
            emotion=Emotion("joy", 0.6) if sentiment == "positive" else None,
        )
