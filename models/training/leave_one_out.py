"""How well topics are told in a domain that the topic head never saw: fitted without it on the frozen body's vectors, measured on it.

    python -m models.training.leave_one_out --data DATA_FOLDER --model models/bundled [--cache FOLDER]

The body itself was trained on all domains, so this is what a new domain costs the head and its thresholds, not the body. A topic counts
where the domain's annotators judged it. Thresholds come from development rows of the other domains: of heads that had seen those rows'
domain (as calibration used to choose them), and of heads that had not.
"""

from __future__ import annotations

import argparse
import hashlib
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.evaluation.metrics import f1
from models.training.calibrate import best_thresholds
from models.training.data import STRONG, Example, Row, example_of, load, mapping_of, topic_ids
from models.training.development import Flags, Floats, presence_labels
from models.training.network import Head
from models.training.pooled import vectors_of
from models.training.refine import EPOCHS, counted_weights, refit
from nlp.bundle import BODY_WEIGHTS, Bundle, load_bundle, sha256_of
from nlp.calibrate import sigmoid

# Domain -> the sets, or parts of sets, that speak of it. A set that is not listed belongs to none and always trains.
DOMAINS: Mapping[str, tuple[str, ...]] = {
    "restaurants": ("m_absa/restaurant", "acos_en/restaurant16", "vlsp2018_absa/restaurant", "bangla_absa/restaurant"),
    "hotels": ("m_absa/hotel", "absita_it", "vlsp2018_absa/hotel", "indonlu_hoasa"),
    "laptops": ("m_absa/laptop", "acos_en/laptop14"),
    "phones": ("m_absa/phone", "uit_visfd"),
    "groceries": ("m_absa/food",),
    "courses": ("m_absa/coursera", "m_absa/sight"),
    "apps": ("app_reviews_gplay4", "app_reviews_vu"),
    "banking": ("banking77",),
    "shop support": ("bitext_support",),
    "airlines": ("us_airline",),
    "railway": ("germeval2017",),
    "cars": ("indonlu_casa",),
}
ROWS_OF_A_PART, ROWS_OF_KEYWORDS, ROWS_TO_MEASURE = 1_200, 60, 250


@dataclass(frozen=True, slots=True)
class DomainRows:
    """Rows of one domain ("" for none), with their vectors (n, hidden)."""

    domain: str
    examples: list[Example]
    vectors: Floats


@dataclass(frozen=True, slots=True)
class Left:
    """Micro-F1 of one domain. `seen`: of the head that saw it, with thresholds of all domains; `unseen`: of the head that did not, with
    thresholds chosen on other domains that their heads had seen; `strict`: on other domains that their heads had not."""

    domain: str
    mentions: int
    seen: float
    unseen: float
    strict: float


def domain_of(row: Row) -> str:
    """The domain of a row, or '' for none."""
    part = f"{row['source']}/{row.get('variant')}"
    return next((name for name, parts in DOMAINS.items() if part in parts or row["source"] in parts), "")


def rows_by_domain(data: Path, split: str) -> dict[str, list[Example]]:
    """Rows with annotated topics by domain, evenly from each part; in training also rows of other sets that name a topic by keyword."""
    parts: dict[tuple[str, str], list[Row]] = defaultdict(list)
    limits = {"m_absa": 30_000, "umsab": 2_000}
    for row in load(data, split=split, training_only=split == "train", limit=4_000, limits=limits):
        mapped = mapping_of(row["source"], row.get("variant")) is not None
        if mapped or split == "train":
            parts[domain_of(row), f"{row['source']}/{row.get('variant') if mapped else ''}"].append(row)
    chosen: dict[str, list[Example]] = defaultdict(list)
    for (domain, part), rows in sorted(parts.items()):
        mapped = mapping_of(rows[0]["source"], rows[0].get("variant")) is not None
        most = ROWS_TO_MEASURE if split == "dev" else ROWS_OF_A_PART if mapped else ROWS_OF_KEYWORDS
        examples = [example_of(row) for row in random.Random(part).sample(rows, min(len(rows), 4 * most))]
        if not mapped:
            examples = [example for example in examples if any(mark.value for mark in example.presence.values())]
        chosen[domain] += examples[:most]
    return chosen


