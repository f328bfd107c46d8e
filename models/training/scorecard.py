"""The model card's tables in one go, as Markdown: every language and task with its rows, calibration per task, what abstaining buys.

    python -m models.training.scorecard --data DATA_FOLDER --model models/bundled

Development rows only, of sets that train and of sets that merely measure. A language is scored on rows that people wrote in it; where it
has none, on translated ones, and is marked. Calibration and abstaining are measured on the half that they were not fitted on.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.evaluation.metrics import binary_f1, expected_calibration_error, f1, interval_of_macro_f1, macro_f1, share
from models.training.calibrate import ROWS_OF_A_SET
from models.training.data import Example, Row, example_of, load, mix
from models.training.development import Judgements, development_rows, is_labelled, judge
from models.training.emotion_labels import EmotionExample
from models.training.emotion_rows import development_emotions
from models.training.pooled import vectors_of
from nlp.bundle import Bundle, load_bundle
from nlp.calibrate import sigmoid, softmax
from nlp.heads import SENTIMENTS
from store.records import EMOTIONS

TRANSLATED = frozenset({"nusax", "husst_hu", "xed_projected"})
"""Sets translated or projected as a whole; M-ABSA is in all languages but English."""
ROWS_OF_A_LANGUAGE = 150  # of each set
ROWS_OF_EMOTIONS = 500
VOUCH_FROM = 100  # rows of sentiment; fewer say little
GOOD = 0.60
COLUMNS = (
    "language",
    "sentiment, macro-F1",
    "topics, micro-F1",
    "topic sentiment, accuracy",
    "complaint, F1",
    "emotion, macro-F1",
    "not vouched for",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One language: a cell per task, and why it is not vouched for ('' where it is)."""

    language: str
    rows: int
    cells: tuple[str, ...]
    doubt: str


def is_translated(source: str, language: str) -> bool:
    """Whether the rows of this set in this language were not written in it."""
    return source in TRANSLATED or (source == "m_absa" and language != "en")


