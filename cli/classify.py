"""`koe classify`: what the model says of each text of a file or pipe, in order, without server or database."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import PARTIAL, Json, Progress, progress, say
from cli.rows import Row, RowFormat, in_batches, lines_of, lines_of_standard_input, read_rows
from cli.setup import existing_file, load_settings, open_database, quiet_logs, workspace_named

if TYPE_CHECKING:
    from core.settings import Settings
    from nlp.annotator import Annotator, TextInput
    from nlp.workspace_model import WorkspaceModel
    from store.records import Annotation


def register(app: typer.Typer) -> None:
    app.command("classify")(classify)


def classify(
    file: Annotated[
        str, typer.Argument(help="Plain lines, JSONL with `text`, or CSV with a column `text`, also gzipped; - is standard input.")
    ] = "-",
    form: Annotated[RowFormat, typer.Option("--format", help="How to read the input.")] = RowFormat.AUTO,
    language: Annotated[
        str | None, typer.Option(help="The language of texts that do not name theirs, where you know it: ja, en, ...")
    ] = None,
    workspace: Annotated[
        str | None, typer.Option(help="Answer as this workspace does, with what it added to the shared model; needs the database.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=4096, help="Most texts given to the model at once.")] = 512,
) -> None:
    """Write one JSON object a line: the fields of the input, and the annotation under `annotation` (or what is wrong under `error`)."""
    from nlp.annotator import load_annotator

    settings = load_settings()
    quiet_logs(settings)
    path = None if file == "-" else existing_file(Path(file))
    annotator = load_annotator(settings)
    model = _workspace_model(settings, annotator, workspace)
    with progress("Classifying", unit="texts") as bar:
        if path is None:
            broken = _classify(read_rows(lines_of_standard_input(), form), annotator, model, language, batch, bar)
        else:
            with lines_of(path) as (lines, suffix):
                broken = _classify(read_rows(lines, form, suffix=suffix), annotator, model, language, batch, bar)
    if broken:
        raise typer.Exit(PARTIAL)


def _workspace_model(settings: "Settings", annotator: "Annotator", name: str | None) -> "WorkspaceModel":
    from core.times import utcnow
    from nlp.workspace_model import PLAIN
    from store.workspace_models import workspace_model

    if name is None:
        return PLAIN
    database = open_database(settings)
    workspace = workspace_named(database, name, utcnow())
    with database.read() as connection:
        stored = workspace_model(connection, workspace.id, annotator.weights)
    return annotator.open(stored)


def _classify(rows: Iterable[Row], annotator: "Annotator", model: "WorkspaceModel", language: str | None, batch: int, bar: Progress) -> int:
    """Write every row; the number of broken ones."""
    done = broken = 0
    for chunk in in_batches(rows, most=batch):
        good = iter(annotator.annotate([_input(row, language) for row in chunk if row.error is None], workspace=model))
        for row in chunk:
            answer: dict[str, Json] = {"annotation": annotation_json(next(good))} if row.error is None else {"error": row.error}
            say(_line({**row.fields, **answer}))
            broken += row.error is not None
        done += len(chunk)
        bar.at(done, None)
    return broken


def _input(row: Row, language: str | None) -> "TextInput":
    from nlp.annotator import TextInput

    return TextInput(text=row.text, language=row.language or language, question=row.question)


def _line(fields: dict[str, Json]) -> str:
    return json.dumps(fields, ensure_ascii=False)


def annotation_json(annotation: "Annotation") -> Json:
    """An annotation in the shape of the API."""
    sentiment, emotion = annotation.sentiment, annotation.emotion
    return {
        "language": {"code": annotation.language.code, "confidence": annotation.language.confidence},
        "sentiment": {
            "label": sentiment.label,
            "confidence": sentiment.confidence,
            "scores": {str(label): score for label, score in sentiment.scores.items()},
            "abstained": sentiment.abstained,
        },
        "topics": [
            {
                "id": topic.id,
                "confidence": topic.confidence,
                "sentiment": topic.sentiment,
                "evidence": [{"start": span.start, "end": span.end} for span in topic.evidence],
            }
            for topic in annotation.topics
        ],
        "complaint": {"label": annotation.complaint.label, "confidence": annotation.complaint.confidence},
        "emotion": None if emotion is None else {"label": emotion.label, "confidence": emotion.confidence},
        "model": annotation.model,
        "taxonomy": annotation.taxonomy,
    }