def embedded(chosen: Mapping[str, list[Example]], bundle: Bundle, *, threads: int, cache: Path | None) -> list[DomainRows]:
    """The rows with their vectors, which `cache` keeps for the next run of the same body over the same texts."""
    texts = [example.text for examples in chosen.values() for example in examples]
    key = hashlib.sha256("\x00".join([sha256_of(bundle.folder / BODY_WEIGHTS), *texts]).encode("utf-8", "replace")).hexdigest()[:16]
    kept = cache / f"vectors-{key}.npy" if cache else None
    if kept and kept.is_file():
        vectors: Floats = np.load(kept)
    else:
        vectors = vectors_of(texts, bundle, threads=threads)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.save(kept, vectors)
    ends = np.cumsum([len(examples) for examples in chosen.values()])
    return [
        DomainRows(domain, examples, vectors[end - len(examples) : end])
        for (domain, examples), end in zip(chosen.items(), ends, strict=True)
    ]


def fitted(rows: Sequence[DomainRows], *, seed: int) -> Head:
    """A fresh topic head: the recipe of `refine` without the start that training gives it, for that has seen every domain."""
    torch.manual_seed(seed)
    vectors = np.concatenate([one.vectors for one in rows])
    weight, present = presence_labels([example for one in rows for example in one.examples])
    head = Head(vectors.shape[1], len(topic_ids()))
    labels = torch.from_numpy(present.astype(np.float32)), torch.from_numpy(counted_weights(weight))
    refit(head, torch.from_numpy(vectors), *labels, epochs=EPOCHS["presence"], seed=seed)
    return head.eval()


def told(head: Head, rows: DomainRows) -> Floats:
    """(n, T) probabilities."""
    with torch.inference_mode():
        return sigmoid(head(torch.from_numpy(rows.vectors)).numpy())


def thresholds(parts: Sequence[tuple[DomainRows, Floats]]) -> Floats:
    """The best threshold of each topic over the judged rows of some domains."""
    weight, present = presence_labels([example for rows, _ in parts for example in rows.examples])
    probabilities = np.concatenate([found for _, found in parts])
    return np.array(best_thresholds(probabilities, present, weight), np.float32)


def micro(rows: DomainRows, probabilities: Floats, at: Floats) -> tuple[float, int]:
    """Micro-F1 over the topics that annotators judged, and how many they named."""
    known, present = judged(rows)
    said = (probabilities >= at) & known
    return f1(int((said & present).sum()), int(said.sum()), int(present.sum())), int(present.sum())


def judged(rows: DomainRows) -> tuple[Flags, Flags]:
    """(n, T): whether annotators judged the topic, and whether they named it."""
    weight, present = presence_labels(rows.examples)
    known: NDArray[np.bool_] = weight == STRONG
    return known, present & known


def leave_one_out(train: Sequence[DomainRows], dev: Sequence[DomainRows], *, seed: int = 1) -> list[Left]:
    """One line per domain that has development rows."""
    measured = [rows for rows in dev if rows.domain]
    whole = fitted(train, seed=seed)
    seen = {rows.domain: told(whole, rows) for rows in measured}
    unseen = {rows.domain: told(fitted([one for one in train if one.domain != rows.domain], seed=seed), rows) for rows in measured}
    found = []
    for rows in measured:
        others = [other for other in measured if other.domain != rows.domain]
        score, mentions = micro(rows, seen[rows.domain], thresholds([(one, seen[one.domain]) for one in measured]))
        missed = [
            micro(rows, unseen[rows.domain], thresholds([(other, answers[other.domain]) for other in others]))[0]
            for answers in (seen, unseen)
        ]
        found.append(Left(rows.domain, mentions, score, *missed))
    return found


def print_table(found: Sequence[Left]) -> None:
    """The model card's table."""
    print("| domain left out | mentions | seen | left out | left out, strict thresholds |\n|---|---|---|---|---|")
    for one in found:
        print(f"| {one.domain} | {one.mentions} | {100 * one.seen:.1f} | {100 * one.unseen:.1f} | {100 * one.strict:.1f} |")
    means = (float(np.mean([score])) for score in zip(*[(one.seen, one.unseen, one.strict) for one in found], strict=True))
    print(f"| mean | | {' | '.join(f'{100 * mean:.1f}' for mean in means)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="folder that keeps vectors between runs")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.model)
    train, dev = (
        embedded(rows_by_domain(arguments.data, split), bundle, threads=arguments.threads, cache=arguments.cache)
        for split in ("train", "dev")
    )
    print_table(leave_one_out(train, dev))


if __name__ == "__main__":
    main()
