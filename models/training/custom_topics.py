"""Fits what a workspace's own topics are told by, on an exported model: ordinary feedback, where names of topics lie, and the odds.

    python -m models.training.custom_topics --data DATA_FOLDER --model MODEL_FOLDER

Workspaces are played through with the labels of development rows: some topics of one field, named and with examples in one language, are
looked for in other texts of that field, whatever their language, and in feedback of other sets. Logistic regressions on what the scorer saw
are the odds. The sets that custom topics are measured on take no part..
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.training.data import Row, mix
from models.training.embedding_rows import HELD_OUT_DOMAINS, HELD_OUT_SETS, LONGEST, NAMED, labels_of, readable
from models.training.refine import write_heads
from nlp.annotator import Annotator
from nlp.bundle import Bundle, load_bundle
from nlp.custom_topics import EXAMPLES_AT, TOPICS_AT, Background, Evidence, Reading, TopicReadings, TopicScorer, place
from nlp.embedding import packed, unpacked
from nlp.encode import Tokenizer, WordVectors
from nlp.heads import BACKGROUND, BACKGROUND_WORDS, NAMES_MIDDLE, ODDS, WORDS_MIDDLE, Floats
from nlp.language import open_detector
from nlp.topics import load_taxonomy
from nlp.wording import Wording

VARIED = frozenset({"m_absa", "acos_en", "vlsp2018_absa"})  # their variants are fields of their own
EXAMPLE_LANGUAGE, POOL, JUDGED = "en", 150, 90  # of a field with several languages; rows of it that give examples, and that are judged
POOL_UNTIL, JUDGED_FROM = 0.45, 0.55  # shares of the rows in their order: translations stand at the same place, and must not meet
ORDINARY, OTHERS = 1024, 300  # rows of all sets: feedback that topics are told apart from, and feedback that speaks of none
FEW_DRAWS, MANY_DRAWS = 24, 8  # of workspaces at each point of the grid, with few topics and with many
ON_TOPIC, BESIDE, ELSEWHERE = 60, 50, 60  # judged in a draw: about its topics, of the same field about others, of other sets
LEAST_PRECISION = 0.85  # of what a few topics find in all feedback; many divide a field among them
MANY = 16  # topics
BLOCK = 10_000


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text with the names of what it speaks of."""

    text: str
    language: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Field:
    """Labelled texts of one set or one of its domains: some give examples, others are judged."""

    source: str
    pool: Sequence[Labelled]
    judged: Sequence[Labelled]

    def names(self) -> list[str]:
        """What is spoken of in both parts."""
        counts = Counter(name for row in self.judged for name in row.names)
        return sorted({name for row in self.pool for name in row.names} & counts.keys())


def development_rows(data: Path) -> dict[str, list[Row]]:
    """By set, in the order of the files: those of sets that train, without what custom topics are measured on."""
    # A set of our own has a file elsewhere, and no development rows.
    sources = [source for source, entry in mix().items() if "share" in entry and "file" not in entry and source not in HELD_OUT_SETS]
    return {
        source: [row for row in _dev_rows(data / f"{source}.jsonl.gz") if row.get("variant") not in HELD_OUT_DOMAINS] for source in sources
    }


