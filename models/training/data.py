"""The labelled rows: reads the data folder, translates every set's labels into ours and samples the training mix.

    python -m models.training.data --data DATA_FOLDER      prints what each set contributes

Which sets train, with what share and under which licence: mix.json; labels to topics: topic_mapping.json; weak labels: keywords.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from models.training.emotion_labels import EmotionExample, emotion_example, emotion_mappings

HERE = Path(__file__).parent
SENTIMENTS = ("negative", "neutral", "positive")
STRONG, WEAK, ABSENT_BY_GUESS = 1.0, 0.3, 0.1  # weights of an annotator's word, of a keyword or star rating, and of silence
SENTENCE_END = re.compile(r"(?<=[.!?…؟।۔])\s+|(?<=[。！？])|\n+")
# Scripts written without spaces (Thai, kana, Han, Hangul compounds): a keyword may begin anywhere.
NO_SPACES = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
FEEDBACK_DOMAINS = frozenset({"review", "app_review", "survey", "support"})
FELT = 0.4  # weight of a sentiment that was guessed from emotions
GLAD, UPSET = frozenset({"joy"}), frozenset({"anger", "disgust", "fear", "sadness"})
FEELING = frozenset({"brighter_emotions", "tweeteval_emotion", "indonlu_emot"})  # posts whose writers speak for themselves


@dataclass(frozen=True, slots=True)
class Mark:
    """A label with the weight it deserves; value is 0 or 1, or the index of a sentiment."""

    value: int
    weight: float


@dataclass(frozen=True, slots=True)
class Example:
    """One text with what is known of it; topics that are not listed are unknown."""

    text: str
    language: str
    source: str
    split: str
    sentiment: int | None
    binary: bool
    complaint: Mark | None
    presence: Mapping[int, Mark]
    topic_sentiment: Mapping[int, int]
    packable: bool
    emotion: EmotionExample | None = None
    sentiment_weight: float = 1.0


def unlabelled(text: str) -> Example:
    """A text of which nothing is known."""
    return Example(text, "", "", "train", sentiment=None, binary=False, complaint=None, presence={}, topic_sentiment={}, packable=False)


@dataclass(frozen=True, slots=True)
class TopicMapping:
    """How one set's labels read in our taxonomy."""

    covers: frozenset[str]
    labels: Mapping[str, tuple[str, ...]]

    def topics(self, label: str) -> tuple[str, ...]:
        return next((topics for pattern, topics in self.labels.items() if fnmatchcase(label, pattern)), ())


@cache
def topic_ids() -> tuple[str, ...]:
    """Topic ids in the order of taxonomy.json, which is the order of every topic array."""
    taxonomy = json.loads((HERE.parent / "taxonomy.json").read_text(encoding="utf-8"))
    return tuple(topic["id"] for topic in taxonomy["topics"])


@cache
def mix() -> dict[str, dict[str, Any]]:
    """The sets of mix.json by name."""
    sets: dict[str, dict[str, Any]] = json.loads((HERE / "mix.json").read_text(encoding="utf-8"))["sets"]
    return sets


@cache
def mapping_of(source: str, variant: str | None) -> TopicMapping | None:
    """The mapping of a set, or of a part of it; None for a set without topics of ours."""
    table = json.loads((HERE / "topic_mapping.json").read_text(encoding="utf-8"))
    found = table.get(f"{source}/{variant}") or table.get(source)
    if found is None:
        return None
    labels = table[found["same_as"]]["labels"] if "same_as" in found else found["labels"]
    return TopicMapping(frozenset(found["covers"]), {pattern: tuple(topics) for pattern, topics in labels.items()})


