"""The model card's figures: development rows that calibration did not see, by language, set and topic, and int8 against float.

python -m models.training.measure --data DATA_FOLDER --model models/bundled
(to compare with float32 too: --backbone BACKBONE_FOLDER --weights RUN_FOLDER/final.safetensors)
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from models.evaluation.metrics import binary_f1, expected_calibration_error, f1, macro_f1, share
from models.training.calibrate import ROWS_OF_A_SET
from models.training.data import Example, mix, topic_ids
from models.training.development import Judgements, development_rows, judge
from models.training.export import body_of
from nlp.backend import Backend, padded_batches
from nlp.bundle import Bundle, load_bundle
from nlp.calibrate import sigmoid, softmax
from nlp.encode import WordVectors
from nlp.heads import SENTIMENTS

UMSAB = ("ar", "en", "fr", "de", "hi", "it", "es", "pt")


class FloatBackend:
    """The trained body before quantisation, to measure what int8 costs."""

    def __init__(self, backbone: Path, weights: Path, words: WordVectors, pad: int) -> None:
        self._body, self._words, self._pad = body_of(backbone, load_file(str(weights))), words, pad

    @property
    def name(self) -> str:
        """Which engine."""
        return "torch-float32"

    def states(self, windows: Sequence[Sequence[int]], *, by_token: bool = False) -> list[NDArray[np.float32]]:
        """Token states of each window, in order."""
        found: dict[int, NDArray[np.float32]] = {}
        for batch in padded_batches(windows, self._pad):
            with torch.inference_mode():
                states = self._body(torch.from_numpy(self._words.rows(batch.ids)), torch.from_numpy(batch.mask), by_token).numpy()
            found.update(zip(batch.rows, states, strict=True))
        return [found[row][: len(window)] for row, window in enumerate(windows)]


def sentiment_scores(rows: Judgements, key: Callable[[Example], Hashable]) -> dict[Hashable, tuple[int, float]]:
    """Group -> (rows, macro-F1)."""
    gold, predicted = rows.sentiments(), rows.logits["sentiment"].argmax(-1)
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for row, example in enumerate(rows.examples):
        groups[key(example)].append(row)
    names = np.array(SENTIMENTS)
    return {name: (len(at), macro_f1(list(names[gold[at]]), list(names[predicted[at]]))) for name, at in groups.items()}


def print_sentiment(rows: Judgements, title: str) -> None:
    """Macro-F1 by language of UMSAB and over everything."""
    umsab = sentiment_scores(rows.where([example.source == "umsab" for example in rows.examples]), lambda example: example.language)
    scores = {language: umsab[language][1] for language in UMSAB if language in umsab}
    listed = " ".join(f"{language} {score:.3f}" for language, score in scores.items())
    print(f"## {title}\numsab dev {listed} mean {np.mean(list(scores.values())):.4f}")


def print_groups(rows: Judgements) -> None:
    """Macro-F1 by language and by set."""
    for title, key in (("language", lambda example: example.language), ("set", lambda example: example.source)):
        print(f"## sentiment by {title}: rows, macro-F1 over the labels that occur")
        for name, (count, score) in sorted(sentiment_scores(rows, key).items(), key=lambda pair: -pair[1][0]):
            print(f"| {name} | {count} | {100 * score:.1f} |")


def print_calibration(rows: Judgements, bundle: Bundle, temperature: float) -> None:
    """Calibration error, coverage, accuracy with and without abstaining."""
    shares = softmax(rows.logits["sentiment"], temperature)
    confidence, right = shares.max(-1), shares.argmax(-1) == rows.sentiments()
    answered = confidence >= bundle.heads.abstain_below
    error = expected_calibration_error(confidence, list(right))
    print(f"## calibration on {len(right)} rows: error {error:.4f}, accuracy {right.mean():.4f}")
    accurate, less = share(right[answered]), share(right[~answered])
    print(f"answered {answered.mean():.3f}, accuracy of those {accurate:.4f}, of the others {less:.4f}")


def print_topics(rows: Judgements, bundle: Bundle, temperature: float) -> None:
    """F1 of each topic and of all, on annotated labels only; and the topics' sentiment."""
    known, present = rows.annotated_presence()
    predicted = sigmoid(rows.logits["presence"], temperature) >= bundle.heads.thresholds
    hit, said, gold = (flags & known for flags in (predicted & present, predicted, present))
    print(f"## topics, annotated labels: micro-F1 {f1(int(hit.sum()), int(said.sum()), int(gold.sum())):.4f}")
    for topic, name in enumerate(topic_ids()):
        at = [int(flags[:, topic].sum()) for flags in (hit, said, gold)]
        print(f"| {name} | {at[2]} of {int(known[:, topic].sum())} | {100 * f1(*at):.1f} | {bundle.heads.thresholds[topic]:.2f} |")
    for source in sorted({example.source for example in rows.examples}):
        of_set = np.array([example.source == source for example in rows.examples])[:, None]
        counts = [int((flags & of_set).sum()) for flags in (hit, said, gold)]
        if counts[2]:
            print(f"| set {source} | {counts[2]} mentions | {100 * f1(*counts):.1f} |")
    print_topic_sentiment(rows)


