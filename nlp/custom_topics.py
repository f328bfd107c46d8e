"""A workspace's own topics: from a name, a description and a few examples to probabilities, in closed form and in any language.

A topic is where its name and its examples lie, by their meaning (the embedding) and by their words; what it is told apart from is
ordinary feedback and the topics beside it. That is Fisher's linear discriminant with one covariance for all, shrunk towards a sphere; the
more examples a workspace gives, the more they shape it. Beside it stands how far the words of a name are said in the text at all.
Source: Fisher, "The use of multiple measurements in taxonomic problems" (1936); shrinkage: Ledoit and Wolf (2004).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nlp.batching import Window, segment_ids
from nlp.calibrate import sigmoid, softmax
from nlp.embedding import unpacked
from nlp.heads import BACKGROUND_WORDS, NAMES_MIDDLE, ODDS, Floats, Heads, row_by_row
from nlp.mentions import TopicScores, mentions
from nlp.pooling import Pooled
from nlp.wording import Phrases, Wording, Words, units
from store.records import CustomTopic, Span, TopicMention, WorkspaceTaxonomy

NAME_WEIGHT = 1.0  # a name counts as much as so many examples
WORDS_WEIGHT = 0.5  # of the direction of the words beside the embedding
ROOM = 4.0  # of the sphere in the covariance, in shares of its mean variance
BY_WORDS = 0.15  # how much it counts what is said of a name, beside where the text lies
SHARPNESS, LEAST_SHARE = 2.0, 1e-3  # of the shares of topics
SAID_SPREAD = 0.1  # usual deviation of how far names are said
FEW = 8  # topics whose own deviation counts as much as the usual one
OWN_HALF = 300  # with so many examples more than topics a workspace's own texts are half of the covariance
MOST_TEXTS, MOST_TAXONOMIES = 20_000, 64  # remembered: 40 MB of texts read, and the matrices of so many workspaces
EXAMPLES_AT, TOPICS_AT = (0, 4, 16), (1, 4, 16, 64)
"""The odds are fitted at so many examples of a topic and so many topics in all; between them they are means by distance of logarithms."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as topics are looked for in it: its embedding (d,), of length one, and its words."""

    embedding: Floats
    words: Words


@dataclass(frozen=True, slots=True)
class TopicReadings:
    """What a topic is called, at least once, and its examples."""

    id: str
    names: Sequence[Reading]
    examples: Sequence[Reading]


class Background:
    """What a model knows of ordinary feedback: where texts lie (b, D), where names of topics do on the mean (D,), and `odds`
    (examples, topics, FEATURES + 2): weights of the features, a constant and a threshold for each of EXAMPLES_AT and TOPICS_AT.
    """

    def __init__(self, places: Floats, names: Floats, odds: Floats) -> None:
        self.places, self.names, self.odds = places, names, odds
        self.middle: Floats = places.mean(axis=0)
        self.covariance: Floats = np.cov((places - self.middle).T, dtype=np.float32)

    @classmethod
    def of(cls, heads: Heads) -> Background | None:
        """As `models.training.custom_topics` left it; None with a model that has none."""
        words, names, odds = (heads.array(name) for name in (BACKGROUND_WORDS, NAMES_MIDDLE, ODDS))
        if words is None or names is None or odds is None or not heads.embeds:
            return None
        return cls(np.concatenate([heads.background, WORDS_WEIGHT * units(words)], axis=1), names, odds)