@cache
def keyword_patterns() -> dict[int, re.Pattern[str]]:
    """Topic index -> expression that finds one of its keywords in a case-folded text."""
    table = json.loads((HERE / "keywords.json").read_text(encoding="utf-8"))
    return {topic: _pattern(table[name]) for topic, name in enumerate(topic_ids()) if name in table}


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    anywhere = [re.escape(word) for word in words if NO_SPACES.search(word)]
    spaced = [word.casefold() for word in words if not NO_SPACES.search(word)]
    at_start = [re.escape(word[:-1]) + r"\b" if word.endswith(".") else re.escape(word) for word in spaced]
    return re.compile("|".join([rf"(?<!\w)(?:{'|'.join(at_start)})", *anywhere]))


def segments(text: str) -> list[str]:
    """Sentences, as the model sees them in training: split after final punctuation and at line ends."""
    parts = [part for part in SENTENCE_END.split(text.strip()) if part and part.strip()]
    return parts or [text]


def read_rows(folder: Path, source: str) -> Iterator[dict[str, Any]]:
    """The raw rows of one set: of the data folder, or of a file beside this one that mix.json names."""
    ours = mix().get(source, {}).get("file")
    if ours:
        yield from own_rows(HERE / ours, source)
        return
    with gzip.open(folder / f"{source}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def own_rows(path: Path, source: str) -> Iterator[dict[str, Any]]:
    """The rows of a set that we wrote ourselves: all train, for what is written like them must not measure."""
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line) | {"source": source, "split": "train", "domain": "survey"}


def example_of(row: Mapping[str, Any]) -> Example:
    """A raw row with its labels translated."""
    source: str = row["source"]
    labels = mapping_of(source, row.get("variant"))
    sentiment = _sentiment(row)
    emotion = emotion_example(row) if source in emotion_mappings() else None
    felt = _felt(emotion) if sentiment is None else None
    presence, topic_sentiment = _topics(row, labels)
    return Example(
        text=row["text"],
        language=row["lang"],
        source=source,
        split=row["split"],
        sentiment=sentiment if felt is None else felt,
        binary=bool(mix()[source].get("binary")) or felt is not None,
        complaint=_complaint(row, sentiment),
        presence=presence,
        topic_sentiment=topic_sentiment,
        packable=labels is not None and bool(row.get("aspects")) and len(row["text"]) < 160,
        emotion=emotion,
        sentiment_weight=1.0 if felt is None else FELT,
    )


def _felt(emotion: EmotionExample | None) -> int | None:
    """What emotions say of a sentiment that nobody labelled: joy alone is positive, displeasure alone is negative."""
    if emotion is None or emotion.source not in FEELING:
        return None
    return 2 if emotion.emotions == GLAD else 0 if emotion.emotions <= UPSET else None


def _sentiment(row: Mapping[str, Any]) -> int | None:
    if row["sentiment"] is None or row.get("relevant") is False:  # GermEval's off-topic rows are neutral by definition
        return None
    return SENTIMENTS.index(row["sentiment"])


def _complaint(row: Mapping[str, Any], sentiment: int | None) -> Mark | None:
    """The annotators' word; else a guess: praise is no complaint, and a negative review is one."""
    if row.get("complaint") is not None:
        return Mark(int(row["complaint"]), STRONG)
    if sentiment == 2:
        return Mark(0, WEAK)
    if sentiment == 0 and row["domain"] in FEEDBACK_DOMAINS:
        return Mark(1, WEAK)
    return None


def _topics(row: Mapping[str, Any], labels: TopicMapping | None) -> tuple[dict[int, Mark], dict[int, int]]:
    presence = _keyword_marks(row["text"])
    if labels is None:
        return presence, {}
    index = {name: i for i, name in enumerate(topic_ids())}
    for name in labels.covers:
        presence[index[name]] = Mark(0, STRONG)
    polarities: dict[int, set[str]] = defaultdict(set)
    unsure: set[int] = set()
    for label, polarity in _labels(row):
        for topic in labels.topics(label):
            if topic.startswith("?"):
                unsure.add(index[topic[1:]])
            else:
                presence[index[topic]] = Mark(1, STRONG)
                polarities[index[topic]].add(polarity or "")
    for unknown in unsure - polarities.keys():
        presence.pop(unknown, None)
    agreed = {spoken: next(iter(found)) for spoken, found in polarities.items() if len(found) == 1}
    return presence, {spoken: SENTIMENTS.index(found) for spoken, found in agreed.items() if found in SENTIMENTS}


