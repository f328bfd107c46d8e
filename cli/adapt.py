"""`koe adapt`: heads of a workspace's own from labelled texts or corrections, taken where they are better, listed and undone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.labels import CORRECTION, read_labels
from cli.output import PARTIAL, AsJson, Json, note, say, say_json, say_table
from cli.setup import DEFAULT_WORKSPACE, InWorkspace, existing_file, load_settings, open_database, quiet_logs, workspace_named
from core.errors import InvalidInput, NotFound
from store.records import Labels, TopicCorrection

if TYPE_CHECKING:
    from core.settings import Settings
    from nlp.adapt import Adapted
    from nlp.annotator import Annotator
    from nlp.labelled import LabelledText
    from nlp.workspace_model import WorkspaceModel
    from store.database import Database
    from store.records import AdaptationEntry, Annotation, Workspace

REMARKS_SHOWN = 5
LEAST_UNQUESTIONED, MOST_UNQUESTIONED, PER_CORRECTION = 200, 2_000, 4
"""Texts that nobody corrected, beside the corrections: enough to hold the model to what it does well, few enough for seconds."""


def register(app: typer.Typer) -> None:
    app.command("adapt")(adapt)


def adapt(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="JSONL or CSV with `text` and any of `sentiment`, `complaint`, `topics`; the stored corrections when left out."
        ),
    ] = None,
    workspace: InWorkspace = DEFAULT_WORKSPACE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, and change nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the adaptation in force out of force; the one before it is then.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Show the adaptations of the workspace.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fit the model's last layers to labels of your own; a task takes effect only where that is better on texts held out.

    Exit code 1 when rows were left out.
    """
    from core.times import utcnow

    if undo + show + (file is not None or dry_run) > 1:
        raise InvalidInput("give a file (with or without --dry-run), --undo, or --list: one of them")
    settings = load_settings()
    quiet_logs(settings)
    database = open_database(settings)
    tenant = workspace_named(database, workspace, utcnow())
    if show:
        _show(settings, database, tenant, as_json=as_json)
    elif undo:
        _undo(settings, database, tenant, as_json=as_json)
    else:
        _adapt(settings, database, tenant, file, dry_run=dry_run, as_json=as_json)


# --- adapting --------------------------------------------------------------------------------------------------------


def _adapt(settings: "Settings", database: "Database", tenant: "Workspace", file: Path | None, *, dry_run: bool, as_json: bool) -> None:
    from nlp.adapt import adapt as fit
    from nlp.annotator import load_annotator

    rows, problems = (_corrections(database, tenant), []) if file is None else _labels(database, tenant, file)
    if not rows:
        found = f"; {problems[0]}" if problems else ""
        raise InvalidInput(f"{file or f'workspace {tenant.name} has no corrections'}: nothing to learn from{found}")
    annotator = load_annotator(settings)
    corrected = any(row.origin.startswith(CORRECTION) for row in rows)
    unquestioned = _unquestioned(database, tenant, annotator, rows) if corrected else []
    present, learned = _present(database, tenant, annotator)
    adapted = fit(rows, annotator, workspace=present, learned=learned, unquestioned=unquestioned)
    number = None if dry_run or not adapted.arrays else _store(database, tenant, annotator, adapted)
    if as_json:
        say_json(_outcome(adapted, number, len(rows), len(unquestioned), problems))
    else:
        _say_outcome(adapted, len(rows), len(unquestioned))
        _say_version(annotator, adapted, number)
        _note_all([*problems, *adapted.remarks])
    if problems:
        raise typer.Exit(PARTIAL)


