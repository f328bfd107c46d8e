"""One model beside another on the same texts: which answers would turn, overall, by language and by topic. Pure, and never sees a text."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from store.records import Annotation, Labels

EXAMPLES = 5
"""Ids that are kept of each kind of change: enough to read, and to see a pattern."""
UNCORRECTED = Labels()


@dataclass(frozen=True, slots=True)
class Pair:
    """What is said of one text, and what another model would say; `corrected` is a human's word, which no model changes."""

    feedback_id: str
    before: Annotation
    after: Annotation
    corrected: Labels = UNCORRECTED


@dataclass(slots=True)
class Flips:
    """Of `compared` texts, `flipped` would get another answer."""

    compared: int = 0
    flipped: int = 0

    @property
    def rate(self) -> float | None:
        return self.flipped / self.compared if self.compared else None


@dataclass(slots=True)
class TopicChanges:
    """Mentions of topics over `compared` texts: found by both models, only by the new one, only by the old one."""

    compared: int = 0
    changed: int = 0
    kept: int = 0
    added: int = 0
    removed: int = 0

    @property
    def jaccard(self) -> float | None:
        """Mentions that both find, of those that either finds; over all texts at once, so that texts without topics do not raise it."""
        either = self.kept + self.added + self.removed
        return self.kept / either if either else None


@dataclass(slots=True)
class Changes:
    """What would turn in some of the texts. Not compared: a field that a human corrected, and an emotion that one side lacks."""

    texts: int = 0
    sentiment: Flips = field(default_factory=Flips)
    complaint: Flips = field(default_factory=Flips)
    emotion: Flips = field(default_factory=Flips)
    topics: TopicChanges = field(default_factory=TopicChanges)


@dataclass(slots=True)
class Comparison:
    """`corrected` texts have a human's word on some field. A text counts under its stored language, and under each topic that either model
    finds in it; there `topics` speaks of that topic alone. `examples` are ids by the field that would change."""

    overall: Changes = field(default_factory=Changes)
    by_language: dict[str, Changes] = field(default_factory=dict)
    by_topic: dict[str, Changes] = field(default_factory=dict)
    corrected: int = 0
    examples: dict[str, list[str]] = field(default_factory=dict)


def compare(pairs: Iterable[Pair]) -> Comparison:
    """What would turn if these texts were annotated anew."""
    found = Comparison()
    for pair in pairs:
        found.corrected += pair.corrected != UNCORRECTED
        before, after = _topics(pair)
        for name in _count(found.overall, pair, before, after):
            ids = found.examples.setdefault(name, [])
            if len(ids) < EXAMPLES:
                ids.append(pair.feedback_id)
        _count(found.by_language.setdefault(pair.before.language.code, Changes()), pair, before, after)
        for topic in before | after:
            _count(found.by_topic.setdefault(topic, Changes()), pair, before & {topic}, after & {topic})
    return found


def _topics(pair: Pair) -> tuple[frozenset[str], frozenset[str]]:
    said = {topic.id for topic in pair.corrected.topics}
    before, after = ({topic.id for topic in one.topics} - said for one in (pair.before, pair.after))
    return frozenset(before), frozenset(after)


def _count(changes: Changes, pair: Pair, before: frozenset[str], after: frozenset[str]) -> list[str]:
    """Counts one text; the fields that would change."""
    old, new, said = pair.before, pair.after, pair.corrected
    changes.texts += 1
    turned = [_count_topics(changes.topics, before, after)]
    if said.sentiment is None:
        turned.append(_flip(changes.sentiment, "sentiment", changed=old.sentiment.label != new.sentiment.label))
    if said.complaint is None:
        turned.append(_flip(changes.complaint, "complaint", changed=old.complaint.label != new.complaint.label))
    if old.emotion is not None and new.emotion is not None:
        turned.append(_flip(changes.emotion, "emotion", changed=old.emotion.label != new.emotion.label))
    return [name for name in turned if name]


def _count_topics(topics: TopicChanges, before: frozenset[str], after: frozenset[str]) -> str:
    topics.compared += 1
    topics.changed += before != after
    topics.kept += len(before & after)
    topics.added += len(after - before)
    topics.removed += len(before - after)
    return "topics" if before != after else ""


def _flip(flips: Flips, name: str, *, changed: bool) -> str:
    flips.compared += 1
    flips.flipped += changed
    return name if changed else ""