def _dev_rows(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        # Most rows are others: to read them all would take longer than the fit.
        rows = (json.loads(line) for line in lines if '"dev"' in line)
        yield from (row for row in rows if row["split"] == "dev")


def fields(rows: Mapping[str, Sequence[Row]], *, seed: int = 1) -> list[Field]:
    """Of all sets that may teach names; the same from the same rows."""
    chance = random.Random(seed)
    named = sorted(NAMED & rows.keys())
    return [field for source in named for field in _fields_of(source, rows[source], chance) if len(field.names()) > 1]


def _fields_of(source: str, of_set: Sequence[Row], chance: random.Random) -> Iterator[Field]:
    groups: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in of_set:
        groups[str(row.get("variant")) if source in VARIED else ""][row["lang"]].append(row)
    for _, by_language in sorted(groups.items()):
        pool, judged = [], []
        for language, rows in sorted(by_language.items()):
            labelled = [(at / len(rows), one) for at, row in enumerate(rows) if (one := _labelled(row)).names]
            first = [one for share, one in labelled if share < POOL_UNTIL]
            if language == EXAMPLE_LANGUAGE or len(by_language) == 1:
                pool += chance.sample(first, min(len(first), POOL))
            judged += [one for share, one in labelled if share > JUDGED_FROM]
        yield Field(source, pool, chance.sample(judged, min(len(judged), JUDGED)))


def _labelled(row: Row) -> Labelled:
    return Labelled(row["text"][:LONGEST], row["lang"], frozenset(readable(label) for label in labels_of(row)))


def ordinary_feedback(rows: Mapping[str, Sequence[Row]], *, seed: int = 1) -> list[tuple[str, str]]:
    """Sets and texts, of each set and language as many as of any other while it has any: ORDINARY and OTHERS of them."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for source, of_set in rows.items():
        for row in of_set:
            groups[source, row["lang"]].append(row["text"][:LONGEST])
    chance = random.Random(seed)
    turns = []
    for (source, _), texts in sorted(groups.items()):
        drawn = chance.sample(texts, min(len(texts), ORDINARY))
        turns += [(turn, (source, text)) for turn, text in enumerate(drawn)]
    chance.shuffle(turns)
    turns.sort(key=lambda turn: turn[0])
    chosen = [one for _, one in turns[: ORDINARY + OTHERS]]
    chance.shuffle(chosen)
    return chosen


def middle_of(words: WordVectors, tokenizer: Tokenizer) -> Floats:
    """(hidden,) the mean word vector, each as often as it is used."""
    total, seen = np.zeros(words.hidden), 0.0
    for at in range(0, tokenizer.size, BLOCK):
        ids = np.arange(at, min(at + BLOCK, tokenizer.size))
        shares = tokenizer.frequencies(ids.tolist())
        total += shares @ words.rows(ids)
        seen += float(shares.sum())
    middle: Floats = (total / seen).astype(np.float32)
    return middle


def readings_of(texts: Sequence[str], names: Sequence[str], bundle: Bundle, wording: Wording, *, threads: int) -> dict[str, Reading]:
    """Each text, and each name of a topic, as serving reads it."""
    annotator = Annotator(bundle, bundle.open_backend(threads), open_detector("py3langid"), load_taxonomy())
    unique = list(dict.fromkeys(texts))
    encoded = [*annotator.encode(unique), *annotator.encode(names, by_token=True)]
    vectors = unpacked([one.direction for one in encoded])
    return {text: Reading(vector, wording.of(one.ids)) for text, vector, one in zip([*unique, *names], vectors, encoded, strict=True)}


@dataclass(frozen=True, slots=True)
class Played:
    """A workspace, what it showed, and whether each topic was spoken of (n, T)."""

    scorer: TopicScorer
    evidence: Evidence
    present: NDArray[np.bool_]


class Player:
    """Plays workspaces through."""

    def __init__(
        self, among: Sequence[Field], others: Sequence[tuple[str, str]], readings: Mapping[str, Reading], background: Background
    ) -> None:
        """`background` needs no odds yet."""
        self._fields, self._others, self._readings, self._background = among, others, readings, background

    def play(self, examples: int, topics: int, chance: random.Random) -> list[Played]:
        """Workspaces with so many topics, or all of a field that has at least half as many, and so many examples of each."""
        wide_enough = [field for field in self._fields if len(field.names()) * 2 >= topics] or list(self._fields)
        played = []
        for _ in range(MANY_DRAWS if topics >= MANY else FEW_DRAWS):
            field = chance.choice(wide_enough)
            names = chance.sample(field.names(), min(topics, len(field.names())))
            rows, present = self._judged(field, names, chance)
            scorer = TopicScorer(self._topics(field, names, examples, chance), self._background)
            played.append(Played(scorer, scorer.evidence([self._readings[text] for text in rows]), present))
        return played

    def _topics(self, field: Field, names: Sequence[str], examples: int, chance: random.Random) -> list[TopicReadings]:
        language = chance.choice(sorted({row.language for row in field.pool}))
        given = {name: [row.text for row in field.pool if name in row.names and row.language == language] for name in names}
        drawn = {name: chance.sample(texts, min(examples, len(texts))) for name, texts in given.items()}
        return [TopicReadings(name, [self._readings[name]], [self._readings[text] for text in drawn[name]]) for name in names]

    def _judged(self, field: Field, names: Sequence[str], chance: random.Random) -> tuple[list[str], NDArray[np.bool_]]:
        about = [row for row in field.judged if row.names & set(names)]
        beside = [row for row in field.judged if not row.names & set(names)]
        rows = chance.sample(about, min(ON_TOPIC, len(about))) + chance.sample(beside, min(BESIDE, len(beside)))
        elsewhere = [text for source, text in self._others if source != field.source]
        texts = [row.text for row in rows] + chance.sample(elsewhere, min(ELSEWHERE, len(elsewhere)))
        flags = np.zeros((len(texts), len(names)), bool)
        flags[: len(rows)] = [[name in row.names for name in names] for row in rows]
        return texts, flags


def odds_of(played: Sequence[Played], *, many: bool) -> Floats:
    """(FEATURES + 2,) the weights and the constant of a logistic regression, and the threshold. Among `many` topics only their shares
    count, which hold in any field."""
    features = np.concatenate([one.scorer.features(one.evidence).reshape(-1, TopicScorer.FEATURES) for one in played])
    present = np.concatenate([one.present.ravel() for one in played])
    counted = np.arange(TopicScorer.FEATURES) >= (TopicScorer.FEATURES - 1 if many else 0)
    fitted = LogisticRegression(C=10.0, max_iter=2000).fit(features * counted, present)
    probabilities = fitted.predict_proba(features * counted)[:, 1]
    threshold = threshold_of(probabilities, present, least_precision=0.0 if many else LEAST_PRECISION)
    return np.array([*(fitted.coef_[0] * counted), fitted.intercept_[0], threshold], np.float32)


def odds_with(examples: int, player: Player, chance: random.Random) -> Floats:
    """(topics, FEATURES + 2) for topics with so many examples."""
    return np.stack([odds_of(player.play(examples, topics, chance), many=topics >= MANY) for topics in TOPICS_AT])


def threshold_of(probabilities: Floats, present: NDArray[np.bool_], *, least_precision: float) -> float:
    """Between 0.04 and 0.6, with the best F1; a precision under `least_precision` counts against it in proportion."""

    def worth(threshold: float) -> float:
        said = probabilities >= threshold
        right, found = float((said & present).sum()), max(1.0, float(said.sum()))
        f1 = 2 * right / (found + float(present.sum()))
        return f1 * min(1.0, right / found / least_precision) if least_precision else f1

    return float(max(np.arange(0.04, 0.61, 0.02), key=worth))


def fit_custom_topics(data: Path, model: Path, *, threads: int, seed: int = 1) -> dict[str, NDArray[np.generic]]:
    """Puts into a model folder what custom topics are told by; returns it."""
    bundle = load_bundle(model)
    middle = middle_of(bundle.words(), bundle.tokenizer)
    rows = development_rows(data)
    among, feedback = fields(rows), ordinary_feedback(rows)
    names = sorted({name for field in among for name in field.names()})
    texts = [text for _, text in feedback] + [row.text for field in among for row in (*field.pool, *field.judged)]
    readings = readings_of(texts, names, bundle, Wording(bundle.words(), bundle.tokenizer, middle), threads=threads)
    ordinary = [readings[text] for _, text in feedback[:ORDINARY]]
    arrays: dict[str, NDArray[np.generic]] = {
        BACKGROUND: _in_bytes(np.stack([one.embedding for one in ordinary])),
        BACKGROUND_WORDS: _in_bytes(np.stack([one.words.direction for one in ordinary])),
        NAMES_MIDDLE: np.mean([place(readings[name]) for name in names], axis=0),
        WORDS_MIDDLE: middle,
        ODDS: np.zeros((len(EXAMPLES_AT), len(TOPICS_AT), TopicScorer.FEATURES + 2), np.float32),
    }
    heads = bundle.heads.replaced({name: value.astype(np.float32) for name, value in arrays.items()}, bundle.heads.calibration)
    background = Background.of(heads)
    if background is None:
        raise ValueError(f"{model} does not embed: `python -m models.training.embedding` first")
    player, chance = Player(among, feedback[ORDINARY:], readings, background), random.Random(seed)
    arrays[ODDS] = np.stack([odds_with(examples, player, chance) for examples in EXAMPLES_AT])
    write_heads(model, arrays)
    return arrays


def _in_bytes(vectors: Floats) -> NDArray[np.int8]:
    return np.stack([np.frombuffer(row, np.int8) for row in packed(vectors)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    odds = fit_custom_topics(given.data, given.model, threads=given.threads)[ODDS]
    for examples, by_topics in zip(EXAMPLES_AT, odds, strict=True):
        for topics, row in zip(TOPICS_AT, by_topics, strict=True):
            print(f"{examples:2} examples, {topics:2} topics: {' '.join(f'{value:6.2f}' for value in row)}")


if __name__ == "__main__":
    main()
