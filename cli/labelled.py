"""Labelled rows for `koe evaluate`: which labels a row bears, which of them are ours to judge, and what is wrong with a row."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from cli.output import Json
from cli.rows import Row, RowFormat, lines_of, read_rows
from store.records import EMOTIONS, SENTIMENTS

LABELS = ("sentiment", "topics", "complaint", "emotion", "emotions")
YES, NO, UNKNOWN = {"true", "1"}, {"false", "0"}, {"none", ""}


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of one text; None = not labelled for that task. `topics` are as the row names them, ours or not."""

    sentiment: str | None = None
    topics: frozenset[str] | None = None
    topic_sentiments: Mapping[str, str] = field(default_factory=dict)
    complaint: bool | None = None
    emotions: frozenset[str] | None = None

    @property
    def are_none(self) -> bool:
        """Whether there is nothing to judge."""
        return self.sentiment is None and not self.topics and self.complaint is None and not self.emotions


@contextmanager
def opened(path: Path) -> Iterator[Iterable[Row]]:
    """The rows of a JSONL or CSV file, gzipped or not. Raises InvalidInput where it cannot be unpacked."""
    with lines_of(path) as (lines, suffix):
        yield read_rows(lines, RowFormat.CSV if suffix.lower() == ".csv" else RowFormat.JSONL)


def checked(row: Row) -> Row:
    """The row, with `error` where it cannot be judged."""
    return row if row.error else replace(row, error=_error(row.fields))


def _error(fields: Mapping[str, Json]) -> str | None:
    wrong = {
        f"no label; give one of {', '.join(LABELS)}": not any(name in fields for name in LABELS),
        f"sentiment must be one of {', '.join(SENTIMENTS)}": fields.get("sentiment") not in (*SENTIMENTS, None, ""),
        "topics must be a list of topic ids": not isinstance(fields.get("topics") or None, list | None),
        "complaint must be true or false": str(fields.get("complaint")).lower() not in YES | NO | UNKNOWN,
        f"emotion must be one of {', '.join(EMOTIONS)}": not isinstance(fields.get("emotion"), str | None),
        "emotions must be a list": not isinstance(fields.get("emotions") or None, list | None),
    }
    return next((reason for reason, applies in wrong.items() if applies), None)


def labels_of(row: Row) -> Labels:
    """The labels of a row that is in order. An emotion that is none of ours is no label; `relevant` false: its sentiment is none either."""
    fields = row.fields
    topics, emotions = fields.get("topics"), fields.get("emotions") or [fields.get("emotion")]
    complaint = str(fields.get("complaint")).lower()
    ours = frozenset(str(one) for one in emotions if one in EMOTIONS) if isinstance(emotions, list) else frozenset()
    return Labels(
        sentiment=None if fields.get("relevant") is False else str(fields.get("sentiment") or "") or None,
        topics=frozenset(map(_topic_id, topics)) if isinstance(topics, list) else None,
        topic_sentiments=dict(filter(None, map(_topic_sentiment, topics))) if isinstance(topics, list) else {},
        complaint=None if complaint in UNKNOWN else complaint in YES,
        emotions=ours or None,
    )


def _topic_id(topic: Json) -> str:
    """A topic is an id, or an object with one, as annotations have it."""
    return str(topic.get("id")) if isinstance(topic, Mapping) else str(topic)


def _topic_sentiment(topic: Json) -> tuple[str, str] | None:
    sentiment = topic.get("sentiment") if isinstance(topic, Mapping) else None
    return (_topic_id(topic), str(sentiment)) if sentiment in SENTIMENTS else None