def _present(database: "Database", tenant: "Workspace", annotator: "Annotator") -> "tuple[WorkspaceModel, dict[str, int]]":
    """The adaptation in force, and from how many texts it learned each task."""
    from store.adaptations import list_adaptations, present_adaptation
    from store.records import StoredWorkspaceModel

    with database.read() as connection:
        stored = present_adaptation(connection, tenant.id, annotator.weights)
        entries = list_adaptations(connection, tenant.id)
    learned = dict[str, int]()
    for entry in entries:
        if entry.weights == annotator.weights and entry.undone_at is None:
            for report in entry.reports:
                if report.taken:
                    learned.setdefault(report.task, report.rows)
    return annotator.open(StoredWorkspaceModel(adaptation=stored)), learned


def _store(database: "Database", tenant: "Workspace", annotator: "Annotator", adapted: "Adapted") -> int:
    from core.times import utcnow
    from nlp.adaptation import adaptation_content
    from store.adaptations import add_adaptation

    content = adaptation_content(adapted.arrays, adapted.calibration)
    with database.write() as connection:
        return add_adaptation(
            connection, tenant.id, weights=annotator.weights, content=content, reports=adapted.reports, now=utcnow()
        ).number


def _labels(database: "Database", tenant: "Workspace", file: Path) -> "tuple[list[LabelledText], list[str]]":
    from store.topics import workspace_taxonomy

    path = existing_file(file)
    with database.read() as connection:
        taxonomy = workspace_taxonomy(connection, tenant.id)
    # Its own topics are no outputs of a head: their labels are read, and teach nothing here.
    return read_labels(path, frozenset(topic.id for topic in taxonomy.topics) if taxonomy else frozenset())


def _corrections(database: "Database", tenant: "Workspace") -> "list[LabelledText]":
    from nlp.labelled import LabelledText
    from store.corrections import corrected_texts

    with database.read() as connection:
        rows = list(corrected_texts(connection, tenant.id))
    return [LabelledText(text, labels, labels.language, origin=f"{CORRECTION} {one}") for one, text, labels in rows]


def _unquestioned(
    database: "Database", tenant: "Workspace", annotator: "Annotator", rows: "Sequence[LabelledText]"
) -> "list[LabelledText]":
    """Texts that nobody corrected, with what the shared model says of them of the things that the corrections speak of.

    It is asked again where an adaptation answered: what that says must not confirm it.
    """
    from nlp.circumstances import input_of
    from nlp.labelled import LabelledText
    from store.circumstances import load_circumstances
    from store.corrections import merged, uncorrected

    limit = min(max(PER_CORRECTION * len(rows), LEAST_UNQUESTIONED), MOST_UNQUESTIONED)
    asked = merged([row.labels for row in rows])
    with database.read() as connection:
        found = uncorrected(connection, tenant.id, limit)
        others = [one.feedback for one in found if one.annotation is not None and one.annotation.model != annotator.model]
        around = load_circumstances(connection, others)
    answers = annotator.annotate([input_of(*one) for one in zip(others, around, strict=True)])
    anew = {one.id: answer for one, answer in zip(others, answers, strict=True)}
    return [
        LabelledText(
            one.feedback.text,
            _as_answered(anew.get(one.feedback.id, one.annotation), asked),
            one.feedback.language,
            one.feedback.question,
        )
        for one in found
        if one.annotation is not None
    ]


def _as_answered(said: "Annotation", asked: Labels) -> Labels:
    """What the model says of the things that `asked` speaks of; not what it is unsure of itself."""
    spoken_of = {mention.id for mention in said.topics}
    return Labels(
        sentiment=None if asked.sentiment is None or said.sentiment.abstained else said.sentiment.label,
        complaint=None if asked.complaint is None else said.complaint.label,
        topics=tuple(TopicCorrection(topic.id, topic.id in spoken_of) for topic in asked.topics),
    )


# --- what is said ----------------------------------------------------------------------------------------------------


