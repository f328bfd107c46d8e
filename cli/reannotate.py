"""`koe reannotate`, and with `--shadow` what another model would say of stored feedback, beside what is said of it now."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cli import reannotating
from cli.output import PARTIAL, AsJson, Json, note, progress, say, say_json, say_table
from cli.setup import DEFAULT_WORKSPACE, load_settings, open_database, quiet_logs, workspace_named
from core.errors import InvalidInput

if TYPE_CHECKING:
    from nlp.annotator import Annotator, TextInput
    from nlp.shadow import Changes, Comparison, Flips, Pair
    from nlp.workspace_model import WorkspaceModel
    from store.database import Database
    from store.records import AnnotatedFeedback, Annotation, Labels, Workspace

    Sample = Sequence[tuple[AnnotatedFeedback, Labels]]

BATCH = 128
SHADOWED = 2_000
TITLES = ("", "TEXTS", "SENTIMENT", "COMPLAINT", "EMOTION", "TOPICS", "JACCARD", "ADDED", "REMOVED")


def register(app: typer.Typer) -> None:
    app.command("reannotate")(reannotate)


def reannotate(
    workspace: Annotated[str | None, typer.Option("--workspace", help="Name of one workspace; all of them when left out.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Only feedback written from then on; all when left out.")] = None,
    status: Annotated[bool, typer.Option("--status", help="Show how far it is.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Leave the rest as it is.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Until it is done; this process works where no workers are.")] = False,
    shadow: Annotated[bool, typer.Option("--shadow", help="Compare only; no annotation is changed.")] = False,
    model: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="With --shadow: the model to try, as KOE_MODEL names it; the present one when left out."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=20_000, help="With --shadow: most texts, the newest. [default: 2000]")] = None,
    as_json: AsJson = False,
) -> None:
    """Have the workers replace annotations of older models, behind everything else; it pages nobody. With --shadow, compare first.

    Exit code 1 when the model could not annotate some of them.
    """
    if shadow + status + stop > 1 or (wait and (shadow or status or stop)):
        raise InvalidInput("give one of --shadow, --status, --stop and --wait, or none of them")
    if (model is not None or limit is not None) and not shadow:
        raise InvalidInput("--model and --limit belong to --shadow: workers annotate with the model of KOE_MODEL")
    if since is not None and (shadow or status or stop):
        raise InvalidInput("--since says what to annotate again: it does not go with --shadow, --status or --stop")
    if shadow:
        _compare(workspace or DEFAULT_WORKSPACE, model, SHADOWED if limit is None else limit, as_json=as_json)
    else:
        reannotating.run(workspace, since, "status" if status else "stop" if stop else "wait" if wait else "ask", as_json=as_json)


def _compare(workspace: str, model: str | None, limit: int, *, as_json: bool) -> None:
    from core.times import utcnow
    from nlp.annotator import load_annotator
    from nlp.shadow import compare
    from store.annotations import newest_annotated

    settings = load_settings({"model": model})
    quiet_logs(settings)
    database = open_database(settings)
    tenant = workspace_named(database, workspace, utcnow())
    with database.read() as connection:
        sample = newest_annotated(connection, tenant.id, limit)
    if not sample:
        raise InvalidInput(f"workspace {tenant.name} has no annotated feedback: nothing to compare with")
    annotator = load_annotator(settings)
    opened = _opened(database, annotator, tenant)
    pairs = list(_pairs(database, annotator, opened, sample))
    found, failed = compare(pairs), len(sample) - len(pairs)
    if as_json:
        say_json(_outcome(tenant, annotator.versions(opened), pairs, found, failed))
    else:
        _say(annotator.versions(opened), pairs, found)
    if failed:
        note(f"left out: {failed:,} texts that this model could not annotate")
        raise typer.Exit(PARTIAL)


def _opened(database: "Database", annotator: "Annotator", tenant: "Workspace") -> "WorkspaceModel":
    from store.workspace_models import workspace_model

    with database.read() as connection:
        stored = workspace_model(connection, tenant.id, annotator.weights)
    return annotator.open(stored)


def _pairs(database: "Database", annotator: "Annotator", opened: "WorkspaceModel", sample: "Sample") -> "Iterator[Pair]":
    """Every text with what is said of it and what this model says, told all that the workers would tell it."""
    from nlp.circumstances import input_of
    from nlp.shadow import Pair
    from store.circumstances import load_circumstances

    with progress("Comparing", unit="texts") as bar:
        for start in range(0, len(sample), BATCH):
            rows = sample[start : start + BATCH]
            texts = [row.feedback for row, _ in rows]
            with database.read() as connection:
                around = load_circumstances(connection, texts)
            answers = _answers(annotator, opened, [input_of(*one) for one in zip(texts, around, strict=True)])
            for (row, said), answer in zip(rows, answers, strict=True):
                if answer is not None and row.annotation is not None:
                    yield Pair(row.feedback.id, row.annotation, answer, said)
            bar.at(start + len(rows), len(sample))


def _answers(annotator: "Annotator", opened: "WorkspaceModel", texts: "Sequence[TextInput]") -> "list[Annotation | None]":
    """None for a text that the model cannot take: it must not take the others along, whatever the model trips over."""
    try:
        return list(annotator.annotate(texts, workspace=opened))
    except Exception as error:
        if len(texts) > 1:
            return [answer for text in texts for answer in _answers(annotator, opened, [text])]
        from core.logs import get_logger

        get_logger(__name__).warning("reannotate.text_failed", error=type(error).__name__)
        return [None]


# --- what is said ----------------------------------------------------------------------------------------------------


def _say(versions: tuple[str, str], pairs: "Sequence[Pair]", found: "Comparison") -> None:
    model, taxonomy = versions
    say(f"the newest {len(pairs):,} annotated texts, as {model} (taxonomy {taxonomy}) would annotate them; no annotation was changed")
    for (old, old_taxonomy), texts in _stored(pairs):
        say(f"{texts:,} are annotated by {old} (taxonomy {old_taxonomy})" + (", the same" if (old, old_taxonomy) == versions else ""))
    if found.corrected:
        say(f"{found.corrected:,} were corrected by hand: what was corrected stays, and is not compared")
    rows = [_row("all", found.overall)]
    rows += [_row(f"language {name}", changes) for name, changes in _largest(found.by_language)]
    rows += [_row(f"topic {name}", changes) for name, changes in _largest(found.by_topic)]
    say_table(TITLES, rows)
    for name, ids in sorted(found.examples.items()):
        say(f"other {name}, for example feedback {', '.join(ids)}")


def _row(name: str, changes: "Changes") -> tuple[str, ...]:
    topics = changes.topics
    share = topics.changed / topics.compared if topics.compared else None
    rates = [_percent(one.rate) for one in (changes.sentiment, changes.complaint, changes.emotion)]
    jaccard = "-" if topics.jaccard is None else f"{topics.jaccard:.3f}"
    return (name, f"{changes.texts:,}", *rates, _percent(share), jaccard, f"{topics.added:,}", f"{topics.removed:,}")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _stored(pairs: "Sequence[Pair]") -> list[tuple[tuple[str, str], int]]:
    return Counter((pair.before.model, pair.before.taxonomy) for pair in pairs).most_common()


def _largest(groups: "dict[str, Changes]") -> "list[tuple[str, Changes]]":
    return sorted(groups.items(), key=lambda group: (-group[1].texts, group[0]))


def _outcome(tenant: "Workspace", versions: tuple[str, str], pairs: "Sequence[Pair]", found: "Comparison", failed: int) -> Json:
    return {
        "workspace": tenant.name,
        "model": versions[0],
        "taxonomy": versions[1],
        "sample": "newest",
        "failed": failed,
        "corrected": found.corrected,
        "stored": [{"model": model, "taxonomy": taxonomy, "texts": texts} for (model, taxonomy), texts in _stored(pairs)],
        "overall": _changes_json(found.overall),
        "by_language": [{"language": name} | _changes_json(changes) for name, changes in _largest(found.by_language)],
        "by_topic": [{"topic": name} | _changes_json(changes) for name, changes in _largest(found.by_topic)],
        "examples": found.examples,
    }


def _changes_json(changes: "Changes") -> dict[str, Json]:
    topics = changes.topics
    return {
        "texts": changes.texts,
        "sentiment": _flips_json(changes.sentiment),
        "complaint": _flips_json(changes.complaint),
        "emotion": _flips_json(changes.emotion),
        "topics": {
            "compared": topics.compared,
            "changed": topics.changed,
            "kept": topics.kept,
            "added": topics.added,
            "removed": topics.removed,
            "jaccard": topics.jaccard,
        },
    }


def _flips_json(flips: "Flips") -> Json:
    return {"compared": flips.compared, "flipped": flips.flipped, "rate": flips.rate}
