"""How long a live text waits for its annotation while the past is annotated again, and how quickly that goes.

What: texts that come live, one every half a second, into a workspace of older annotations; seconds from storing one to having its
annotation, p50 and worst. `alone`: nothing else is to be done; `beside`: the past is annotated again all the while. `past_per_s`: texts of
the past that were annotated again a second meanwhile, saving included; `processor_s_a_text`: what one took, so that a shared machine shows
what is its own.

Method: SQLite, the bundled model, one thread that works as an annotating worker does (`annotate.run` with a Reannotator), this thread as
the API. The past is annotated by a model of another name. Live texts are noticed at once, as after a nudge.

Correctness check: every live text has the annotation of the model; none of the past is lost, and every row has one annotation of either
model when the measurement ends.

    python -m benchmarks.reannotation [--past 6000] [--live 30] [--json]
"""

import argparse
import json
import tempfile
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from benchmarks.texts import some_texts
from core.settings import Settings
from core.times import utcnow
from nlp.annotator import Annotator, TextInput, load_annotator
from store.annotations import save_annotations
from store.database import Database
from store.feedback import add_new, claim_unannotated, get_feedback
from store.reannotations import reannotation_progress
from store.records import NewFeedback, Workspace
from store.workspaces import create_workspace
from workers import annotate
from workers.reannotate import Reannotator

PAUSE = 0.5
LEASE = timedelta(minutes=5)
Report = dict[str, float]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--past", type=int, default=6_000, help="texts of the past")
    options.add_argument("--live", type=int, default=30, help="live texts of each measurement")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        annotator = load_annotator(Settings(home=Path(folder)))
        report = {
            name: measure(Path(folder), annotator, chosen.past if name == "beside" else 0, chosen.live) for name in ("alone", "beside")
        }
    if chosen.json:
        print(json.dumps(report))
        return
    for name, found in report.items():
        print(name, ", ".join(f"{key} {value:.3f}" for key, value in found.items()))


def measure(folder: Path, annotator: Annotator, past: int, live: int) -> Report:
    """A database with so much of a past, and the waits of so many live texts."""
    database = Database(f"sqlite:///{folder / f'past-{past}.sqlite3'}")
    database.upgrade()
    with database.write() as connection:
        workspace = create_workspace(connection, "acme", utcnow())
    add_past(database, workspace, annotator, past)
    over = threading.Event()
    worker = threading.Thread(target=work, args=(database, annotator, over))
    begun, used = time.monotonic(), time.process_time()
    worker.start()
    waits = sorted(wait_for_one(database, workspace, annotator, number) for number in range(live))
    seconds, used = time.monotonic() - begun, time.process_time() - used
    with database.read() as connection:
        progress = reannotation_progress(connection, workspace.id, utcnow())
    over.set()
    worker.join()
    database.dispose()
    assert sum(one.texts for one in progress.annotated) == past + live, progress
    found = {"wait_p50_s": waits[len(waits) // 2], "wait_worst_s": waits[-1]}
    if past:
        assert progress.waiting > 0, "the past was over too soon: give a longer one"
        found |= {"past_per_s": progress.done / seconds, "processor_s_a_text": used / (progress.done + live)}
    return found


def add_past(database: Database, workspace: Workspace, annotator: Annotator, count: int) -> None:
    [answer] = annotator.annotate([TextInput("The parcel arrived today.")])
    older = replace(answer, model="an-older-model")
    now = utcnow()
    texts = some_texts(count, 1) if count else []
    rows = [NewFeedback(text, now - timedelta(minutes=number + 1)) for number, text in enumerate(texts)]
    with database.write() as connection:
        add_new(connection, workspace.id, rows, now=now, live=False)
        while claimed := claim_unannotated(connection, limit=1000, now=now, lease=LEASE):
            save_annotations(connection, [(one, older) for one in claimed], now)


def work(database: Database, annotator: Annotator, over: threading.Event) -> None:
    reannotator = Reannotator(annotator, 56)
    while not over.is_set():
        annotate.run(database, annotator, clock=utcnow, lease=LEASE, enough=over.is_set, reannotator=reannotator)
        over.wait(0.01)


def wait_for_one(database: Database, workspace: Workspace, annotator: Annotator, number: int) -> float:
    time.sleep(PAUSE)
    with database.write() as connection:
        [stored] = add_new(connection, workspace.id, [NewFeedback(f"My parcel is {number} days late.", utcnow())], now=utcnow(), live=True)
    begun = time.monotonic()
    while True:
        with database.read() as connection:
            said = get_feedback(connection, workspace.id, stored.id).annotation
        if said is not None:
            assert said.model == annotator.model
            return time.monotonic() - begun
        time.sleep(0.005)


if __name__ == "__main__":
    main()