def _say_outcome(adapted: "Adapted", rows: int, unquestioned: int) -> None:
    say(f"{rows:,} labelled texts" + (f", beside {unquestioned:,} that nobody corrected" if unquestioned else ""))
    table = [
        (
            one.task,
            f"{one.rows:,}",
            _figure(one.before),
            _figure(one.after),
            "-" if one.certainty is None else f"{100 * one.certainty:.0f} %",
            "-" if one.error_before is None else f"{_figure(one.error_before)} > {_figure(one.error_after)}",
            ("takes effect: " if one.taken else "stays as it was: ") + one.reason,
        )
        for one in adapted.reports
    ]
    say_table(("TASK", "TEXTS", "F1 BEFORE", "AFTER", "SURE", "CALIBRATION ERROR", "DECISION"), table)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _say_version(annotator: "Annotator", adapted: "Adapted", number: int | None) -> None:
    if number is not None:
        say(f"texts of this workspace are annotated by {annotator.model}+a{number} from now on; koe adapt --undo goes back")
    elif adapted.arrays:
        say("nothing was changed (--dry-run)")
    else:
        say("nothing takes effect; what was in force stays in force")


def _note_all(remarks: Sequence[str]) -> None:
    for remark in remarks[:REMARKS_SHOWN]:
        note(f"left out: {remark}")
    if len(remarks) > REMARKS_SHOWN:
        note(f"... and {len(remarks) - REMARKS_SHOWN:,} more")


def _outcome(adapted: "Adapted", number: int | None, rows: int, unquestioned: int, problems: Sequence[str]) -> Json:
    from dataclasses import asdict

    return {
        "adaptation": number,
        "texts": rows,
        "unquestioned": unquestioned,
        "tasks": [asdict(report) for report in adapted.reports],
        "left_out": [*problems, *adapted.remarks],
    }


# --- list and undo ---------------------------------------------------------------------------------------------------


def _show(settings: "Settings", database: "Database", tenant: "Workspace", *, as_json: bool) -> None:
    from core.times import to_rfc3339
    from nlp.annotator import weights_of
    from store.adaptations import list_adaptations

    with database.read() as connection:
        entries = list_adaptations(connection, tenant.id)
    states = _states(entries, weights_of(settings))
    if as_json:
        say_json([_entry_json(entry, state) for entry, state in zip(entries, states, strict=True)])
        return
    rows = [
        (f"a{entry.number}", to_rfc3339(entry.created_at), ", ".join(one.task for one in entry.reports if one.taken) or "-", state)
        for entry, state in zip(entries, states, strict=True)
    ]
    say_table(("VERSION", "MADE", "TASKS", "STATE"), rows)


def _states(entries: "Sequence[AdaptationEntry]", weights: str) -> list[str]:
    """What each is, the newest first."""
    states: list[str] = []
    for entry in entries:
        if entry.undone_at is not None:
            states.append("undone")
        elif entry.weights != weights:
            states.append("of another model")
        else:
            states.append("replaced" if "in force" in states else "in force")
    return states


def _entry_json(entry: "AdaptationEntry", state: str) -> Json:
    from dataclasses import asdict

    from core.times import to_rfc3339

    return {
        "adaptation": entry.number,
        "state": state,
        "created_at": to_rfc3339(entry.created_at),
        "undone_at": None if entry.undone_at is None else to_rfc3339(entry.undone_at),
        "tasks": [asdict(report) for report in entry.reports],
    }


def _undo(settings: "Settings", database: "Database", tenant: "Workspace", *, as_json: bool) -> None:
    from core.times import utcnow
    from nlp.annotator import weights_of
    from store.adaptations import present_adaptation, undo_adaptation

    weights = weights_of(settings)
    with database.write() as connection:
        undone = undo_adaptation(connection, tenant.id, weights, utcnow())
        present = present_adaptation(connection, tenant.id, weights)
    if undone is None:
        raise NotFound(f"workspace {tenant.name} has no adaptation of this model in force; koe adapt --list shows all")
    number = None if present is None else present.number
    if as_json:
        say_json({"undone": undone, "in_force": number})
    else:
        say(f"a{undone} is undone; " + ("the shared model answers as it is" if number is None else f"a{number} is in force"))
