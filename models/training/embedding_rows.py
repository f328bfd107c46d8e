"""The texts that the embedding is fitted on: translations of each other, feedback of every set and language, and the names of labels."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.training.data import Row, load, mapping_of, topic_ids
from models.training.parallel import PIVOT, SOURCE, translations
from nlp.topics import load_taxonomy

TRANSLATED_INTO = 3  # languages drawn for each English sentence
OTHER_TEXTS = 6_500
LOOKED_AT = 3_000  # rows of a set
LONGEST = 240  # code points: what a text speaks of is said by then, and the fit stays a matter of minutes
# Their labels are names that people gave to topics. banking77 and the phones of M-ABSA are left out: custom topics are measured on them.
NAMED = frozenset(
    """m_absa acos_en bitext_support vlsp2018_absa absita_it prdect_id zh_online_shopping indonlu_casa indonlu_hoasa app_reviews_gplay4
    app_reviews_vu germeval2017 ijcnlp2017_feedback ar_reviews""".split()  # noqa: SIM905
)
HELD_OUT_SETS, HELD_OUT_DOMAINS = frozenset({"banking77"}), frozenset({"phone"})
_NO_TOPIC = re.compile(r"polarity|other|noise|undetermined|meaningless|comment$|rating$|out of scope|miscellaneous", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EmbeddingRows:
    """`texts`, the names of labels among them. `sentences` are groups of rows that translate each other; `labels` says which rows of
    names fit a row."""

    texts: list[str]
    sentences: list[list[int]]
    labels: Mapping[int, Sequence[int]]


class _Collected:
    """Texts by row, each once."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.labels: dict[int, set[int]] = defaultdict(set)

    def row_of(self, text: str) -> int:
        return self.rows.setdefault(text[:LONGEST], len(self.rows))

    def name(self, row: Row) -> None:
        of = self.row_of(row["text"])
        self.labels[of].update(self.row_of(name) for name in names_of(row))


def labels_of(row: Row) -> list[str]:
    """The labels of a row that say what it speaks of; none where they may not be learnt from."""
    if row["source"] not in NAMED or row.get("variant") in HELD_OUT_DOMAINS:
        return []
    return [label for label in row.get("topics") or [] if not _NO_TOPIC.search(label.replace("_", " "))]


def names_of(row: Row) -> list[str]:
    """What the labels of a row read like, and the built-in topics they stand for; none where they may not be learnt from."""
    labels = labels_of(row)
    names = {readable(label) for label in labels}
    mapping = mapping_of(row["source"], row.get("variant"))
    built_in = {topic for label in labels for topic in (mapping.topics(label) if mapping else ()) if not topic.startswith("?")}
    for topic in built_in:
        names.update(_built_in_names()[topic])
    return sorted(names)


def readable(label: str) -> str:
    """`Battery/Longevity#Charging Speed` -> `battery longevity charging speed`."""
    return re.sub(r"[#_/\s]+", " ", label).strip().lower()


def _built_in_names() -> dict[str, list[str]]:
    topics = {topic.id: topic for topic in load_taxonomy().topics}
    return {one: [f"{topics[one].name[at]}: {topics[one].description[at]}" for at in ("en", "ja")] for one in topic_ids()}


def embedding_rows(data: Path, *, seed: int = 1) -> EmbeddingRows:
    """The same rows in the same order from the same data."""
    chance = random.Random(seed)
    collected = _Collected()
    rows = [row for row in load(data, split="train", limit=LOOKED_AT, limits={SOURCE: 10**9}) if row["source"] not in HELD_OUT_SETS]
    by_text = {row["text"]: row for row in rows if row["source"] == SOURCE}
    sentences = []
    for found in translations(data, split="train"):
        others = chance.sample(sorted(found.keys() - {PIVOT}), min(TRANSLATED_INTO, len(found) - 1))
        texts = [found[language] for language in (PIVOT, *others)]
        sentences.append([collected.row_of(text) for text in texts])
        for text in texts:
            collected.name(by_text[text])
    for row in _even(rows, OTHER_TEXTS, chance):
        collected.name(row)
    labels = {of: sorted(names) for of, names in collected.labels.items() if names}
    return EmbeddingRows(list(collected.rows), sentences, labels)


def _even(rows: Sequence[Row], count: int, chance: random.Random) -> list[Row]:
    """Rows of all sets but the parallel one: each set and language by the square root of its rows."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row["source"] != SOURCE:
            groups[row["source"], row["lang"]].append(row)
    keys = sorted(groups)
    total = sum(len(groups[key]) ** 0.5 for key in keys)
    shares = {key: round(count * len(groups[key]) ** 0.5 / total) for key in keys}
    return [row for key in keys for row in chance.sample(groups[key], min(len(groups[key]), max(1, shares[key])))]
