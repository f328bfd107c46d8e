"""Whatever happened to the rows, cells kept in advance, counts from the rows and a count by hand agree, on both databases."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations

import pytest
from sqlalchemy import Connection

from core.times import floor_to
from store.annotations import save_annotations
from store.brands import create_brand
from store.database import Database
from store.feedback import add_new, claim_unannotated, delete_feedback
from store.fingerprint import fingerprint
from store.query import parse_query
from store.records import Annotation, Feedback, NewFeedback, Sentiment, TrendQuery, TrendRow, Workspace
from store.rollups import GRAIN_OF, roll_up_touched, trends
from store.workspaces import set_dimensions
from tests.builders import NOW, a_mention, an_annotation

SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
NAMES = ("brand", "topic", "source", "language", "attributes.plan", "sentiment")
QUERIES = ("alpha", "source:web OR beta")
TEXTS = ("alpha words that are long enough", "beta words that are long enough", "RT @x: alpha words that are long enough!", "short")
Key = tuple[datetime, tuple[str, ...]]


@dataclass(frozen=True)
class Row:
    feedback: Feedback
    said: Annotation


class World:
    """Feedback that comes, is edited, moved, annotated and erased at random; remembers what is annotated now."""

    def __init__(self, connection: Connection, workspace: Workspace, seed: int) -> None:
        self.connection, self.workspace, self.chance = connection, workspace, random.Random(seed)
        set_dimensions(connection, workspace.id, ["plan"], NOW)
        brands = [create_brand(connection, workspace.id, name=query, query=query, now=NOW) for query in QUERIES]
        self.brands = {brand.id: parse_query(brand.query) for brand in brands}
        self.rows: dict[str, Row] = {}

    def live_on(self) -> None:
        for _ in range(30):
            chance = self.chance.random()
            if chance < 0.6:
                self._add()
            elif chance < 0.8:
                self._annotate()
            elif chance < 0.9:
                roll_up_touched(self.connection, limit=self.chance.choice([1, 5, 100]), now=NOW)
            elif self.rows:
                gone = self.chance.choice(sorted(self.rows))
                delete_feedback(self.connection, self.workspace.id, gone, NOW)
                del self.rows[gone]
        self._annotate()
        while roll_up_touched(self.connection, limit=50, now=NOW):
            pass

    def _add(self) -> None:
        chance = self.chance
        news = [
            NewFeedback(
                text=chance.choice(TEXTS),
                created_at=NOW - timedelta(minutes=chance.choice([7, 60, 95, 1000, 2000, 2005])),
                source=chance.choice(["web", "app"]),
                external_id=str(chance.randrange(25)),
                attributes=chance.choice([{}, {"plan": "pro"}, {"plan": "free", "other": "x"}]),
            )
            for _ in range(chance.randrange(1, 6))
        ]
        stored = add_new(self.connection, self.workspace.id, news, now=NOW, live=chance.random() < 0.5)
        for new, answer in zip(news, stored, strict=True):
            old = self.rows.get(answer.id)
            if old is not None and old.feedback.text != new.text:
                del self.rows[answer.id]
            elif old is not None:
                moved = replace(old.feedback, created_at=new.created_at, attributes=new.attributes)
                self.rows[answer.id] = replace(old, feedback=moved)

    def _annotate(self) -> None:
        claimed = claim_unannotated(self.connection, limit=100, now=NOW, lease=timedelta(hours=1))
        said = [(one, self._answer()) for one in claimed]
        assert save_annotations(self.connection, said, NOW) == len(said)
        self.rows |= {one.id: Row(one, answer) for one, answer in said}

    def _answer(self) -> Annotation:
        topics = self.chance.sample(["delivery", "price", "app"], self.chance.randrange(3))
        mentions = [a_mention(topic, self.chance.choice(SENTIMENTS)) for topic in topics]
        language = self.chance.choice(["en", "ja"])
        return an_annotation(self.chance.choice(SENTIMENTS), mentions, language=language, complaint=self.chance.random() < 0.3)

    def expected(self, query: TrendQuery) -> list[tuple[Key, int, int, int]]:
        """The trend, counted by hand."""
        counts, effective, negative = Counter[Key](), Counter[Key](), Counter[Key]()
        width = timedelta(minutes=GRAIN_OF[query.interval])
        for row in self.rows.values():
            for values in self._readings(row, (*query.group, *query.filters)):
                if any(values[name] != value for name, value in query.filters.items()):
                    continue
                key = (floor_to(row.feedback.created_at, width), tuple(values[name] for name in query.group))
                counts[key] += 1
                effective[key] += not self._is_repost(row.feedback)
                negative[key] += values["sentiment"] == "negative"
        return [(key, counts[key], effective[key], negative[key]) for key in sorted(counts)]

    def _readings(self, row: Row, names: Sequence[str]) -> Iterator[dict[str, str]]:
        one = row.feedback
        brands = [brand for brand, query in self.brands.items() if query.matches(one)] if "brand" in names else [""]
        whole = ("", row.said.sentiment.label)
        topics = [(mention.id, mention.sentiment) for mention in row.said.topics] if "topic" in names else [whole]
        if "attributes.plan" in names and "plan" not in one.attributes:
            return
        fixed = {"source": one.source, "language": row.said.language.code, "attributes.plan": one.attributes.get("plan", "")}
        for brand in brands:
            for topic, sentiment in topics:
                yield fixed | {"brand": brand, "topic": topic, "sentiment": sentiment}

    def _is_repost(self, one: Feedback) -> bool:
        print_, place = fingerprint(one.text), (one.created_at, int(one.id))
        others = (row.feedback for row in self.rows.values())
        return print_ is not None and any(
            fingerprint(other.text) == print_
            and (other.created_at, int(other.id)) < place
            and other.created_at >= one.created_at - timedelta(hours=24)
            for other in others
        )


def shown(rows: Sequence[TrendRow]) -> list[tuple[Key, int, int, int]]:
    return [((row.start, tuple(row.group.values())), row.count, row.effective, row.negative) for row in rows]


@pytest.mark.parametrize("seed", range(3))
def test_cells_rows_and_a_count_by_hand_agree(database: Database, workspace: Workspace, seed: int) -> None:
    with database.write() as connection:
        world = World(connection, workspace, seed)
        world.live_on()
        groups = [chosen for size in range(4) for chosen in combinations(NAMES, size)]
        values = {"topic": "app", "source": "web", "language": "ja", "sentiment": "negative", "attributes.plan": "pro"}
        for number, group in enumerate(groups):
            narrow = world.chance.sample(sorted(values), number % 3)
            interval = world.chance.choice(["5m", "1h", "1d"])
            query = TrendQuery(interval, NOW - timedelta(days=3), NOW, group, {name: values[name] for name in narrow}, limit=10_000)  # type: ignore[arg-type]
            by_hand = world.expected(query)
            assert shown(trends(connection, workspace.id, query).rows) == by_hand, query
            assert shown(trends(connection, workspace.id, query, in_advance=False).rows) == by_hand, query
