"""Labelled texts as tasks for the heads: every text once, contradictions left out, and what is too little said so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nlp.clean import clean
from nlp.segments import split
from store.records import SENTIMENTS, Labels

LEAST_ROWS = 30
LEAST_OF_A_KIND = 5
"""Rows of each answer: one in every fold that is held out."""
SENTIMENT, COMPLAINT, PRESENCE = "sentiment", "complaint", "presence"
"""Names of heads."""

Said = dict[str, bool | str]
"""What is right of one text: `sentiment`, `complaint`, `topic <id>` -> value."""


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text, and what is right of it. `origin` names it in messages: a line of a file."""

    text: str
    labels: Labels
    language: str | None = None
    question: str | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One head and its labels. `outputs`: those of its outputs that are fitted, which are called `names`; `known`: text -> place in
    `outputs` -> whether it is right, where that is known."""

    head: str
    outputs: tuple[int, ...]
    names: tuple[str, ...]
    known: Mapping[int, Mapping[int, bool]]

    @property
    def name(self) -> str:
        """As people know it."""
        return "topics" if self.head == PRESENCE else self.head

    @property
    def exclusive(self) -> bool:
        """Whether one output alone is right."""
        return self.head == SENTIMENT

    def missing(self) -> str | None:
        """What is lacking before this task can be fitted; None when nothing is."""
        if not self.known:
            few = f"no topic has {LEAST_OF_A_KIND} texts that speak of it and {LEAST_OF_A_KIND} that do not"
            return few if self.head == PRESENCE else "no labels"
        if len(self.known) < LEAST_ROWS:
            return f"{len(self.known)} texts are too few: at least {LEAST_ROWS} are needed"
        counts = [sum(values.get(output, False) for values in self.known.values()) for output in range(len(self.outputs))]
        if self.head == COMPLAINT and not is_enough([values[0] for values in self.known.values()]):
            each = f"at least {LEAST_OF_A_KIND} texts that complain and {LEAST_OF_A_KIND} that do not are needed"
            return f"{each}; {counts[0]} of {len(self.known)} complain"
        rare = [f"{name} ({count})" for name, count in zip(self.names, counts, strict=True) if count < LEAST_OF_A_KIND]
        if self.exclusive and rare:
            return f"at least {LEAST_OF_A_KIND} texts of each answer are needed, or it would be unlearnt; too few are {', '.join(rare)}"
        return None


def is_enough(values: Sequence[bool]) -> bool:
    """Whether both answers to a question are there often enough."""
    return LEAST_OF_A_KIND <= sum(values) <= len(values) - LEAST_OF_A_KIND


def each_once(rows: Sequence[LabelledText], *, trusted: int) -> tuple[list[LabelledText], list[Said], list[str]]:
    """Every text once, whatever its case and blanks, and whatever else the model does not see, such as where a link leads; what is said
    of it; and remarks on texts whose labels contradict each other.

    The first `trusted` rows are a human's word; the others give way to them. A label that is contradicted is left out.
    """
    places: dict[str, int] = {}
    texts, said, remarks = list[LabelledText](), list[Said](), list[str]()
    contradicted: list[tuple[int, str]] = []
    for number, row in enumerate(rows):
        place = places.setdefault(_as_read(row.text), len(texts))
        if place == len(texts):
            texts.append(row)
            said.append(_said(row.labels))
        elif number < trusted:
            for name, value in _said(row.labels).items():
                if said[place].setdefault(name, value) != value:
                    contradicted.append((place, name))
                    remarks.append(f"{row.origin} has the text of {texts[place].origin} and another {name}: that of neither is used")
    for place, name in contradicted:
        said[place].pop(name, None)
    return texts, said, remarks


def _as_read(text: str) -> str:
    """The same for texts that are one to the model, cleaned as `Annotator.prepare` does it: reposts differ in a link or a name. Were they
    two texts, one could be learned and the other measured."""
    cleaned = " ".join(clean(text[span.start : span.end]) for span in split(text))
    return " ".join(cleaned.casefold().split())


def tasks_of(said: Sequence[Said], topics: Sequence[str]) -> Iterator[Task]:
    """Sentiment, complaint and topics; of `topics`, which the head knows in this order, those that are often enough said and denied."""
    sentiments = {row: values["sentiment"] for row, values in enumerate(said) if "sentiment" in values}
    one_hot = {row: {place: one == right for place, one in enumerate(SENTIMENTS)} for row, right in sentiments.items()}
    yield Task(SENTIMENT, (0, 1, 2), SENTIMENTS, one_hot)
    complaints = _answers(said, "complaint")
    yield Task(COMPLAINT, (0,), ("complaint",), {row: {0: value} for row, value in complaints.items()})
    marks = {topic: _answers(said, f"topic {topic}") for topic in topics}
    often = [topic for topic in topics if is_enough(list(marks[topic].values()))]
    rows = sorted({row for topic in often for row in marks[topic]})
    known = {row: {place: marks[topic][row] for place, topic in enumerate(often) if row in marks[topic]} for row in rows}
    yield Task(PRESENCE, tuple(list(topics).index(topic) for topic in often), tuple(often), known)


def _answers(said: Sequence[Said], name: str) -> dict[int, bool]:
    return {row: bool(values[name]) for row, values in enumerate(said) if name in values}


def _said(labels: Labels) -> Said:
    values: Said = {f"topic {topic.id}": topic.present for topic in labels.topics}
    if labels.sentiment is not None:
        values["sentiment"] = labels.sentiment
    if labels.complaint is not None:
        values["complaint"] = labels.complaint
    return values