def rows_of_languages(data: Path, known: Sequence[Example]) -> list[Example]:
    """Labelled development rows beside `known`: of each set at most ROWS_OF_A_LANGUAGE a language, those of `known` included."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in load(data, split="dev", training_only=False):
        groups[row["source"], row["lang"]].append(row)
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for example in known:
        seen[example.source, example.language].add(example.text)
    chosen = []
    for group, rows in groups.items():
        fresh = [row for row in rows if row["text"] not in seen[group]]
        wanted = max(0, ROWS_OF_A_LANGUAGE - len(seen[group]))
        chosen += random.Random(str(group)).sample(fresh, min(wanted, len(fresh)))
    return [example for example in map(example_of, chosen) if is_labelled(example)]


def joined(one: Judgements, other: Judgements) -> Judgements:
    """The rows of both."""
    logits = {task: np.concatenate([values, other.logits[task]]) for task, values in one.logits.items()}
    return Judgements([*one.examples, *other.examples], logits)


def native(rows: Judgements) -> tuple[Judgements, bool]:
    """The rows that people wrote in their language, or all of them where there are none; and whether that is so."""
    written = [not is_translated(example.source, example.language) for example in rows.examples]
    return (rows.where(written), True) if any(written) else (rows, False)


# --- one cell a task: "score (rows)" -------------------------------------------------------------------------------------


def _cell(score: float, rows: int) -> str:
    return f"{100 * score:.1f} ({rows:,})"


def sentiment_cell(rows: Judgements) -> tuple[str, float, int]:
    """The cell with its interval, and macro-F1 and rows for the doubt."""
    rows = rows.with_sentiment(three_classes=False)
    if not rows.examples:
        return "-", 0.0, 0
    gold = [SENTIMENTS[label] for label in rows.sentiments()]
    told = [SENTIMENTS[label] for label in rows.logits["sentiment"].argmax(-1)]
    low, high = interval_of_macro_f1(gold, told)
    score = macro_f1(gold, told)
    return f"{100 * score:.1f} [{100 * low:.0f}-{100 * high:.0f}] ({len(gold):,})", score, len(gold)


def topics_cell(rows: Judgements, bundle: Bundle) -> str:
    """Micro-F1 over judged topics; rows are mentions."""
    known, present = rows.annotated_presence()
    said = (sigmoid(rows.logits["presence"], bundle.heads.temperatures["presence"]) >= bundle.heads.thresholds) & known
    mentions = int(present.sum())
    return _cell(f1(int((said & present).sum()), int(said.sum()), mentions), mentions) if mentions else "-"


def topic_sentiment_cell(rows: Judgements) -> str:
    """Accuracy over the topics that annotators named; rows are mentions."""
    right, _ = topic_sentiments(rows, 1.0)
    return _cell(float(np.mean(right)), len(right)) if len(right) else "-"


def complaint_cell(rows: Judgements) -> str:
    """F1 where annotators judged complaints."""
    rows = rows.with_complaint()
    gold = [bool(label) for label in rows.complaints()]
    return _cell(binary_f1(gold, [bool(logit >= 0) for logit in rows.logits["complaint"][:, 0]]), len(gold)) if any(gold) else "-"


def emotion_cells(examples: Sequence[EmotionExample], told: Sequence[str]) -> dict[str, str]:
    """Language -> macro-F1 over native rows, or over projected ones in brackets where there are no others."""
    groups: dict[str, list[tuple[str, str, bool]]] = defaultdict(list)
    for one, label in zip(examples, told, strict=True):
        gold = label if label in one.emotions else min(one.emotions)
        groups[one.language].append((gold, label, is_translated(one.source, one.language)))
    cells = {}
    for language, found in groups.items():
        kept = [pair for pair in found if not pair[2]] or found
        score = _cell(macro_f1([gold for gold, _, _ in kept], [label for _, label, _ in kept]), len(kept))
        cells[language] = f"projected {score}" if kept[0][2] else score
    return cells


# --- the tables -----------------------------------------------------------------------------------------------------------


def language_lines(rows: Judgements, bundle: Bundle, emotions: dict[str, str]) -> list[Line]:
    """One line per language, those with most rows of sentiment first."""
    groups: dict[str, list[int]] = defaultdict(list)
    for number, example in enumerate(rows.examples):
        groups[example.language].append(number)
    return sorted((_line(name, rows, at, bundle, emotions) for name, at in groups.items()), key=lambda line: (-line.rows, line.language))


def _line(language: str, rows: Judgements, at: Sequence[int], bundle: Bundle, emotions: dict[str, str]) -> Line:
    of_language = rows.where(np.isin(np.arange(len(rows.examples)), at))
    judged, written = native(of_language.with_sentiment(three_classes=False)) if at else (of_language, True)
    sentiment, score, count = sentiment_cell(judged)
    doubts = {
        "only translated rows": not written and count > 0,
        f"fewer than {VOUCH_FROM} rows": count < VOUCH_FROM,
        f"under {100 * GOOD:.0f}": count > 0 and score < GOOD,
    }
    cells = (
        sentiment,
        topics_cell(of_language, bundle),
        topic_sentiment_cell(of_language),
        complaint_cell(of_language),
        emotions.get(language, "-"),
    )
    return Line(language, count, cells, ", ".join(doubt for doubt, applies in doubts.items() if applies))


def print_languages(lines: Sequence[Line]) -> None:
    """The table of languages."""
    print("### By language and task\n\nScore (rows; mentions for topics); sentiment with its 95 % interval.\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for line in lines:
        print(f"| {line.language} | {' | '.join(line.cells)} | {line.doubt} |")


def topic_sentiments(rows: Judgements, temperature: float) -> tuple[list[bool], list[float]]:
    """Whether the sentiment of each topic that annotators named is right, and its probability."""
    pairs = [(row, topic, gold) for row, example in enumerate(rows.examples) for topic, gold in example.topic_sentiment.items()]
    if not pairs:
        return [], []
    row, topic, gold = np.array(pairs).T
    shares = softmax(rows.logits["topic_sentiment"].reshape(len(rows.examples), -1, 3)[row, topic], temperature)
    return list(shares.argmax(-1) == gold), list(shares.max(-1))


def calibration_errors(rows: Judgements, bundle: Bundle) -> dict[str, tuple[int, float]]:
    """Task -> judgements, calibration error; a topic's and a complaint's confidence is the probability that it is there."""
    heads = bundle.heads
    three, complaints = rows.with_sentiment(three_classes=True), rows.with_complaint()
    shares = softmax(three.logits["sentiment"], heads.temperatures["sentiment"])
    known, present = rows.annotated_presence()
    there = sigmoid(rows.logits["presence"], heads.temperatures["presence"])[known]
    right, sure = topic_sentiments(rows, heads.temperatures["topic_sentiment"])
    measured = {
        "sentiment": (shares.max(-1), list(shares.argmax(-1) == three.sentiments())),
        "complaint": (sigmoid(complaints.logits["complaint"][:, 0], heads.temperatures["complaint"]), list(complaints.complaints() == 1)),
        "presence": (there, list(present[known])),
        "topic_sentiment": (np.array(sure), right),
    }
    return {task: (len(hits), expected_calibration_error(sure, hits)) for task, (sure, hits) in measured.items() if len(hits)}


def print_calibration(unseen: Judgements, bundle: Bundle, emotion: tuple[int, float] | None) -> None:
    """The table of calibration, and what abstaining buys."""
    errors = calibration_errors(unseen, bundle) | ({"emotion": emotion} if emotion else {})
    print("\n### Calibration\n\n| task | temperature | judgements | calibration error |\n|---|---|---|---|")
    for task, (count, error) in errors.items():
        print(f"| {task} | {bundle.heads.temperatures[task]} | {count:,} | {error:.3f} |")
    three = unseen.with_sentiment(three_classes=True)
    shares = softmax(three.logits["sentiment"], bundle.heads.temperatures["sentiment"])
    right, answered = shares.argmax(-1) == three.sentiments(), shares.max(-1) >= bundle.heads.abstain_below
    print(
        f"\nAccuracy {100 * right.mean():.1f} on all {len(right):,} rows; {100 * share(right[answered]):.1f} on the "
        f"{100 * answered.mean():.1f} % that are answered (confidence {bundle.heads.abstain_below} and more), "
        f"{100 * share(right[~answered]):.1f} on the others."
    )


def emotions_told(data: Path, bundle: Bundle, threads: int) -> tuple[dict[str, str], tuple[int, float]] | None:
    """The cells of emotions by language and their calibration; None where the model tells none."""
    if not bundle.heads.tells_emotion:
        return None
    examples = development_emotions(data, limit=ROWS_OF_EMOTIONS)
    shares = bundle.heads.emotion(vectors_of([one.text for one in examples], bundle, threads=threads))
    told = [EMOTIONS[label] for label in shares.argmax(-1)]
    complete = [row for row, one in enumerate(examples) if len(one.covers) == len(EMOTIONS)]
    right = [told[row] in examples[row].emotions for row in complete]
    return emotion_cells(examples, told), (len(complete), expected_calibration_error(shares.max(-1)[complete], right))


def print_scorecard(data: Path, bundle: Bundle, *, threads: int) -> None:
    """All tables."""
    backend = bundle.open_backend(threads)
    base = judge(development_rows(data, limit=ROWS_OF_A_SET, training_only=False), bundle, backend)
    more = rows_of_languages(data, base.examples)
    rows = joined(base, judge(more, bundle, backend)) if more else base
    emotions = emotions_told(data, bundle, threads)
    print_languages(language_lines(rows, bundle, emotions[0] if emotions else {}))
    trained: Callable[[Example], bool] = lambda example: "share" in mix()[example.source]  # noqa: E731
    unseen = base.where([trained(example) for example in base.examples]).halves()[1]
    print_calibration(unseen, bundle, emotions[1] if emotions else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    print_scorecard(arguments.data, load_bundle(arguments.model), threads=arguments.threads)


if __name__ == "__main__":
    main()
