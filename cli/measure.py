"""How good it is: `koe evaluate` holds the model against labelled texts, `koe backtest` runs the surge detector over a series of counts."""

import csv
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from cli.output import PARTIAL, AsJson, Json, note, progress, say, say_json, say_table
from cli.rows import Row, RowFormat, in_batches, read_rows
from cli.setup import existing_file, load_settings, quiet_logs
from core.errors import InvalidInput
from store.records import SENTIMENTS

if TYPE_CHECKING:
    from models.evaluation.report import Judged, Report
    from nlp.annotator import Annotator
    from store.records import Annotation

BATCH = 256
SKIPPED_SHOWN = 5


def register(app: typer.Typer) -> None:
    app.command("evaluate")(evaluate)
    app.command("backtest")(backtest)


# --- koe evaluate ----------------------------------------------------------------------------------------------------


def evaluate(
    file: Annotated[Path, typer.Argument(help="JSONL or CSV with `text` and `sentiment`, and `lang`, `topics`, `complaint` where known.")],
    as_json: AsJson = False,
) -> None:
    """Hold the model against labels: macro-F1 by language, calibration error, coverage. Exit code 1 when rows were left out."""
    from models.evaluation.report import evaluate as report_on
    from nlp.annotator import load_annotator

    settings = load_settings()
    quiet_logs(settings)
    path = existing_file(file)
    form = RowFormat.CSV if path.suffix.lower() == ".csv" else RowFormat.JSONL
    with path.open("rb") as lines:
        judged, skipped = judge(read_rows(lines, form), load_annotator(settings))
    if not judged:
        raise InvalidInput(f"{path}: no row with `text` and `sentiment`" + (f"; {skipped[0]}" if skipped else ""))
    _say_report(report_on(judged), skipped, as_json=as_json)
    if skipped:
        raise typer.Exit(PARTIAL)


def judge(rows: Iterator[Row], annotator: "Annotator") -> "tuple[list[Judged], list[str]]":
    """The rows with the model's answers beside their labels, and why others were left out."""
    from nlp.annotator import TextInput

    judged: list[Judged] = []
    skipped: list[str] = []
    with progress("Evaluating", unit="texts") as bar:
        for batch in in_batches(rows, most=BATCH):
            problems = [row.error or _label_error(row) for row in batch]
            good = [row for row, problem in zip(batch, problems, strict=True) if problem is None]
            skipped += [f"line {row.line}: {problem}" for row, problem in zip(batch, problems, strict=True) if problem is not None]
            answers = annotator.annotate([TextInput(text=row.text, language=row.language, question=row.question) for row in good])
            judged += [_judged(row, answer) for row, answer in zip(good, answers, strict=True)]
            bar.at(len(judged), None)
    return judged, skipped


def _label_error(row: Row) -> str | None:
    if row.fields.get("sentiment") not in SENTIMENTS:
        return f"sentiment must be one of {', '.join(SENTIMENTS)}"
    if not isinstance(row.fields.get("topics"), list | None):
        return "topics must be a list of topic ids"
    if str(row.fields.get("complaint")).lower() not in {"true", "false", "none", "0", "1", ""}:
        return "complaint must be true or false"
    return None


def _judged(row: Row, answer: "Annotation") -> "Judged":
    from models.evaluation.report import Judged

    topics, complaint = row.fields.get("topics"), str(row.fields.get("complaint")).lower()
    return Judged(
        language=str(row.fields.get("lang") or row.language or answer.language.code),
        sentiment=str(row.fields["sentiment"]),
        predicted_sentiment=answer.sentiment.label,
        confidence=answer.sentiment.confidence,
        abstained=answer.sentiment.abstained,
        topics=frozenset(map(_topic_id, topics)) if isinstance(topics, list) else None,
        predicted_topics=frozenset(topic.id for topic in answer.topics),
        complaint=None if complaint in {"none", ""} else complaint in {"true", "1"},
        predicted_complaint=answer.complaint.label,
    )


def _topic_id(topic: Json) -> str:
    """A topic is an id, or an object with one, as annotations have it."""
    return str(topic.get("id")) if isinstance(topic, dict) else str(topic)


def _say_report(report: "Report", skipped: Sequence[str], *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        say_json({**asdict(report), "skipped": len(skipped)})
        return
    rows = [(one.language, f"{one.rows:,}", f"{one.macro_f1:.3f}", f"{one.accuracy:.3f}") for one in report.languages]
    all_rows = ("all", f"{report.rows:,}", f"{report.macro_f1:.3f}", f"{report.accuracy:.3f}")
    say_table(("LANGUAGE", "ROWS", "MACRO-F1", "ACCURACY"), [*rows, all_rows])
    say(f"\nmean macro-F1 of the languages  {report.mean_macro_f1:.3f}")
    say(f"calibration error               {report.calibration_error:.3f}")
    say(f"coverage                        {report.coverage:.3f}  (accuracy on those answered: {report.answered_accuracy:.3f})")
    if report.topic_micro_f1 is not None:
        say(f"topics, micro-F1                {report.topic_micro_f1:.3f}  ({report.topic_rows:,} rows)")
    if report.complaint_f1 is not None:
        say(f"complaint, F1                   {report.complaint_f1:.3f}  ({report.complaint_rows:,} rows)")
    for reason in skipped[:SKIPPED_SHOWN]:
        note(f"left out: {reason}")
    if len(skipped) > SKIPPED_SHOWN:
        note(f"... and {len(skipped) - SKIPPED_SHOWN:,} more rows left out")


# --- koe backtest ----------------------------------------------------------------------------------------------------


def backtest(
    series: Annotated[str, typer.Argument(help="CSV with `timestamp,value` or `timestamp,value,total`; - is standard input.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; standard output otherwise.")] = None,
) -> None:
    """Write `timestamp,value,expected,score,alert` for each row, judged by nothing but the rows before it."""
    from insights.backtest import COLUMNS, backtest_rows, read_inputs

    quiet_logs(load_settings())
    with _lines_of(series) as lines, _written_to(output) as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in backtest_rows(read_inputs(lines)):
            writer.writerow(row.cells())


@contextmanager
def _lines_of(name: str) -> Iterator[TextIO]:
    """Raises InvalidInput for a file that is not text."""
    try:
        if name == "-":
            sys.stdin.reconfigure(encoding="utf-8-sig")  # type: ignore[union-attr] # TextIO hides what every real stdin has
            yield sys.stdin
        else:
            with existing_file(Path(name)).open(encoding="utf-8-sig", newline="") as lines:
                yield lines
    except UnicodeDecodeError:
        raise InvalidInput(f"{name} is not UTF-8 text; a series is a CSV such as timestamp,value") from None


@contextmanager
def _written_to(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears whole or not at all."""
    if path is None:
        yield sys.stdout
        return
    draft = path.with_name(f".{path.name}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="") as out:
            yield out
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
