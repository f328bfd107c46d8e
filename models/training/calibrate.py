"""Fits temperatures, topic thresholds and the abstaining confidence on development rows and writes them into a model folder.

python -m models.training.calibrate --data DATA_FOLDER --model models/bundled
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from models.training.development import Flags, Floats, Judgements, development_rows, judge
from nlp.bundle import load_bundle
from nlp.calibrate import best_threshold, confidence_at_coverage, fit_temperature, sigmoid, softmax

ROWS_OF_A_SET = 400
# Thresholds above 0.4 fit the domains at hand and miss topics in one that was never seen (61.5 left out against 55.9 with 0.3 to 0.9).
LEAST_THRESHOLD, MOST_THRESHOLD = 0.2, 0.4
COVERAGE = 0.9  # share of texts that get a sentiment without a warning


def fit(rows: Judgements) -> dict[str, Any]:
    """The `calibration` of model.json."""
    three = rows.with_sentiment(three_classes=True)
    complaints = rows.with_complaint()
    temperature = {
        "sentiment": fit_temperature(three.logits["sentiment"], three.sentiments()),
        "complaint": fit_temperature(complaints.logits["complaint"][:, 0], complaints.complaints()),
        "presence": _presence_temperature(rows),
        "topic_sentiment": _polarity_temperature(rows),
    }
    probabilities = softmax(three.logits["sentiment"], temperature["sentiment"])
    return {
        "temperature": {task: round(value, 4) for task, value in temperature.items()},
        "thresholds": _thresholds(rows, temperature["presence"]),
        "abstain_below": round(confidence_at_coverage(probabilities, COVERAGE), 4),
    }


def _presence_temperature(rows: Judgements) -> float:
    known, present = rows.annotated_presence()
    return fit_temperature(rows.logits["presence"][known], present[known].astype(np.int64))


def _polarity_temperature(rows: Judgements) -> float:
    pairs = [(row, topic, value) for row, example in enumerate(rows.examples) for topic, value in example.topic_sentiment.items()]
    row, topic, value = np.array(pairs).T
    logits = rows.logits["topic_sentiment"].reshape(len(rows.examples), -1, 3)
    return fit_temperature(logits[row, topic], value)


def _thresholds(rows: Judgements, temperature: float) -> list[float]:
    """The best F1 of each topic over annotated and weak labels by their weights: a topic must stay silent outside its own sets too."""
    probabilities = sigmoid(rows.logits["presence"], temperature)
    weight, present = rows.presence()
    return best_thresholds(probabilities, present, weight)


def best_thresholds(probabilities: Floats, present: Flags, weight: Floats) -> list[float]:
    """The best threshold of each topic within its bounds; arrays (n, T)."""
    columns = zip(probabilities.T, present.T, weight.T, strict=True)
    return [best_threshold(*column, least=LEAST_THRESHOLD, most=MOST_THRESHOLD) for column in columns]


def calibrate(data: Path, model: Path, *, threads: int) -> dict[str, object]:
    """Fits on one half of the development rows, writes the result into model.json and returns it."""
    bundle = load_bundle(model)
    rows = judge(development_rows(data, limit=ROWS_OF_A_SET), bundle, bundle.open_backend(threads))
    path = model / "model.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    fitted = fit(rows.halves()[0])
    # The temperature of emotions is fitted with their head, on rows of their own.
    fitted["temperature"] = manifest["calibration"]["temperature"] | fitted["temperature"]
    manifest["calibration"] = fitted
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return dict(manifest["calibration"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    print(json.dumps(calibrate(arguments.data, arguments.model, threads=arguments.threads), indent=1))


if __name__ == "__main__":
    main()