def place(reading: Reading) -> Floats:
    """(D,) where a text lies: its embedding, and beside it where its words point."""
    return np.concatenate([reading.embedding, WORDS_WEIGHT * reading.words.direction])


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of n texts and T topics: `scores` (n, T) how far a text lies towards the topic, in deviations of ordinary feedback; `said` (n, T) how
    far the words of its name are said; `lengths` (n,) in words."""

    scores: Floats
    said: Floats
    lengths: Floats


class TopicScorer:
    """Probabilities of all topics of a workspace."""

    FEATURES = 5

    def __init__(self, topics: Sequence[TopicReadings], background: Background) -> None:
        self.ids = tuple(topic.id for topic in topics)
        self._middle = background.middle
        examples = [np.stack([place(one) for one in topic.examples]) - self._middle for topic in topics if topic.examples]
        names = [np.stack([place(one) for one in topic.names]) - background.names for topic in topics]
        means = _means(names, [len(topic.examples) for topic in topics], examples)
        weights = np.linalg.solve(_covariance(background, examples), means.T).T
        self._weights: Floats = (weights / np.sqrt((weights * means).sum(axis=1, keepdims=True))).astype(np.float32)
        usual = self._scores(background.places)
        self._usual, self._spread = usual.mean(axis=0), usual.std(axis=0) + np.float32(1e-6)
        self._phrases = Phrases([name.words for topic in topics for name in topic.names])
        self._owners = np.cumsum([0, *(len(topic.names) for topic in topics)])[:-1]
        odds = np.stack([odds_for(background.odds, len(topic.examples), len(topics)) for topic in topics])
        self._odds, self.thresholds = odds[:, :-1], odds[:, -1]

    def evidence(self, readings: Sequence[Reading]) -> Evidence:
        """What the texts show; nothing of a text depends on the others."""
        scores = self._scores(np.stack([place(one) for one in readings]))
        said = np.stack([np.maximum.reduceat(self._phrases.said_in(one.words), self._owners) for one in readings])
        return Evidence(scores, said, np.array([len(one.words.vectors) for one in readings], np.float32))

    def features(self, found: Evidence) -> Floats:
        """(n, T, FEATURES). How many deviations a text stands out of ordinary feedback; how far the name is said; how long the text is,
        for in a long one more seems to be said; how much likelier the topic is than all on the mean, by where the text lies and by what is
        said; and the logarithm of its share among the topics. The last holds in any field and language: what a whole field has in common,
        all its topics have."""
        likelier = _above_mean(found.scores, float(self._spread.mean())) + BY_WORDS * _above_mean(found.said, SAID_SPREAD)
        parts = [
            (found.scores - self._usual) / self._spread,
            found.said,
            np.broadcast_to(np.log1p(found.lengths)[:, np.newaxis], found.said.shape),
            likelier,
            np.log(softmax(likelier, 1 / SHARPNESS) + LEAST_SHARE),
        ]
        features: Floats = np.stack(parts, axis=2)
        return features

    def probabilities(self, readings: Sequence[Reading]) -> Floats:
        """(n, T) that a text speaks of each topic; the answer for a text does not depend on the others."""
        logits = (self.features(self.evidence(readings)) * self._odds[:, :-1]).sum(axis=2) + self._odds[:, -1]
        return sigmoid(logits)

    def _scores(self, places: Floats) -> Floats:
        return row_by_row(places - self._middle, self._weights, np.zeros(len(self._weights), np.float32))


def odds_for(odds: Floats, examples: int, topics: int) -> Floats:
    """(FEATURES + 2,) for a topic with so many examples among so many topics."""
    by_topics = np.stack([_between(np.log(TOPICS_AT), np.log(topics), part) for part in odds])
    return _between(np.log1p(EXAMPLES_AT), np.log1p(examples), by_topics)


def _between(points: Floats, at: float, values: Floats) -> Floats:
    """The mean by distance of the rows of `values` (points, k) on both sides."""
    means: Floats = np.array([np.interp(at, points, column) for column in values.T], np.float32)
    return means


def _above_mean(values: Floats, usual: float) -> Floats:
    """(n, T) above the mean of a text's topics, in deviations: of these as far as they are many, else the usual one."""
    topics = values.shape[1]
    apart = values - values.mean(axis=1, keepdims=True)
    variance = ((apart**2).sum(axis=1, keepdims=True) + FEW * usual**2) / (topics + FEW)
    above: Floats = apart / np.sqrt(variance)
    return above


def _means(names: Sequence[Floats], counts: Sequence[int], examples: Sequence[Floats]) -> Floats:
    """(T, D) between name and examples; a name is as far out as one text is, the mean of many texts less. `examples` are those of the
    topics whose count is not 0."""
    given = iter(examples)
    totals = [
        NAME_WEIGHT * name.mean(axis=0) + (next(given).sum(axis=0) if count else 0) for name, count in zip(names, counts, strict=True)
    ]
    means: Floats = np.stack(totals) / (NAME_WEIGHT + np.array(counts, np.float32)[:, np.newaxis])
    return means


def _covariance(background: Background, examples: Sequence[Floats]) -> Floats:
    """Of texts around the mean of their own topic; for want of examples, of ordinary feedback around its middle."""
    own = np.concatenate([background.places[:0], *(of_topic - of_topic.mean(axis=0) for of_topic in examples)])
    free = len(own) - len(examples)
    share = free / (free + OWN_HALF)
    covariance = (1 - share) * background.covariance
    if free:
        covariance = covariance + share * (own.T @ own / np.float32(free))
    shrunk: Floats = covariance + ROOM * np.trace(covariance) / len(covariance) * np.eye(len(covariance), dtype=np.float32)
    return shrunk


