"""Fits the heads for topics and complaints again on the exported body's own vectors: a pass over the rows costs a second, not an hour.

    python -m models.training.refine --data DATA_FOLDER --model MODEL_FOLDER

Rare topics are few in the mix that trained the body. Here every annotated topic row counts, and of the other sets the rows whose keywords
name a topic, so that each is seen often; the vectors are those of the int8 body on cleaned text, as in serving.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.training.data import STRONG, Example, Mark, example_of, load, mix
from models.training.development import presence_labels
from models.training.network import Head
from models.training.pooled import vectors_of
from nlp.bundle import HEADS, load_bundle, sha256_of

ROWS_OF_A_SET = 2_500  # rows looked at
ROWS_OF_A_BIG_SET = {
    "m_absa": 14_000,
    "banking77": 5_000,
    "vlsp2018_absa": 4_000,
    "absita_it": 3_500,
    "acos_en": 4_000,
    "bitext_support": 3_600,
    "ijcnlp2017_feedback": 8_000,
    "complaints_tweets": 3_000,
}
ORDINARY = 150  # rows of a set without topic labels that name none: what silence looks like
# Weights of annotators' labels, of keywords, and of silence; keywords count more than in training, for rare topics have little else.
WEIGHTS = {1.0: 1.0, 0.3: 0.6, 0.1: 0.3}
GUESSED = 0.1  # weight of a complaint that was guessed from the sentiment
EPOCHS = {"presence": 12, "complaint": 6}
OWN = 2.0  # weight of a complaint in a sentence of our own: they are few, and say what no other set does
BATCH, RATE = 256, 5e-4


def rows_to_refine_on(data: Path) -> list[Example]:
    """All annotated topic rows up to the caps; of the other sets those that name a topic, and a few that name none."""
    chosen: list[Example] = []
    by_set: dict[str, list[Example]] = {}
    for row in load(data, split="train", limits=ROWS_OF_A_BIG_SET, limit=ROWS_OF_A_SET):
        by_set.setdefault(row["source"], []).append(example_of(row))
    for examples in by_set.values():
        if any(mark.weight == STRONG for example in examples for mark in _marks(example)):
            chosen += examples
            continue
        naming = [example for example in examples if any(mark.value for mark in example.presence.values())]
        silent = [example for example in examples if not any(mark.value for mark in example.presence.values())]
        chosen += naming + silent[:ORDINARY]
    return chosen


def _marks(example: Example) -> list[Mark]:
    return [*example.presence.values(), *([example.complaint] if example.complaint else [])]


def counted_weights(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """The weights of topic labels as they count here, by WEIGHTS."""
    return np.select([np.isclose(weight, known) for known in WEIGHTS], list(WEIGHTS.values()), 0.0).astype(np.float32)


def refit(head: Head, vectors: Tensor, present: Tensor, weight: Tensor, *, epochs: int, seed: int) -> None:
    """Trains the head in place: weighted binary cross-entropy, AdamW, linear decay."""
    torch.manual_seed(seed)
    optimiser = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=0.01)
    steps = epochs * -(-len(vectors) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(0.0, 1 - step / steps))
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(vectors)), BATCH):
            logits = head(vectors[rows])
            loss = functional.binary_cross_entropy_with_logits(logits, present[rows], weight[rows], reduction="sum") / len(rows)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()


def complaint_labels(examples: Sequence[Example]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(n, 1) weights of complaint labels, a guess counting GUESSED, our own sentences OWN, 0 unknown;
    and whether they say that it complains."""
    marks = [example.complaint for example in examples]
    weight = [0.0 if mark is None else 1.0 if mark.weight == STRONG else GUESSED for mark in marks]
    ours = [OWN if "file" in mix().get(example.source, {}) else 1.0 for example in examples]
    return (np.array(weight) * ours).astype(np.float32)[:, None], np.array([bool(mark and mark.value) for mark in marks])[:, None]


def refine(data: Path, model: Path, *, threads: int, seed: int = 1, tasks: Sequence[str] = tuple(EPOCHS)) -> int:
    """Goes on fitting the heads for topics and complaints of a model folder, or one of them; returns the number of rows that it read."""
    bundle = load_bundle(model)
    examples = rows_to_refine_on(data)
    random.Random(seed).shuffle(examples)
    vectors = torch.from_numpy(vectors_of([example.text for example in examples], bundle, threads=threads))
    weight, present = presence_labels(examples)
    labels = {"presence": (counted_weights(weight), present), "complaint": complaint_labels(examples)}
    with np.load(model / HEADS) as stored:
        arrays = {name: stored[name] for name in stored.files}
    for task in tasks:
        counted, true = labels[task]
        head = Head(bundle.hidden, true.shape[1])
        head.load_state_dict(
            {name.removeprefix(f"{task}."): torch.from_numpy(v) for name, v in arrays.items() if name.startswith(f"{task}.")}
        )
        refit(head, vectors, torch.from_numpy(true.astype(np.float32)), torch.from_numpy(counted), epochs=EPOCHS[task], seed=seed)
        arrays |= {f"{task}.{name}": value.numpy() for name, value in head.state_dict().items()}
    write_heads(model, arrays)
    return len(examples)


def write_heads(model: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Puts arrays into the heads of a model folder, beside or in place of those that are there, and their checksum into model.json."""
    with np.load(model / HEADS) as stored:
        kept = {name: stored[name] for name in stored.files}
    np.savez(model / HEADS, allow_pickle=False, **(kept | dict(arrays)))
    path = model / "model.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["files"][HEADS] = {"sha256": sha256_of(model / HEADS), "bytes": (model / HEADS).stat().st_size}
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tasks", nargs="+", choices=tuple(EPOCHS), default=tuple(EPOCHS))
    arguments = parser.parse_args()
    rows = refine(arguments.data, arguments.model, threads=arguments.threads, tasks=arguments.tasks)
    print(f"heads for {', '.join(arguments.tasks)} fitted on {rows} rows")


if __name__ == "__main__":
    main()
