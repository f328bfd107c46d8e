"""Topics that nobody trained for, given by a name and 0, 4 or 16 examples: ours beside the untouched backbone's embeddings.

What: banking77 (77 intents, the likeliest is the answer: accuracy; and every topic by itself: micro-F1), and the phones of M-ABSA, whose
labels no part of the model has learnt as names (several topics a text: micro-F1), with English examples for texts in other languages. Then
workspaces of 1 to 8 of these topics: how many of those found are right, and how many are found, among feedback of many other sets, and
among texts of the same field about something else.
Peers: multilingual-e5-small as its authors mean it ("query: "), the nearest name without examples, else the nearest prototype of name and
examples; for several topics a text, the threshold on the cosine that is best on these very rows, which flatters the peer. Left out without
--backbone.
Check: both are asked for the same rows with the same examples, drawn three times.

    python -m benchmarks.custom_topics --data DATA_FOLDER --backbone BACKBONE_FOLDER --model models/bundled
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.custom_topics import ORDINARY, development_rows, ordinary_feedback, readings_of
from models.training.data import read_rows
from models.training.embedding_rows import readable
from nlp.bundle import load_bundle
from nlp.custom_topics import Background, Reading, TopicReadings, TopicScorer
from nlp.heads import Floats

SEEDS = 3
EXAMPLES = (0, 4, 16)
MOST_ROWS = 500  # of a language
LEAST_ROWS = 20  # of a topic of phones in the rows that examples are drawn from
FEW = range(1, 9)
FEW_SEEDS = 4  # for each of FEW
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


def phones(data: Path, languages: Sequence[str]) -> dict[str, Task]:
    """English training rows give examples, development rows of each language are judged."""
    of_phones = [row for row in read_rows(data, "m_absa") if row.get("variant") == "phone" and row["topics"]]
    pool = [row for row in of_phones if row["split"] == "train" and row["lang"] == "en"]
    counts = {label: sum(label in row["topics"] for row in pool) for label in {label for row in pool for label in row["topics"]}}
    labels = sorted(label for label, count in counts.items() if count >= LEAST_ROWS and not label.endswith(("#General", "#Overall")))
    tasks = {}
    for language in languages:
        rows = [row for row in of_phones if row["split"] == "dev" and row["lang"] == language][:MOST_ROWS]
        flags = [np.array([[label in row["topics"] for label in labels] for row in part]) for part in (pool, rows)]
        names, texts = [readable(label) for label in labels], [row["text"] for row in rows]
        tasks[language] = Task(names, [row["text"] for row in pool], flags[0], texts, flags[1])
    return tasks


def drawn(task: Task, count: int, seed: int) -> list[list[str]]:
    """Examples from the pool for each topic."""
    random = np.random.default_rng(seed)
    return [[task.pool[row] for row in random.permutation(np.flatnonzero(of_topic))[:count]] for of_topic in task.pool_labels.T]


class Ours:
    """The scorer as serving uses it."""

    def __init__(self, readings: Mapping[str, Reading], background: Background) -> None:
        self._readings, self._background = readings, background

    def answer(self, names: Sequence[str], examples: Sequence[Sequence[str]], rows: Sequence[str]) -> tuple[Floats, Flags]:
        """(n, T) how likely each topic is, and whether it is said to be spoken of."""
        topics = [
            TopicReadings(name, [self._readings[name]], [self._readings[text] for text in its])
            for name, its in zip(names, examples, strict=True)
        ]
        scorer = TopicScorer(topics, self._background)
        probabilities = scorer.probabilities([self._readings[row] for row in rows])
        return probabilities, probabilities >= scorer.thresholds


class Peer:
    """Cosines of embeddings."""

    def __init__(self, vectors: Mapping[str, Floats]) -> None:
        self._vectors = vectors

    def answer(self, task: Task, examples: Sequence[Sequence[str]]) -> tuple[Floats, Flags]:
        """As `Ours.answer`, with the threshold that is best on the rows."""
        sums = [np.sum([self._vectors[text] for text in (name, *its)], axis=0) for name, its in zip(task.names, examples, strict=True)]
        prototypes = np.stack([one / np.linalg.norm(one) for one in sums])
        scores = np.stack([self._vectors[row] for row in task.rows]) @ prototypes.T
        thresholds = np.quantile(scores, np.linspace(0.5, 0.999, 100))
        return scores, scores >= max(thresholds, key=lambda threshold: micro_f1(scores >= threshold, task.labels))


def micro_f1(said: Flags, labels: Flags) -> float:
    return 2 * float((said & labels).sum()) / max(1.0, float(said.sum() + labels.sum()))


def accuracy(scores: Floats, labels: Flags) -> float:
    return float(labels[np.arange(len(labels)), scores.argmax(axis=1)].mean())


def compare(title: str, task: Task, ours: Ours, peer: Peer | None) -> None:
    """All topics of the task at once."""
    print(f"{title}: {len(task.rows)} texts, {len(task.names)} topics")
    for count in EXAMPLES:
        found: dict[str, list[tuple[float, float]]] = {}
        for seed in range(SEEDS if count else 1):
            examples = drawn(task, count, seed)
            answers = {"ours": ours.answer(task.names, examples, task.rows)}
            if peer is not None:
                answers["backbone"] = peer.answer(task, examples)
            for name, (scores, said) in answers.items():
                found.setdefault(name, []).append((accuracy(scores, task.labels), micro_f1(said, task.labels)))
        means = {name: np.mean(values, axis=0) for name, values in found.items()}
        print(f"  {count:2} examples: " + "; ".join(f"{name} likeliest right {a:.1%}, micro-F1 {f:.1%}" for name, (a, f) in means.items()))


def few(title: str, task: Task, ours: Ours, elsewhere: Sequence[str]) -> None:
    """1 to 8 topics of the task: precision and recall among `elsewhere`, and among the rest of the task's rows."""
    print(f"{title}, 1 to 8 topics, beside {len(elsewhere)} texts of other sets; and beside the other texts of its field")
    for count in EXAMPLES:
        sums = np.zeros((2, 3))
        for topics in FEW:
            for seed in range(FEW_SEEDS):
                random = np.random.default_rng((topics, seed))
                chosen = random.choice(len(task.names), topics, replace=False)
                examples = drawn(task, count, seed)
                _, said = ours.answer([task.names[n] for n in chosen], [examples[n] for n in chosen], [*task.rows, *elsewhere])
                labels = task.labels[:, chosen]
                inside, about = said[: len(labels)], labels.any(axis=1)
                right = (inside & labels).sum()
                sums[0] += right, inside[about].sum() + said[len(labels) :].sum(), labels.sum()
                sums[1] += right, inside.sum(), labels.sum()
        texts = [f"precision {right / max(1, found):.1%}, recall {right / there:.1%}" for right, found, there in sums]
        print(f"  {count:2} examples: " + "; ".join(texts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--backbone", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--languages", default="en,de,ja", help="of the texts about phones; examples are English")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    bundle = load_bundle(given.model)
    background, wording = Background.of(bundle.heads), bundle.wording()
    if background is None or wording is None:
        parser.error(f"{given.model} finds no custom topics: `python -m models.training.custom_topics` first")
    tasks = {"banking77": banking(given.data)}
    tasks |= {f"phones, English to {language}": task for language, task in phones(given.data, given.languages.split(",")).items()}
    names = list(dict.fromkeys(name for task in tasks.values() for name in task.names))
    texts = list(dict.fromkeys(text for task in tasks.values() for text in (*task.pool, *task.rows)))
    elsewhere = [text for _, text in ordinary_feedback(development_rows(given.data))[ORDINARY:]]
    ours = Ours(readings_of([*texts, *elsewhere], names, bundle, wording, threads=given.threads), background)
    peer = None
    if given.backbone is not None:
        # Torch is only needed here.
        from models.training.plain_backbone import PlainBackbone

        said = [*names, *texts]
        peer = Peer(dict(zip(said, PlainBackbone(given.backbone, threads=given.threads).embeddings(said), strict=True)))
    for title, task in tasks.items():
        compare(title, task, ours, peer)
    for title, task in tasks.items():
        few(title, task, ours, elsewhere)


if __name__ == "__main__":
    main()
