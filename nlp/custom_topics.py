"""A workspace's own topics: from a name, a description and a few examples to a score on embeddings, in closed form and in any language.

A topic is where its name and its examples lie; what it is told apart from is ordinary feedback and the topics beside it. That is Fisher's
linear discriminant with one covariance for all, shrunk towards a sphere; the more examples a workspace gives, the more they shape it.
Source: Fisher, "The use of multiple measurements in taxonomic problems" (1936); shrinkage: Ledoit and Wolf (2004).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nlp.calibrate import sigmoid
from nlp.embedding import unpacked
from nlp.heads import Floats, Heads, row_by_row
from nlp.mentions import TopicScores, mentions
from nlp.pooling import Pooled
from store.records import CustomTopic, Span, TopicMention, WorkspaceTaxonomy

NAME_WEIGHT = 1.0  # a name counts as much as so many examples
ROOM = 1.0  # of the sphere in the covariance, in shares of its mean variance
OWN_HALF = 300  # with so many examples a workspace's own texts are half of the covariance
LEAST_BESIDE = 10  # topics: their texts then tell what is usual in their field
MOST_TEXTS, MOST_TAXONOMIES = 20_000, 64  # remembered: 8 MB of directions, and the matrices of so many workspaces


@dataclass(frozen=True, slots=True)
class TopicVectors:
    """Embeddings of what a topic is called (k, d), at least one, and of its examples (n, d)."""

    id: str
    names: Floats
    examples: Floats


@dataclass(frozen=True, slots=True)
class Odds:
    """Log-odds of a topic: by how far a text stands out of ordinary feedback, and falls behind the likeliest topic beside it."""

    standing_out: float
    falling_behind: float
    constant: float
    threshold: float


ODDS = (
    (0, Odds(0.97, 0.39, -2.94, 0.18)),
    (4, Odds(1.09, 0.75, -3.31, 0.22)),
    (16, Odds(1.25, 1.17, -3.69, 0.28)),
)
"""By the number of examples; between two of them the mean by distance. Logistic regressions on names of training labels: 30 draws of 2 to 8
topics, 400 texts that are labelled with one of them and 800 of other sets; the thresholds have the best F1 there."""


class TopicScorer:
    """Scores of all topics of a workspace, on embeddings of length one."""

    def __init__(self, topics: Sequence[TopicVectors], background: Floats) -> None:
        """`background` (b, d): embeddings of ordinary feedback."""
        self.ids = tuple(topic.id for topic in topics)
        self._middle = background.mean(axis=0)
        centred = background - self._middle
        means = np.stack([self._mean_of(topic) for topic in topics])
        weights = means @ _inverse(_covariance(centred, [topic.examples - self._middle for topic in topics]))
        self._weights = weights.astype(np.float32)
        self._constants: Floats = (-0.5 * (weights * means).sum(axis=1)).astype(np.float32)
        usual = self.scores(background)
        self._usual, self._spread = usual.mean(axis=0), usual.std(axis=0) + np.float32(1e-6)
        self._among = self._scores_among(topics)
        odds = [odds_for(len(topic.examples)) for topic in topics]
        self._odds = np.array([(one.standing_out, one.falling_behind, one.constant) for one in odds], np.float32).T
        self.thresholds: Floats = np.array([one.threshold for one in odds], np.float32)

    def scores(self, embeddings: Floats) -> Floats:
        """(n, T) log-likelihood ratios to the middle of ordinary feedback, up to a constant: the largest is the likeliest topic."""
        return row_by_row(embeddings - self._middle, self._weights, self._constants)

    def features(self, embeddings: Floats) -> tuple[Floats, Floats]:
        """How many deviations a text stands out of what is usual (n, T), and falls behind the likeliest other topic."""
        scores = self.scores(embeddings)
        out: Floats = (scores - self._usual) / self._spread
        if self._among is not None:
            out = np.minimum(out, (scores - self._among[0]) / self._among[1])
        if len(self.ids) < 2:
            return out, np.zeros_like(out)
        first_two = np.sort(scores, axis=1)[:, -2:]
        best_other = np.where(scores >= first_two[:, 1:], first_two[:, :1], first_two[:, 1:])
        behind: Floats = np.minimum(0, (scores - best_other) / self._spread.mean())
        return out, behind

    def probabilities(self, embeddings: Floats) -> Floats:
        """(n, T) that a text speaks of each topic."""
        out, behind = self.features(embeddings)
        standing_out, falling_behind, constant = self._odds
        return sigmoid(out * standing_out + behind * falling_behind + constant)

    def _scores_among(self, topics: Sequence[TopicVectors]) -> tuple[Floats, Floats] | None:
        """Mean and deviation of each topic's scores on the texts of the others: in a field of its own every text stands out of ordinary
        feedback (on banking77 micro-F1 was 6 % without it, 68 % with it). None with too few topics to tell."""
        if len(topics) < LEAST_BESIDE:
            return None
        scores = self.scores(np.concatenate([part for topic in topics for part in (topic.names, topic.examples)]))
        owner = np.concatenate([[at] * (len(topic.names) + len(topic.examples)) for at, topic in enumerate(topics)])
        others = [scores[owner != at, at] for at in range(len(topics))]
        means, deviations = ([fn(one) for one in others] for fn in (np.mean, np.std))
        return np.array(means, np.float32), np.array(deviations, np.float32) + np.float32(1e-6)

    def _mean_of(self, topic: TopicVectors) -> Floats:
        """Between name and examples; a name is as far out as one text is, the mean of many texts less."""
        named = (topic.names - self._middle).mean(axis=0)
        total = NAME_WEIGHT * named + (topic.examples - self._middle).sum(axis=0)
        mean: Floats = total / (NAME_WEIGHT + len(topic.examples))
        return mean


def odds_for(examples: int) -> Odds:
    """The odds for so many examples."""
    counts = [count for count, _ in ODDS]
    parts = [[getattr(odds, name) for _, odds in ODDS] for name in ("standing_out", "falling_behind", "constant", "threshold")]
    return Odds(*(float(np.interp(examples, counts, values)) for values in parts))


def _covariance(background: Floats, examples: Sequence[Floats]) -> Floats:
    own = np.concatenate(examples)
    share = len(own) / (len(own) + OWN_HALF)
    covariance = (1 - share) * np.cov(background.T)
    if len(own) > 1:
        covariance = covariance + share * np.cov(own.T)
    shrunk: Floats = covariance + ROOM * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    return shrunk


def _inverse(matrix: Floats) -> Floats:
    inverse: Floats = np.linalg.inv(matrix)
    return inverse


class OwnTopics:
    """The topics that a workspace added, ready to be looked for; `hidden` are built-in ones that it does not want to see."""

    def __init__(self, version: str, scorer: TopicScorer | None, heads: Heads, hidden: frozenset[str]) -> None:
        """`scorer` is None for a workspace that only hides topics."""
        self.version, self.hidden = version, hidden
        self._scorer, self._heads = scorer, heads

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(self._scorer.ids) if self._scorer else frozenset()

    def mentions(self, pooled: Pooled, spans: Sequence[Span]) -> tuple[TopicMention, ...]:
        """The topics that a text speaks of, as `nlp.mentions` reads them; the sentiment is that of the text and of the evidence."""
        if self._scorer is None:
            return ()
        vectors = np.concatenate([pooled.whole[np.newaxis], pooled.segments])
        presence = self._scorer.probabilities(self._heads.embedding(vectors))
        sentiment = np.repeat(self._heads.sentiment(vectors)[:, np.newaxis], presence.shape[1], axis=1)
        scores = TopicScores(presence, sentiment)
        return mentions(
            self._scorer.ids, self._scorer.thresholds, scores.rows(0, 1), scores.rows(1, len(vectors)), [spans[n] for n in pooled.numbers]
        )


class TopicOpener:
    """Makes the topics of workspaces ready, and remembers what it made. Threads may share it."""

    def __init__(self, heads: Heads, embed: Callable[[Sequence[str]], list[bytes]]) -> None:
        """`embed` gives the direction of each text."""
        self._heads, self._embed = heads, embed
        self._turn = threading.Lock()
        self._directions: OrderedDict[str, bytes] = OrderedDict()
        self._opened: OrderedDict[WorkspaceTaxonomy, OwnTopics] = OrderedDict()

    def open(self, taxonomy: WorkspaceTaxonomy) -> OwnTopics:
        """The topics ready for use; none of a workspace's own with a model that does not embed."""
        with self._turn:
            if taxonomy not in self._opened:
                self._opened[taxonomy] = OwnTopics(f"t{taxonomy.number}", self._scorer(taxonomy.topics), self._heads, taxonomy.hidden)
            self._opened.move_to_end(taxonomy)
            while len(self._opened) > MOST_TAXONOMIES:
                self._opened.popitem(last=False)
            return self._opened[taxonomy]

    def _scorer(self, topics: Sequence[CustomTopic]) -> TopicScorer | None:
        if not topics or not self._heads.embeds or not len(self._heads.background):
            return None
        self._learn([text for topic in topics for text in (*names_of(topic), *topic.examples)])
        vectors = [TopicVectors(one.id, self._vectors(names_of(one)), self._vectors(one.examples)) for one in topics]
        return TopicScorer(vectors, self._heads.background)

    def _learn(self, texts: Sequence[str]) -> None:
        unknown = sorted(set(texts) - self._directions.keys())
        self._directions.update(zip(unknown, self._embed(unknown) if unknown else [], strict=True))
        for text in texts:
            self._directions.move_to_end(text)
        while len(self._directions) > max(MOST_TEXTS, len(set(texts))):
            self._directions.popitem(last=False)

    def _vectors(self, texts: Sequence[str]) -> Floats:
        if not texts:
            return np.zeros((0, self._heads.background.shape[1]), np.float32)
        return unpacked([self._directions[text] for text in texts])


def names_of(topic: CustomTopic) -> list[str]:
    """What a topic is called, in each language, with what is said of it there."""
    described = dict(topic.description)
    return [f"{name}: {described[language]}" if described.get(language) else name for language, name in topic.name]
