"""Fits the head for emotions on the exported body's own vectors, and its temperature; a model folder tells emotions from then on.

    python -m models.training.emotion --data DATA_FOLDER --model MODEL_FOLDER

Run it after every export: the head belongs to the body. A row with several emotions is a target shared between them, and emotions that a
set's annotators were not asked for are left out of its rows' softmax, so that their silence teaches nothing.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.evaluation.metrics import expected_calibration_error, macro_f1
from models.training.emotion_labels import EmotionExample, covered_by, shares_of
from models.training.emotion_rows import development_emotions, training_emotions
from models.training.network import Head, emotion_loss
from models.training.pooled import vectors_of
from models.training.refine import write_heads
from nlp.bundle import load_bundle
from nlp.calibrate import fit_temperature, softmax
from nlp.heads import EMOTION
from store.records import EMOTIONS

Floats = NDArray[np.float32]
EPOCHS, BATCH, RATE = 10, 256, 5e-4
ROWS_TO_MEASURE = 500  # development rows of a set
LEAST_OF_A_LANGUAGE = 50  # fewer rows say nothing of a language


@dataclass(frozen=True, slots=True)
class Group:
    """How well the emotions of some rows were told: macro-F1 over the emotions that occur, and the share of rows that are right."""

    name: str
    rows: int
    macro_f1: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class EmotionReport:
    """`calibration_error` is of rows of sets that know every emotion, on the half that the temperature was not fitted on."""

    trained_on: int
    temperature: float
    calibration_error: float
    sets: tuple[Group, ...]
    languages: tuple[Group, ...]


def fit_head(vectors: Floats, examples: Sequence[EmotionExample], *, seed: int) -> Head:
    """A fresh head fitted on (n, hidden) vectors: AdamW, linear decay."""
    torch.manual_seed(seed)
    head = Head(vectors.shape[1], len(EMOTIONS))
    inputs, weight = torch.from_numpy(vectors), torch.tensor([one.weight for one in examples])
    shares, covered = torch.from_numpy(shares_of(examples)), torch.from_numpy(covered_by(examples))
    optimiser = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=0.01)
    steps = EPOCHS * -(-len(inputs) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(0.0, 1 - step / steps))
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(inputs)), BATCH):
            loss = emotion_loss(head(inputs[rows]), shares[rows], covered[rows], weight[rows])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    return head.eval()


def judge(logits: Floats, examples: Sequence[EmotionExample], trained_on: int) -> EmotionReport:
    """Fits the temperature on one half of the rows of sets that know every emotion, and scores all rows."""
    complete = np.flatnonzero(covered_by(examples).all(axis=1))
    fitted, measured = complete[::2], complete[1::2]
    single = [row for row in fitted if len(examples[row].emotions) == 1]
    labels = shares_of([examples[row] for row in single]).argmax(-1)
    temperature = fit_temperature(logits[single], labels)
    confidence = softmax(logits, temperature).max(-1)
    told = [EMOTIONS[label] for label in logits.argmax(-1)]
    right = [label in one.emotions for label, one in zip(told, examples, strict=True)]
    return EmotionReport(
        trained_on=trained_on,
        temperature=round(temperature, 4),
        calibration_error=expected_calibration_error(confidence[measured], [right[row] for row in measured]),
        sets=_groups(examples, told, lambda one: one.source, least=1),
        languages=_groups(examples, told, lambda one: one.language, least=LEAST_OF_A_LANGUAGE),
    )


def _groups(
    examples: Sequence[EmotionExample], told: Sequence[str], key: Callable[[EmotionExample], str], *, least: int
) -> tuple[Group, ...]:
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one, label in zip(examples, told, strict=True):
        # Any of a row's emotions is right; where none was told, its first one was missed.
        groups[key(one)].append((label if label in one.emotions else min(one.emotions), label))
    scored = []
    for name, pairs in groups.items():
        if len(pairs) >= least:
            gold, answers = zip(*pairs, strict=True)
            scored.append(Group(name, len(pairs), macro_f1(gold, answers), float(np.mean([one == other for one, other in pairs]))))
    return tuple(sorted(scored, key=lambda group: -group.rows))


def write_head(model: Path, head: Head, temperature: float) -> None:
    """Puts the head, its labels and its temperature into the folder."""
    path = model / "model.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["labels"][EMOTION] = EMOTIONS
    manifest["calibration"]["temperature"][EMOTION] = temperature
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_heads(model, {f"{EMOTION}.{name}": value.numpy() for name, value in head.state_dict().items()})


def add_emotion(data: Path, model: Path, *, threads: int, seed: int = 1) -> EmotionReport:
    """Fits the head and its temperature, writes both into the folder, and says how good it is on development rows."""
    bundle = load_bundle(model)
    examples, measured = training_emotions(data), development_emotions(data, limit=ROWS_TO_MEASURE)
    random.Random(seed).shuffle(measured)
    vectors = vectors_of([one.text for one in [*examples, *measured]], bundle, threads=threads)
    head = fit_head(vectors[: len(examples)], examples, seed=seed)
    with torch.inference_mode():
        logits = head(torch.from_numpy(vectors[len(examples) :])).numpy()
    report = judge(logits, measured, len(examples))
    write_head(model, head, report.temperature)
    return report


def print_report(report: EmotionReport) -> None:
    """The model card's table."""
    print(f"# emotion: head fitted on {report.trained_on:,} rows, temperature {report.temperature}")
    print(f"calibration error {report.calibration_error:.4f}")
    for title, groups in (("set", report.sets), ("language", report.languages)):
        print(f"| {title} | rows | macro-F1 | accuracy |\n|---|---|---|---|")
        for group in groups:
            print(f"| {group.name} | {group.rows} | {100 * group.macro_f1:.1f} | {100 * group.accuracy:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    print_report(add_emotion(arguments.data, arguments.model, threads=arguments.threads))


if __name__ == "__main__":
    main()