def _labels(row: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    """(label, polarity or None): aspects where the set has them, else its topics."""
    aspects = [(category, polarity) for _term, category, polarity in row.get("aspects") or [] if category]
    return aspects or [(label, None) for label in row.get("topics") or []]


def _keyword_marks(text: str) -> dict[int, Mark]:
    folded = text.casefold()
    found = {topic for topic, pattern in keyword_patterns().items() if pattern.search(folded)}
    return {topic: Mark(1, WEAK) if topic in found else Mark(0, ABSENT_BY_GUESS) for topic in range(len(topic_ids()))}


Row = Mapping[str, Any]


def load(
    folder: Path, *, split: str, training_only: bool = True, limit: int | None = None, limits: Mapping[str, int] | None = None
) -> list[Row]:
    """The raw rows of one split, in the order of the files; of a set with more rows than `limits` or else `limit` says, an even sample."""
    chosen: list[Row] = []
    for source, entry in mix().items():
        if training_only and "share" not in entry:
            continue
        rows = [row for row in read_rows(folder, source) if row["split"] == split]
        most = (limits or {}).get(source, limit)
        if most is not None and len(rows) > most:
            rows = random.Random(source).sample(rows, most)
        chosen += rows
    return chosen


class Mix:
    """An endless, reproducible stream of examples: sets by their share, languages of a set by the 0.7th power of their rows."""

    def __init__(self, rows: Iterable[Row], seed: int) -> None:
        self._groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows:
            self._groups[row["source"], row["lang"]].append(row)
        self._keys = sorted(self._groups)
        self._random = random.Random(seed)
        self._weights = self._group_weights()
        self._waiting: dict[tuple[str, str], list[Row]] = {}
        self.drawn: Counter[str] = Counter()

    def _group_weights(self) -> list[float]:
        sizes = {key: len(rows) ** 0.7 for key, rows in self._groups.items()}
        totals: dict[str, float] = defaultdict(float)
        for (source, _language), size in sizes.items():
            totals[source] += size
        return [mix()[source]["share"] * sizes[source, language] / totals[source] for source, language in self._keys]

    def draw(self, count: int) -> list[list[Example]]:
        """`count` windows: mostly one example each, and half of the short aspect sentences two or three packed together."""
        keys = self._random.choices(self._keys, self._weights, k=count)
        return [self._window(key) for key in keys]

    def _window(self, key: tuple[str, str]) -> list[Example]:
        first = self._next(key)
        if not first.packable or self._random.random() < 0.5:
            return [first]
        others = [self._next(key) for _ in range(self._random.randint(1, 2))]
        return [first, *(example for example in others if example.packable)]

    def _next(self, key: tuple[str, str]) -> Example:
        """Without replacement: every row of a group is seen once before any is seen again."""
        if not self._waiting.get(key):
            self._waiting[key] = self._random.sample(self._groups[key], len(self._groups[key]))
        row = self._waiting[key].pop()
        self.drawn[row["source"]] += 1
        return example_of(row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    examples = [example_of(row) for row in load(parser.parse_args().data, split="train")]
    rows = Counter(example.source for example in examples)
    topics = topic_ids()
    strong = Counter(topics[topic] for example in examples for topic, mark in example.presence.items() if mark == Mark(1, STRONG))
    weak = Counter(topics[topic] for example in examples for topic, mark in example.presence.items() if mark == Mark(1, WEAK))
    for source, count in rows.most_common():
        print(f"{source:24} {count:7} {mix()[source]['licence']}")
    for topic in topics:
        print(f"{topic:24} {strong[topic]:7} annotated {weak[topic]:7} by keyword")


if __name__ == "__main__":
    main()
