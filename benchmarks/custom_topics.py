"""Topics that nobody trained for, given by a name and 0, 4 or 16 examples: ours beside the untouched backbone's embeddings.

What: banking77 (77 intents, the likeliest is the answer: accuracy; and every topic by itself: micro-F1), and the phones of M-ABSA, whose
labels no part of the model has learnt as names (several topics a text: micro-F1), with English examples for texts in other languages.
Peers: multilingual-e5-small as its authors mean it ("query: "), the nearest name without examples, else the nearest prototype of name and
examples; for several topics a text, the threshold on the cosine that is best on these very rows, which flatters the peer.
Check: both are asked for the same rows with the same examples, drawn three times.

    python -m benchmarks.custom_topics --data DATA_FOLDER --backbone BACKBONE_FOLDER --model models/bundled
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.data import read_rows
from models.training.embedding_rows import readable
from models.training.measure_embedding import Embed, ours
from models.training.plain_backbone import PlainBackbone
from nlp.bundle import load_bundle
from nlp.custom_topics import TopicScorer, TopicVectors
from nlp.heads import Floats

SEEDS = 3
EXAMPLES = (0, 4, 16)
MOST_ROWS = 500  # of a language
LEAST_ROWS = 20  # of a topic of phones in the rows that examples are drawn from
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Task:
    """`pool` rows give examples, `rows` are judged; labels are (n, T)."""

    names: list[str]
    pool: list[str]
    pool_labels: Flags
    rows: list[str]
    labels: Flags


def banking(data: Path) -> Task:
    """Examples from test rows, judged on development rows: training rows took part in the body's training."""
    rows = {split: [row for row in read_rows(data, "banking77") if row["split"] == split] for split in ("dev", "test")}
    intents = sorted({row["topics"][0] for row in rows["test"]})
    labels = {split: np.array([[intent in row["topics"] for intent in intents] for row in found]) for split, found in rows.items()}
    texts = {split: [row["text"] for row in found] for split, found in rows.items()}
    return Task([readable(intent) for intent in intents], texts["test"], labels["test"], texts["dev"], labels["dev"])


def phones(data: Path, language: str) -> Task:
    """English training rows give examples, development rows of `language` are judged."""
    of_phones = [row for row in read_rows(data, "m_absa") if row.get("variant") == "phone" and row["topics"]]
    pool = [row for row in of_phones if row["split"] == "train" and row["lang"] == "en"]
    rows = [row for row in of_phones if row["split"] == "dev" and row["lang"] == language][:MOST_ROWS]
    counts = {label: sum(label in row["topics"] for row in pool) for label in {label for row in pool for label in row["topics"]}}
    labels = sorted(label for label, count in counts.items() if count >= LEAST_ROWS and not label.endswith(("#General", "#Overall")))
    flags = [np.array([[label in row["topics"] for label in labels] for row in part]) for part in (pool, rows)]
    return Task([readable(label) for label in labels], [row["text"] for row in pool], flags[0], [row["text"] for row in rows], flags[1])


@dataclass(frozen=True, slots=True)
class Vectors:
    names: Floats
    pool: Floats
    rows: Floats


def drawn(task: Task, count: int, seed: int) -> list[NDArray[np.integer]]:
    """Rows of the pool for each topic."""
    random = np.random.default_rng(seed)
    return [random.permutation(np.flatnonzero(of_topic))[:count] for of_topic in task.pool_labels.T]


def our_scores(vectors: Vectors, examples: Sequence[NDArray[np.integer]], background: Floats) -> tuple[Floats, Flags]:
    topics = [TopicVectors(str(at), vectors.names[at : at + 1], vectors.pool[rows]) for at, rows in enumerate(examples)]
    scorer = TopicScorer(topics, background)
    return scorer.scores(vectors.rows), scorer.probabilities(vectors.rows) >= scorer.thresholds


def peer_scores(vectors: Vectors, examples: Sequence[NDArray[np.integer]], labels: Flags) -> tuple[Floats, Flags]:
    sums = np.stack([vectors.names[at] + vectors.pool[rows].sum(axis=0) for at, rows in enumerate(examples)])
    scores = vectors.rows @ (sums / np.linalg.norm(sums, axis=1, keepdims=True)).T
    thresholds = np.quantile(scores, np.linspace(0.5, 0.999, 100))
    return scores, scores >= max(thresholds, key=lambda threshold: micro_f1(scores >= threshold, labels))


def micro_f1(said: Flags, labels: Flags) -> float:
    return 2 * float((said & labels).sum()) / max(1.0, float(said.sum() + labels.sum()))


def accuracy(scores: Floats, labels: Flags) -> float:
    return float(labels[np.arange(len(labels)), scores.argmax(axis=1)].mean())


def compare(title: str, task: Task, embedders: dict[str, Embed], background: Floats) -> None:
    vectors = {name: Vectors(embed(task.names), embed(task.pool), embed(task.rows)) for name, embed in embedders.items()}
    print(f"{title}: {len(task.rows)} texts, {len(task.names)} topics")
    for count in EXAMPLES:
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in vectors}
        for seed in range(SEEDS if count else 1):
            examples = drawn(task, count, seed)
            answers = {
                "ours": our_scores(vectors["ours"], examples, background),
                "backbone": peer_scores(vectors["backbone"], examples, task.labels),
            }
            for name, (scores, said) in answers.items():
                found[name].append((accuracy(scores, task.labels), micro_f1(said, task.labels)))
        means = {name: np.mean(values, axis=0) for name, values in found.items()}
        print(f"  {count:2} examples: " + "; ".join(f"{name} likeliest right {a:.1%}, micro-F1 {f:.1%}" for name, (a, f) in means.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--languages", default="en,de,ja", help="of the texts about phones; examples are English")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    bundle = load_bundle(given.model)
    embedders: dict[str, Embed] = {
        "ours": ours(bundle, threads=given.threads),
        "backbone": PlainBackbone(given.backbone, threads=given.threads).embeddings,
    }
    compare("banking77", banking(given.data), embedders, bundle.heads.background)
    for language in given.languages.split(","):
        compare(f"phones, English to {language}", phones(given.data, language), embedders, bundle.heads.background)


if __name__ == "__main__":
    main()
