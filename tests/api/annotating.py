"""A small model for tests of the API: it knows three words, and takes as long as a test wants."""

import threading
from collections.abc import Sequence

from nlp.annotator import TextInput
from nlp.topics import load_taxonomy
from store.records import Annotation, Complaint, Language, Sentiment, SentimentScore, Span, TopicMention

WORDS: dict[str, tuple[Sentiment, str]] = {
    "late": ("negative", "delivery"),
    "rude": ("negative", "staff"),
    "love": ("positive", "product_quality"),
}


class WordAnnotator:
    """Says negative of `late` and `rude`, positive of `love`, neutral of the rest; waits for `gate` before it answers."""

    def __init__(self) -> None:
        self.model = "words-1"
        self.taxonomy = load_taxonomy()
        self.gate = threading.Event()
        self.gate.set()
        self.texts: list[str] = []

    def annotate(self, texts: Sequence[TextInput], *, topics: frozenset[str] | None = None) -> list[Annotation]:
        self.gate.wait(10)
        self.texts += [one.text for one in texts]
        return [self._annotate(one, topics) for one in texts]

    def _annotate(self, one: TextInput, topics: frozenset[str] | None) -> Annotation:
        word = next((word for word in WORDS if word in one.text), None)
        sentiment, topic = WORDS.get(word or "", ("neutral", ""))
        scores: dict[Sentiment, float] = {"negative": 0.1, "neutral": 0.1, "positive": 0.1}
        mentions = []
        if word is not None and (topics is None or topic in topics):
            start = one.text.index(word)
            mentions.append(TopicMention(topic, 0.75, sentiment, (Span(start, start + len(word)),)))
        return Annotation(
            language=Language(one.language or "en", 0.5),
            sentiment=SentimentScore(sentiment, 0.8, scores | {sentiment: 0.8}, abstained=False),
            topics=tuple(mentions),
            complaint=Complaint(sentiment == "negative", 0.75),
            model=self.model,
            taxonomy=self.taxonomy.version,
        )
