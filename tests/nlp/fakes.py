"""A transformer that knows no language: each token's state is drawn from its id, so that answers are quick, exact and can be held up."""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nlp.annotator import Annotator, SentimentModel
from nlp.bundle import BUNDLED, EMBEDDINGS, TOKENIZER, Bundle
from nlp.custom_topics import EXAMPLES_AT, TOPICS_AT, TopicScorer
from nlp.encode import Tokenizer, WordVectors
from nlp.heads import (
    BACKGROUND,
    BACKGROUND_WORDS,
    EMBEDDING,
    EMOTION,
    NAMES_MIDDLE,
    ODDS,
    PARTS,
    WORDS_MIDDLE,
    Calibration,
    Floats,
    Heads,
)
from nlp.language import LanguageDetector, open_detector
from nlp.topics import load_taxonomy
from store.records import EMOTIONS

HIDDEN, EMBEDDED = 8, 6
WORDS_HIDDEN = 384  # of the bundled word vectors


class FakeBackend:
    """Remembers the windows it was given; `gate` holds it up while cleared, calls of fewer than `held` windows excepted; `broken` makes it
    fail."""

    name = "fake"

    def __init__(self) -> None:
        self.calls: list[list[tuple[int, ...]]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.running = threading.Event()
        self.broken = False
        self.held = 0

    def states(self, windows: Sequence[Sequence[int]], *, by_token: bool = False) -> list[NDArray[np.float32]]:
        self.calls.append([tuple(window) for window in windows])
        self.running.set()
        assert len(windows) < self.held or self.gate.wait(30)
        if self.broken:
            raise RuntimeError("the model broke")
        return [np.stack([np.random.default_rng(token).normal(size=HIDDEN) for token in window]).astype(np.float32) for window in windows]


class FakeBundle(Bundle):
    """With the bundled word vectors, whose width is not that of the fake states."""

    def words(self) -> WordVectors:
        return WordVectors(BUNDLED / EMBEDDINGS, vocabulary=self.tokenizer.size, hidden=WORDS_HIDDEN)


def plain_odds() -> Floats:
    """A text speaks of a topic that stands out of ordinary feedback or whose name is said."""
    odds = np.zeros((len(EXAMPLES_AT), len(TOPICS_AT), TopicScorer.FEATURES + 2), np.float32)
    odds[..., [0, 1, 3, -2, -1]] = 2.0, 4.0, 1.0, -5.5, 0.3
    return odds


def fake_bundle(
    *, thresholds: float = 0.5, abstain_below: float = 0.4, max_tokens: int = 128, emotion: bool = False, embeds: bool = False
) -> Bundle:
    """The bundled tokenizer with heads of random weights."""
    generator = np.random.default_rng(7)
    topics = [topic.id for topic in load_taxonomy().topics]
    outputs = {"sentiment": 3, "complaint": 1, "presence": len(topics), "topic_sentiment": 3 * len(topics)}
    if emotion:
        outputs[EMOTION] = len(EMOTIONS)
    if embeds:
        outputs[EMBEDDING] = EMBEDDED
    shapes = {"norm": (HIDDEN,), "dense": (HIDDEN, HIDDEN)}
    weights = {
        f"{task}.{part}": generator.normal(size=_shape(part, shapes, size)).astype(np.float32)
        for task, size in outputs.items()
        for part in PARTS
    }
    if embeds:
        weights |= {
            BACKGROUND: generator.normal(size=(64, EMBEDDED)).astype(np.float32),
            BACKGROUND_WORDS: generator.normal(size=(64, WORDS_HIDDEN)).astype(np.float32),
            NAMES_MIDDLE: np.zeros(EMBEDDED + WORDS_HIDDEN, np.float32),
            WORDS_MIDDLE: np.zeros(WORDS_HIDDEN, np.float32),
            ODDS: plain_odds(),
        }
    calibration = Calibration(dict.fromkeys(outputs, 1.0), (thresholds,) * len(topics), abstain_below)
    return FakeBundle(
        folder=BUNDLED,
        name="fake",
        version="1",
        digest="fake",
        taxonomy_version="1",
        max_tokens=max_tokens,
        hidden=HIDDEN,
        tokenizer=Tokenizer((BUNDLED / TOKENIZER).read_bytes()),
        heads=Heads(weights, topics, calibration),
    )


def _shape(part: str, shapes: dict[str, tuple[int, ...]], outputs: int) -> tuple[int, ...]:
    layer, kind = part.split(".")
    shape = shapes.get(layer, (outputs, HIDDEN))
    return shape[:1] if kind == "bias" else shape


def fake_annotator(
    backend: FakeBackend | None = None, *, bundle: Bundle | None = None, sentiment: SentimentModel | None = None
) -> Annotator:
    return Annotator(bundle or fake_bundle(), backend or FakeBackend(), a_detector(), load_taxonomy(), sentiment=sentiment)


def a_detector() -> LanguageDetector:
    return open_detector("py3langid")
