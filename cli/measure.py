"""How good it is: `koe evaluate` holds the model against labelled texts, `koe backtest` runs the surge detector over a series of counts."""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from cli.labelled import Labels, checked, labels_of, opened
from cli.output import PARTIAL, AsJson, Json, note, progress, say, say_json, say_table
from cli.rows import Row, in_batches
from cli.setup import existing_file, load_settings, quiet_logs
from core.errors import InvalidInput

if TYPE_CHECKING:
    from models.evaluation.report import Judged, Report, Score
    from nlp.annotator import Annotator
    from store.records import Annotation

BATCH = 256
SKIPPED_SHOWN = 5


def register(app: typer.Typer) -> None:
    app.command("evaluate")(evaluate)
    app.command("backtest")(backtest)


# --- koe evaluate ----------------------------------------------------------------------------------------------------


def evaluate(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSONL or CSV, also gzipped: `text` with any of `sentiment`, `topics`, `complaint`, `emotion` or `emotions`, and `lang`."
        ),
    ],
    by: Annotated[str | None, typer.Option(metavar="FIELD", help="Tell rows apart by this field too: source, phenomenon, ...")] = None,
    split: Annotated[str | None, typer.Option(help="Only rows whose field `split` says so: dev, test, ...")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold the model against labels: a score card by language and task. Exit code 1 when rows were left out."""
    from models.evaluation.report import evaluate as report_on
    from nlp.annotator import load_annotator

    settings = load_settings()
    quiet_logs(settings)
    path = existing_file(file)
    annotator = load_annotator(settings)
    with opened(path) as rows:
        outcome = judge((row for row in rows if _is_asked_for(row, split)), annotator, by)
    if not outcome.judged:
        of_split = f" with split {split!r}" if split else ""
        reason = f"; {outcome.skipped[0]}" if outcome.skipped else ""
        raise InvalidInput(f"{path}: no row{of_split} with `text` and a label to judge{reason}")
    report = report_on(outcome.judged)
    if as_json:
        say_json(_json(report, outcome, by))
    else:
        _say_report(report, by)
        _say_left_out(outcome)
    if outcome.skipped:
        raise typer.Exit(PARTIAL)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Rows with the model's answers beside their labels; why others were left out; how many had nothing to judge, or topics not ours."""

    judged: "list[Judged]"
    skipped: list[str]
    unlabelled: int
    foreign_topics: tuple[str, ...]
    foreign_topic_rows: int


def _is_asked_for(row: Row, split: str | None) -> bool:
    return split is None or row.error is not None or row.fields.get("split") == split


def judge(rows: Iterable[Row], annotator: "Annotator", by: str | None) -> Outcome:
    """Annotates every row that bears a label."""
    from nlp.annotator import TextInput

    judged: list[Judged] = []
    skipped: list[str] = []
    unlabelled = 0
    with progress("Evaluating", unit="texts") as bar:
        for batch in in_batches(map(checked, rows), most=BATCH):
            skipped += [f"line {row.line}: {row.error}" for row in batch if row.error]
            pairs = [(row, labels_of(row)) for row in batch if not row.error]
            pairs, count = [pair for pair in pairs if not pair[1].are_none], len(pairs)
            unlabelled += count - len(pairs)
            answers = annotator.annotate([TextInput(text=row.text, language=row.language, question=row.question) for row, _ in pairs])
            judged += [_judged(row, labels, answer, by) for (row, labels), answer in zip(pairs, answers, strict=True)]
            bar.at(len(judged), None)
    return _with_own_topics(judged, skipped, unlabelled, annotator.taxonomy.ids)


def _judged(row: Row, labels: Labels, answer: "Annotation", by: str | None) -> "Judged":
    from models.evaluation.report import Judged

    return Judged(
        language=str(row.fields.get("lang") or row.language or answer.language.code),
        sentiment=labels.sentiment,
        predicted_sentiment=answer.sentiment.label,
        confidence=answer.sentiment.confidence,
        abstained=answer.sentiment.abstained,
        topics=labels.topics,
        predicted_topics=frozenset(topic.id for topic in answer.topics),
        complaint=labels.complaint,
        predicted_complaint=answer.complaint.label,
        topic_confidences={topic.id: topic.confidence for topic in answer.topics},
        topic_sentiments=labels.topic_sentiments,
        predicted_topic_sentiments={topic.id: topic.sentiment for topic in answer.topics},
        complaint_confidence=answer.complaint.confidence,
        emotions=labels.emotions,
        predicted_emotion=answer.emotion.label if answer.emotion else None,
        emotion_confidence=answer.emotion.confidence if answer.emotion else 0.0,
        group=str(row.fields.get(by, "")) if by else "",
    )


def _with_own_topics(judged: "list[Judged]", skipped: list[str], unlabelled: int, ours: frozenset[str]) -> Outcome:
    """Topics of another scheme are not held against us: neither a row that names one, nor silence in a file that does."""
    named = {topic for row in judged for topic in row.topics or ()}
    silence_means_none = bool(named) and named <= ours
    kept = [
        row if row.topics is None or (row.topics <= ours if row.topics else silence_means_none) else replace(row, topics=None)
        for row in judged
    ]
    foreign = tuple(sorted(named - ours))
    return Outcome(kept, skipped, unlabelled, foreign, sum(bool(row.topics and not row.topics <= ours) for row in judged))


def _json(report: "Report", outcome: Outcome, by: str | None) -> dict[str, Json]:
    languages = [{"language": one.name, **one.figures()} for one in report.languages]
    groups = [{by: one.name, **one.figures()} for one in report.groups] if by else []
    return {
        **report.total.figures(),
        "mean_macro_f1": report.mean_macro_f1,
        "languages": languages,
        "groups": groups,
        "skipped": len(outcome.skipped),
        "left_out": [*outcome.skipped[:SKIPPED_SHOWN]],
        "unlabelled": outcome.unlabelled,
        "foreign_topic_rows": outcome.foreign_topic_rows,
    }


TITLES = {
    "macro_f1": "MACRO-F1",
    "macro_f1_interval": "95 %",
    "accuracy": "ACCURACY",
    "topic_micro_f1": "TOPICS",
    "topic_sentiment_accuracy": "TOPIC SENTIMENT",
    "complaint_precision": "COMPLAINT P",
    "complaint_recall": "COMPLAINT R",
    "complaint_f1": "COMPLAINT F1",
    "emotion_macro_f1": "EMOTION",
}


def _say_report(report: "Report", by: str | None) -> None:
    _say_scores("LANGUAGE", [*report.languages, report.total])
    if by:
        say("")
        _say_scores(by.upper(), [*report.groups, report.total])
    total = report.total
    say("")
    if total.sentiment:
        one = total.sentiment
        say(f"mean macro-F1 of the languages  {report.mean_macro_f1:.3f}")
        say(f"calibration error               {one.calibration_error:.3f}")
        say(f"coverage                        {one.coverage:.3f}  (accuracy on those answered: {one.answered_accuracy:.3f})")
    if total.topics:
        error = "-" if total.topics.calibration_error is None else f"{total.topics.calibration_error:.3f}"
        say(f"topics, micro-F1                {total.topics.micro_f1:.3f}  ({total.topics.rows:,} rows, calibration error {error})")
        if total.topics.sentiment_accuracy is not None:
            say(f"topic sentiment, accuracy       {total.topics.sentiment_accuracy:.3f}  ({total.topics.sentiment_rows:,} right topics)")
    if total.complaint:
        said = total.complaint
        say(f"complaint, F1                   {said.f1:.3f}  ({said.rows:,} rows, calibration error {said.calibration_error:.3f})")
    if total.emotion:
        felt = total.emotion
        say(f"emotion, macro-F1               {felt.macro_f1:.3f}  ({felt.rows:,} rows, calibration error {felt.calibration_error:.3f})")


def _say_scores(title: str, scores: "Sequence[Score]") -> None:
    """Only the columns that any of the rows has a figure for."""
    shown = [name for name in TITLES if any(_cell(one, name) != "-" for one in scores)]
    rows = [(one.name, f"{one.rows:,}", *(_cell(one, name) for name in shown)) for one in scores]
    say_table((title, "ROWS", *(TITLES[name] for name in shown)), rows)


def _cell(score: "Score", name: str) -> str:
    figure = score.figures()[name]
    if isinstance(figure, tuple):
        return "{:.2f}-{:.2f}".format(*figure)
    return "-" if figure is None else f"{figure:.3f}"


def _say_left_out(outcome: Outcome) -> None:
    for reason in outcome.skipped[:SKIPPED_SHOWN]:
        note(f"left out: {reason}")
    if len(outcome.skipped) > SKIPPED_SHOWN:
        note(f"... and {len(outcome.skipped) - SKIPPED_SHOWN:,} more rows left out")
    if outcome.unlabelled:
        note(f"{outcome.unlabelled:,} rows bear no label that could be judged")
    if outcome.foreign_topics:
        some = ", ".join(outcome.foreign_topics[:3]) + (", ..." if len(outcome.foreign_topics) > 3 else "")
        note(f"topics of {outcome.foreign_topic_rows:,} rows are not judged: they are no topics of ours ({some})")


# --- koe backtest ----------------------------------------------------------------------------------------------------


def backtest(
    series: Annotated[str, typer.Argument(help="CSV with `timestamp,value` or `timestamp,value,total`; - is standard input.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; standard output otherwise.")] = None,
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Whose hours and weekdays count: Asia/Tokyo.")] = "UTC",
    country: Annotated[str | None, typer.Option(metavar="CODE", help="Whose holidays count: JP, DE-BY.")] = None,
    budget: Annotated[
        float | None, typer.Option(min=0.01, max=100, help="Pages a week that may come for nothing; the past is replayed for it every day.")
    ] = None,
    share: Annotated[bool, typer.Option("--share", help="Judge `value` as a part of `total`: more talk is not more anger.")] = False,
) -> None:
    """Write `timestamp,value,expected,score,alert` for each row, judged by nothing but the rows before it."""
    from insights.backtest import COLUMNS, BacktestOptions, backtest_rows, read_inputs
    from insights.seasons import Seasons, check_country, check_zone

    quiet_logs(load_settings())
    seasons = Seasons(check_zone(timezone), None if country is None else check_country(country))
    options = BacktestOptions(seasons=seasons, budget=budget, share=share)
    with _lines_of(series) as lines, _written_to(output) as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in backtest_rows(read_inputs(lines), options):
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