class OwnTopics:
    """The topics that a workspace added, ready to be looked for; `hidden` are built-in ones that it does not want to see."""

    def __init__(self, version: str, scorer: TopicScorer | None, heads: Heads, wording: Wording | None, hidden: frozenset[str]) -> None:
        """`scorer` is None for a workspace that only hides topics."""
        self.version, self.hidden = version, hidden
        self._scorer, self._heads, self._wording = scorer, heads, wording

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(self._scorer.ids) if self._scorer else frozenset()

    def mentions(self, pooled: Pooled, windows: Sequence[Window], spans: Sequence[Span]) -> tuple[TopicMention, ...]:
        """The topics that a text speaks of, as `nlp.mentions` reads them; the sentiment is that of the text and of the evidence."""
        if self._scorer is None or self._wording is None:
            return ()
        vectors = np.concatenate([pooled.whole[np.newaxis], pooled.segments])
        segments = segment_ids(windows)
        ids = [[one for number in pooled.numbers for one in segments[number]], *(segments[number] for number in pooled.numbers)]
        words = [self._wording.of(one) for one in ids]
        presence = self._scorer.probabilities([Reading(*one) for one in zip(self._heads.embedding(vectors), words, strict=True)])
        sentiment = np.repeat(self._heads.sentiment(vectors)[:, np.newaxis], presence.shape[1], axis=1)
        scores = TopicScores(presence, sentiment)
        return mentions(
            self._scorer.ids, self._scorer.thresholds, scores.rows(0, 1), scores.rows(1, len(vectors)), [spans[n] for n in pooled.numbers]
        )


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a model makes of a text: its direction in bytes, and its token ids without specials."""

    direction: bytes
    ids: tuple[int, ...]


class Encode(Protocol):
    """Reads texts through the model; `by_token` as `Backend.states` has it."""

    def __call__(self, texts: Sequence[str], *, by_token: bool) -> list[Encoded]: ...


class TopicOpener:
    """Makes the topics of workspaces ready, and remembers what it made. Threads may share it."""

    def __init__(self, heads: Heads, wording: Wording | None, encode: Encode) -> None:
        self._heads, self._wording, self._encode = heads, wording, encode
        self._turn = threading.Lock()
        self._background: Background | None = None  # 3 MB that a process without such workspaces has no use for
        self._encoded: OrderedDict[tuple[str, bool], Encoded] = OrderedDict()  # by the text, and whether by token
        self._opened: OrderedDict[WorkspaceTaxonomy, OwnTopics] = OrderedDict()

    @property
    def ready(self) -> bool:
        """Whether the model has what topics are told by."""
        return self._heads.array(ODDS) is not None

    def open(self, taxonomy: WorkspaceTaxonomy) -> OwnTopics:
        """The topics ready for use; none of a workspace's own with a model that cannot tell them."""
        with self._turn:
            if taxonomy not in self._opened:
                scorer = self._scorer(taxonomy.topics)
                self._opened[taxonomy] = OwnTopics(f"t{taxonomy.number}", scorer, self._heads, self._wording, taxonomy.hidden)
            self._opened.move_to_end(taxonomy)
            while len(self._opened) > MOST_TAXONOMIES:
                self._opened.popitem(last=False)
            return self._opened[taxonomy]

    def _scorer(self, topics: Sequence[CustomTopic]) -> TopicScorer | None:
        if topics and self._background is None:
            self._background = Background.of(self._heads)
        if not topics or self._background is None or self._wording is None:
            return None
        # Of two or three words no layer may miss one.
        names = [[(name, True) for name in names_of(topic)] for topic in topics]
        examples = [[(text, False) for text in topic.examples] for topic in topics]
        self._learn([one for of_topic in (*names, *examples) for one in of_topic])
        read = [
            TopicReadings(topic.id, self._readings(called, self._wording), self._readings(shown, self._wording))
            for topic, called, shown in zip(topics, names, examples, strict=True)
        ]
        return TopicScorer(read, self._background)

    def _learn(self, wanted: Sequence[tuple[str, bool]]) -> None:
        unknown = sorted(set(wanted) - self._encoded.keys())
        for by_token in (False, True):
            if asked := [one for one in unknown if one[1] == by_token]:
                self._encoded.update(zip(asked, self._encode([text for text, _ in asked], by_token=by_token), strict=True))
        for one in wanted:
            self._encoded.move_to_end(one)
        while len(self._encoded) > max(MOST_TEXTS, len(set(wanted))):
            self._encoded.popitem(last=False)

    def _readings(self, wanted: Sequence[tuple[str, bool]], wording: Wording) -> list[Reading]:
        known = [self._encoded[one] for one in wanted]
        return [Reading(unpacked([one.direction])[0], wording.of(one.ids)) for one in known]


def names_of(topic: CustomTopic) -> list[str]:
    """What a topic is called, in each language, with what is said of it there."""
    described = dict(topic.description)
    return [f"{name}: {described[language]}" if described.get(language) else name for language, name in topic.name]
