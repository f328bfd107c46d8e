"""What labels of one's own are worth: a workspace adapts to 50, 200 and 1,000 texts of a set that did not train the model.

    python -m benchmarks.adapt --data DATA_FOLDER

For each set, rows drawn from its training rows go through `adapt`, the very code of `koe adapt`, and what takes effect answers the set's
development rows through `Annotator.annotate`, the very code of /v1/classify. Printed are macro-F1 before and after, whether it took
effect, the seconds that `adapt` took with encoding, and macro-F1 of the other sets' rows under the heads of this one: an adaptation is one
workspace's. Check: with nothing taken, every answer is the shared model's.
"""

import argparse
import gzip
import json
import random
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from core.settings import Settings
from models.evaluation.metrics import macro_f1
from nlp.adapt import adapt
from nlp.adaptation import adaptation_content, open_adaptation
from nlp.annotator import Annotator, TextInput, load_annotator
from nlp.labelled import LabelledText
from nlp.workspace_model import PLAIN, WorkspaceModel
from store.records import SENTIMENTS, Labels, Sentiment, StoredAdaptation

SETS = ("us_airline", "uit_vsfc", "cuba_hotels_es", "lv_tweets", "senticomments_sr")
SIZES = (50, 200, 1000)
MEASURED, OTHERS = 600, 150
Row = tuple[str, str, Sentiment]
"""Text, language, sentiment."""


def rows_of(data: Path, name: str, split: str, most: int) -> list[Row]:
    """An even sample of the rows with a sentiment, the same every time."""
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [row for line in lines if (row := json.loads(line))["split"] == split and row["sentiment"] in SENTIMENTS]
    random.Random(name).shuffle(rows)
    return [(row["text"], row["lang"], row["sentiment"]) for row in rows[:most]]


def adapted(rows: Sequence[Row], annotator: Annotator) -> tuple[WorkspaceModel, float, str]:
    """What a workspace with these labels answers with, the seconds it took, and the decision."""
    labelled = [LabelledText(text, Labels(sentiment=sentiment), language) for text, language, sentiment in rows]
    started = time.perf_counter()
    found = adapt(labelled, annotator)
    seconds = time.perf_counter() - started
    if not found.arrays:
        return PLAIN, seconds, found.reports[0].reason
    content = adaptation_content(found.arrays, found.calibration)
    stored = StoredAdaptation(1, annotator.weights, content, sha256(content).hexdigest())
    return WorkspaceModel(adaptation=open_adaptation(stored)), seconds, found.reports[0].reason


def score(rows: Sequence[Row], annotator: Annotator, model: WorkspaceModel) -> float:
    """Macro-F1 in points."""
    answers = annotator.annotate([TextInput(text, language) for text, language, _ in rows], workspace=model)
    return 100 * macro_f1([right for _, _, right in rows], [answer.sentiment.label for answer in answers])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    annotator = load_annotator(Settings(model_threads=arguments.threads))
    others = {name: rows_of(arguments.data, name, "dev", OTHERS) for name in SETS}
    usual = {name: score(rows, annotator, PLAIN) for name, rows in others.items()}
    print(f"{'set':18} {'n':>5} {'before':>7} {'after':>7} {'seconds':>8} {'other sets':>16}  decision")
    for name in SETS:
        measured = rows_of(arguments.data, name, "dev", MEASURED)
        before = score(measured, annotator, PLAIN)
        for size in SIZES:
            model, seconds, decision = adapted(rows_of(arguments.data, name, "train", size), annotator)
            after = before if model is PLAIN else score(measured, annotator, model)
            rest = [one for one in SETS if one != name]
            old = sum(usual[one] for one in rest) / len(rest)
            new = old if model is PLAIN else sum(score(others[one], annotator, model) for one in rest) / len(rest)
            print(f"{name:18} {size:5} {before:7.1f} {after:7.1f} {seconds:8.1f} {old:7.1f} > {new:6.1f}  {decision}", flush=True)


if __name__ == "__main__":
    main()
