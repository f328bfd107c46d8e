"""Labels of a file, for `koe adapt`: one text a row with any of `sentiment`, `complaint` and `topics`; a bad row is named and left out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cli.labelled import opened
from cli.output import Json
from cli.rows import Row
from core.errors import InvalidInput
from store.records import SENTIMENTS, Labels, TopicCorrection

if TYPE_CHECKING:
    from nlp.labelled import LabelledText

CORRECTION = "feedback"
"""How the origin of a correction begins: its text is one that the model was wrong about, not just any text."""
ANSWERS = {"true": True, "1": True, "false": False, "0": False}


def read_labels(path: Path, own: frozenset[str] = frozenset()) -> "tuple[list[LabelledText], list[str]]":
    """The labelled texts, and why rows were left out; `own` are topics of the workspace beside those of the taxonomy.

    A list of topic ids names all that the text speaks of, among those that are named anywhere in the file; a list of objects with
    `present`, as corrections are exported, says only what it says.
    """
    from nlp.labelled import LabelledText

    rows, problems, closed = list[LabelledText](), list[str](), list[int]()
    with opened(path) as found:
        for row in found:
            try:
                labels = labels_of(row, own)
            except InvalidInput as error:
                problems.append(str(error) if str(error).startswith("line ") else f"line {row.line}: {error}")
                continue
            if _names_all(row.fields.get("topics")):
                closed.append(len(rows))
            correction = row.fields.get("feedback_id")
            language = row.language or row.fields.get("lang")
            origin = f"{CORRECTION} {correction}" if correction else f"line {row.line}"
            rows.append(LabelledText(row.text, labels, str(language) if language else None, row.question, origin))
    return _with_absent_topics(rows, closed), problems


def labels_of(row: Row, own: frozenset[str]) -> Labels:
    """Raises InvalidInput saying what would be valid."""
    if row.error is not None:
        raise InvalidInput(row.error)
    sentiment, complaint, topics = (row.fields.get(name) for name in ("sentiment", "complaint", "topics"))
    if sentiment not in (None, "", *SENTIMENTS):
        raise InvalidInput(f"sentiment must be one of {', '.join(SENTIMENTS)}")
    if complaint not in (None, "") and str(complaint).lower() not in ANSWERS:
        raise InvalidInput("complaint must be true or false")
    labels = Labels(
        sentiment=next((one for one in SENTIMENTS if one == sentiment), None),
        complaint=ANSWERS.get(str(complaint).lower()),
        topics=() if topics in (None, "") else _topics(topics, own),
    )
    if labels == Labels() and topics != []:
        raise InvalidInput("no label: give sentiment, complaint or topics")
    return labels


def _topics(topics: Json, own: frozenset[str]) -> tuple[TopicCorrection, ...]:
    from nlp.topics import load_taxonomy

    parts = [topic if isinstance(topic, dict) else {"id": topic} for topic in topics] if isinstance(topics, list) else [{}]
    pairs = [(part.get("id"), part.get("present", True)) for part in parts]
    named = {name: present for name, present in pairs if isinstance(name, str) and isinstance(present, bool)}
    if len(named) < len(pairs):
        raise InvalidInput('topics must be a list of ids, each once, or of objects such as {"id": "price", "present": true}')
    load_taxonomy().check(frozenset(named) - own)
    return tuple(TopicCorrection(name, present) for name, present in named.items())


def _names_all(topics: Json) -> bool:
    return isinstance(topics, list) and not any(isinstance(topic, dict) and "present" in topic for topic in topics)


def _with_absent_topics(rows: "list[LabelledText]", closed: Sequence[int]) -> "list[LabelledText]":
    named = sorted({topic.id for row in rows for topic in row.labels.topics})
    for at in closed:
        labels = rows[at].labels
        there = {topic.id for topic in labels.topics}
        absent = tuple(TopicCorrection(topic, present=False) for topic in named if topic not in there)
        rows[at] = replace(rows[at], labels=replace(labels, topics=(*labels.topics, *absent)))
    return rows