def print_topic_sentiment(rows: Judgements) -> None:
    """Accuracy and macro-F1 of the sentiment towards topics that annotators named."""
    pairs = [(row, topic, value) for row, example in enumerate(rows.examples) for topic, value in example.topic_sentiment.items()]
    if not pairs:
        return
    row, topic_at, value = np.array(pairs).T
    polarity = rows.logits["topic_sentiment"].reshape(len(rows.examples), -1, 3)[row, topic_at].argmax(-1)
    score = macro_f1(list(map(str, value)), list(map(str, polarity)))
    print(f"topic sentiment: accuracy {np.mean(polarity == value):.4f}, macro-F1 {score:.4f}, n {len(value)}")


def print_complaints(rows: Judgements) -> None:
    """F1 of complaints by set and language."""
    rows = rows.with_complaint()
    said, gold = rows.logits["complaint"][:, 0] >= 0, rows.complaints() == 1
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, example in enumerate(rows.examples):
        groups[example.source, example.language].append(row)
        groups["all", ""].append(row)
    print("## complaints: rows, F1, accuracy")
    for (source, language), at in sorted(groups.items()):
        score = binary_f1(list(map(bool, gold[at])), list(map(bool, said[at])))
        print(f"| {source} {language} | {len(at)} | {100 * score:.1f} | {100 * np.mean(gold[at] == said[at]):.1f} |")


def compare(rows: Judgements, other: Judgements) -> None:
    """int8 against float32 on the same rows."""
    print_sentiment(other.with_sentiment(three_classes=False), "float32")
    same = rows.logits["sentiment"].argmax(-1) == other.logits["sentiment"].argmax(-1)
    print(f"same sentiment label int8 and float32: {100 * same.mean():.2f} % of {len(same)}")


def measure(data: Path, bundle: Bundle, *, threads: int, floats: Backend | None) -> None:
    """Prints every figure; `floats` is the body before quantisation, where it is at hand."""
    temperatures = bundle.heads.temperatures
    examples = development_rows(data, limit=ROWS_OF_A_SET, training_only=False)
    everything = judge(examples, bundle, bundle.open_backend(threads))
    trained = np.array(["share" in mix()[example.source] for example in everything.examples])
    unseen = everything.where(trained).halves()[1]
    print_sentiment(everything.with_sentiment(three_classes=False), "int8")
    print_groups(everything.with_sentiment(three_classes=False))
    print_calibration(unseen.with_sentiment(three_classes=True), bundle, temperatures["sentiment"])
    print_topics(unseen, bundle, temperatures["presence"])
    print("# topics of sets that only measure")
    print_topics(everything.where(~trained), bundle, temperatures["presence"])
    print_complaints(everything)
    if floats is not None:
        umsab = everything.where([example.source == "umsab" for example in everything.examples])
        compare(umsab, judge(umsab.examples, bundle, floats))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--backbone", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.model)
    floats = None
    if arguments.backbone and arguments.weights:
        floats = FloatBackend(arguments.backbone, arguments.weights, bundle.words(), bundle.tokenizer.pad)
    measure(arguments.data, bundle, threads=arguments.threads, floats=floats)


if __name__ == "__main__":
    main()
