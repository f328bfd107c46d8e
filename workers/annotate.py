"""Claim texts, ask the model, save: in small batches, so that a lease is never outlived and a death costs seconds of work."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import TransientError
from core.logs import get_logger
from nlp.annotator import Annotator, TextInput
from nlp.circumstances import input_of
from nlp.workspace_model import WorkspaceModel
from store.annotations import save_annotations, save_failure
from store.circumstances import load_circumstances
from store.database import Database
from store.feedback import claim_unannotated, give_back
from store.records import Feedback
from store.workspace_models import workspace_models
from workers.reannotate import Reannotator

log = get_logger(__name__)
CLAIM = 128
"""Texts per claim: a fifth of a second of the model on two cores for tweets, and still within the lease for 128 letters of many pages."""
CHARACTERS = 32_000
"""Code points that go to the model at once, padding counted: what is saved together, and what is lost together."""

PROBE = "The parcel arrived today."
"""What any model can answer."""


class ModelBroken(TransientError):
    """The model answers nothing at all: in another process it may."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """`more`: the run ended because it had enough, not because nothing was left."""

    texts: int
    failed: int
    more: bool


def run(
    database: Database,
    annotator: Annotator,
    *,
    clock: Callable[[], datetime],
    lease: timedelta,
    enough: Callable[[], bool],
    reannotator: Reannotator | None = None,
    was_broken: bool = False,
) -> Annotated:
    """Annotate waiting texts of all workspaces, live ones first, until none is left or it is `enough`.

    With a `reannotator` older annotations are replaced where nothing waits, a few at a time: whatever comes meanwhile goes before the rest.
    Raises TransientError when the database is away; what was claimed comes back when its lease is over. Raises ModelBroken when it is the
    model; what was claimed is free again, and was not claimed in vain. But for the batch under which a model broke that had not been broken
    (`was_broken`): one of its texts may be what breaks models, and is found as one that kills its worker is.
    """
    texts = failed = 0
    while not enough():
        now = clock()
        with database.write() as connection:
            claimed = claim_unannotated(connection, limit=CLAIM, now=now, lease=lease)
        if not claimed and reannotator is not None:
            claimed = reannotator.claim(database, now, lease)
            if not claimed and reannotator.advance(database, now):
                continue
        if not claimed:
            return Annotated(texts, failed, more=False)
        models = load_models(database, annotator, claimed)
        for batch in batches(claimed):
            try:
                broken = annotate(database, annotator, batch, models, clock)
            except ModelBroken:
                suspects = () if was_broken else {one.id for one in batch}
                with database.write() as connection:
                    give_back(connection, [one for one in claimed if one.id not in suspects], now + lease)
                raise
            texts, failed = texts + len(batch), failed + broken
    return Annotated(texts, failed, more=True)


def batches(claimed: Sequence[Feedback], most: int = CHARACTERS) -> Iterator[list[Feedback]]:
    """Texts of like length together, the short ones first: `most` bounds number x longest, unless one text alone is longer."""
    batch: list[Feedback] = []
    for one in sorted(claimed, key=lambda one: len(one.text)):
        if batch and (len(batch) + 1) * len(one.text) > most:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def load_models(database: Database, annotator: Annotator, rows: Sequence[Feedback]) -> dict[str, WorkspaceModel]:
    """What each workspace of these rows adds to the shared model at present, by its id."""
    with database.read() as connection:
        stored = workspace_models(connection, [one.workspace_id for one in rows], annotator.weights)
    return {one: annotator.open(model) for one, model in stored.items()}


def annotate(
    database: Database,
    annotator: Annotator,
    batch: Sequence[Feedback],
    models: Mapping[str, WorkspaceModel],
    clock: Callable[[], datetime],
) -> int:
    """Annotate and save one batch; the number of texts that were set aside because the model cannot take them.

    Raises ModelBroken when it is the model that is broken, not a text.
    """
    with database.read() as connection:
        around = load_circumstances(connection, batch)
    try:
        prepared = [
            annotator.prepare([input_of(*one)], workspace=models[one[0].workspace_id])[0] for one in zip(batch, around, strict=True)
        ]
        answers = annotator.answer(prepared)
    except Exception as error:  # one text must not take the others along, whatever the model trips over
        if len(batch) > 1:
            log.warning("annotate.batch_failed", texts=len(batch), error=type(error).__name__)
            return sum(annotate(database, annotator, [one], models, clock) for one in batch)
        set_aside(database, annotator, batch[0], error, clock())
        return 1
    with database.write() as connection:
        save_annotations(connection, list(zip(batch, answers, strict=True)), clock())
    return 0


def set_aside(database: Database, annotator: Annotator, feedback: Feedback, error: Exception, now: datetime) -> None:
    """Record that the model cannot take this text, once it is sure that it can take others."""
    try:
        annotator.annotate([TextInput(text=PROBE)])
    except Exception as broken:
        raise ModelBroken(f"the model answers nothing at all ({type(broken).__name__}); its texts wait") from error
    log.warning("annotate.text_failed", feedback=feedback.id, workspace=feedback.workspace_id, error=type(error).__name__)
    with database.write() as connection:
        save_failure(connection, feedback, f"the model could not annotate this text ({type(error).__name__})", now)
