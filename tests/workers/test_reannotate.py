"""A switch of model or taxonomy re-annotates in the background: behind live texts, whoever dies meanwhile, and it pages nobody."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count

import pytest

from core.times import DAY, HOUR
from nlp.adaptation import adaptation_content
from nlp.batching import Window
from nlp.heads import Calibration
from nlp.pooling import Pooled
from nlp.topics import load_taxonomy
from nlp.workspace_model import WorkspaceModel
from store.adaptations import add_adaptation, undo_adaptation
from store.annotations import correct_feedback
from store.database import Database
from store.feedback import add_new, get_feedback
from store.model_changes import comparable_since
from store.reannotations import ask_reannotation, reannotation_progress, stop_reannotation
from store.records import (
    Annotation,
    Counts,
    Labels,
    Measure,
    NewFeedback,
    Rule,
    RuleOptions,
    Scope,
    Span,
    StoredWorkspaceModel,
    TopicMention,
    Workspace,
)
from store.rollups import totals
from store.rules import create_rule
from store.topics import hide_topics
from tests.builders import NOW, a_new_feedback, store_annotated
from tests.workers.keywords import KeywordAnnotator
from workers import annotate, detect, roll_up
from workers.annotate import Annotated
from workers.calibrate import calibrated
from workers.detect import Detected
from workers.memory import Memory
from workers.reannotate import Reannotator

LEASE = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)
DAYS = 56


def never() -> bool:
    return False


class Gloomy(KeywordAnnotator):
    """A new model: what was neutral is negative to it, and so it calls twice as many texts negative."""

    def say(self, text: str) -> Annotation:
        return super().say("late" if "parcel" in text else text)


@dataclass(frozen=True)
class Topics:
    """What a workspace changed of the taxonomy, as far as the keywords are concerned."""

    version: str
    ids: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()

    def mentions(self, pooled: Pooled, windows: Sequence[Window], spans: Sequence[Span]) -> Sequence[TopicMention]:
        return ()


class Topical(KeywordAnnotator):
    """Knows that workspaces change the taxonomy."""

    def open(self, stored: StoredWorkspaceModel) -> WorkspaceModel:
        return WorkspaceModel(topics=None if stored.taxonomy is None else Topics(f"t{stored.taxonomy.number}"))


class Worker:
    """An annotating process with all it remembers. Two seconds pass whenever it looks at the clock."""

    def __init__(self, database: Database, annotator: KeywordAnnotator | None = None, *, days: int = DAYS) -> None:
        self.database = database
        self.annotator = annotator or Gloomy("gloomy-1")
        self.reannotator = Reannotator(self.annotator, days)
        self.now = NOW

    def clock(self):  # type: ignore[no-untyped-def]
        self.now += timedelta(seconds=2)
        return self.now

    def run(self, enough: Callable[[], bool] = never) -> Annotated:
        return annotate.run(self.database, self.annotator, clock=self.clock, lease=LEASE, enough=enough, reannotator=self.reannotator)

    def batches(self, number: int) -> Annotated:
        """Stops after so many looks for work."""
        looks = count()
        return self.run(lambda: next(looks) >= number)

    def finish(self) -> None:
        """Until nothing is left to annotate, to count, or to be called done."""
        for _ in range(3):
            self.run()
            roll_up.run(self.database, clock=lambda: self.now, enough=never)


def put(database: Database, workspace: Workspace, rows: list[NewFeedback], *, live: bool = False) -> list[str]:
    with database.write() as connection:
        return [one.id for one in add_new(connection, workspace.id, rows, now=NOW, live=live)]


def a_past(database: Database, workspace: Workspace, days: int = 28, an_hour: int = 4) -> None:
    """Half of the texts are negative, half of them neutral; annotated and counted by the model before."""
    step = 60 / an_hour
    texts = ("late", "parcel")
    rows = [
        a_new_feedback(f"{texts[number % 2]} {number}", created_at=NOW - (number + 1) * step * MINUTE)
        for number in range(days * 24 * an_hour)
    ]
    put(database, workspace, rows)
    before = Worker(database, KeywordAnnotator("keywords-1"))
    before.finish()


def counts(database: Database, workspace: Workspace) -> Counts:
    with database.read() as connection:
        return totals(connection, workspace.id, NOW - 100 * DAY, NOW + DAY)[""]


def models(database: Database, workspace: Workspace) -> dict[tuple[str, str], int]:
    with database.read() as connection:
        found = reannotation_progress(connection, workspace.id, NOW)
    return {(one.model, one.taxonomy): one.texts for one in found.annotated}


TAXONOMY = load_taxonomy().version
OLD, NEW = ("keywords-1", TAXONOMY), ("gloomy-1", TAXONOMY)


# --- when it begins --------------------------------------------------------------------------------------------------


def test_a_switch_re_annotates_by_itself(database: Database, workspace: Workspace) -> None:
    a_past(database, workspace, days=2)
    assert counts(database, workspace).negative == 96
    Worker(database).finish()
    assert models(database, workspace) == {NEW: 192}
    assert counts(database, workspace) == Counts(count=192, effective=192, negative=192, complaint=192)


def test_by_itself_it_goes_as_far_back_as_the_setting_says(database: Database, workspace: Workspace) -> None:
    a_past(database, workspace, days=4, an_hour=1)
    Worker(database, days=3).finish()
    assert models(database, workspace) == {NEW: 72, OLD: 24}


def test_nothing_happens_by_itself_where_that_is_off_until_somebody_asks(database: Database, workspace: Workspace) -> None:
    a_past(database, workspace, days=1)
    worker = Worker(database, days=0)
    worker.finish()
    assert models(database, workspace) == {OLD: 96}
    with database.write() as connection:
        ask_reannotation(connection, workspace.id, since=None, now=NOW)
    worker.finish()
    assert models(database, workspace) == {NEW: 96}


def test_heads_and_topics_of_a_workspace_are_switches_too_and_so_is_going_back(database: Database, workspace: Workspace) -> None:
    a_past(database, workspace, days=1)
    worker = Worker(database, KeywordAnnotator("keywords-1"))
    content = adaptation_content({}, Calibration({}, (), 0.5))
    with database.write() as connection:
        add_adaptation(connection, workspace.id, weights="keywords-1", content=content, now=NOW)
    worker.finish()
    assert models(database, workspace) == {("keywords-1+a1", TAXONOMY): 96}
    with database.write() as connection:
        undo_adaptation(connection, workspace.id, "keywords-1", NOW)
    worker.finish()
    assert models(database, workspace) == {OLD: 96}


def test_two_processes_with_different_models_do_not_undo_each_others_work_for_ever(database: Database, workspace: Workspace) -> None:
    a_past(database, workspace, days=1)
    old, new = Worker(database, KeywordAnnotator("keywords-1")), Worker(database)
    old.finish()
    for _ in range(3):
        new.finish()
        old.finish()
    assert models(database, workspace) == {NEW: 96}
    assert sum(map(len, old.annotator.batches)) == 0


def test_a_switch_back_half_way_annotates_only_what_had_changed(database: Database, workspace: Workspace) -> None:
    a_past(database, workspace, days=10)
    Worker(database).batches(4)
    assert 0 < models(database, workspace)[NEW] < 960
    back = Worker(database, KeywordAnnotator("keywords-1"))
    back.finish()
    assert models(database, workspace) == {OLD: 960}
    assert sum(map(len, back.annotator.batches)) < 960
    assert counts(database, workspace).negative == 480


# --- what goes before ------------------------------------------------------------------------------------------------


def test_whatever_was_never_annotated_goes_before_live_or_not(database: Database, workspace: Workspace) -> None:
    a_past(database, workspace, days=5)
    worker = Worker(database)
    worker.batches(3)
    put(database, workspace, [a_new_feedback(f"history {number}", hours_ago=50) for number in range(3)])
    put(database, workspace, [a_new_feedback(f"live {number}") for number in range(3)], live=True)
    before = len(worker.annotator.batches)
    worker.run()
    assert sorted(worker.annotator.batches[before]) == [
        *(f"history {number}" for number in range(3)),
        *(f"live {number}" for number in range(3)),
    ]


def test_a_command_that_waits_for_what_it_stored_does_not_wait_for_the_past(database: Database, workspace: Workspace) -> None:
    a_past(database, workspace, days=1)
    put(database, workspace, [a_new_feedback("love")])
    done = annotate.run(database, Gloomy("gloomy-1"), clock=lambda: NOW, lease=LEASE, enough=never)
    assert done.texts == 1


# --- nothing is lost, doubled or miscounted --------------------------------------------------------------------------


def test_a_worker_that_dies_with_a_claim_leaves_it_to_the_next(database: Database, workspace: Workspace) -> None:
    a_past(database, workspace, days=2)
    dead = Worker(database)
    dead.batches(2)
    assert dead.reannotator.claim(database, dead.now, LEASE) != []
    heir = Worker(database)
    heir.finish()
    left = models(database, workspace).get(OLD, 0)
    heir.now += LEASE
    heir.finish()
    assert (left > 0, models(database, workspace)) == (True, {NEW: 192})
    assert counts(database, workspace) == Counts(count=192, effective=192, negative=192, complaint=192)


def test_a_text_that_the_new_model_cannot_take_keeps_what_it_has(database: Database, workspace: Workspace) -> None:
    [one] = put(database, workspace, [a_new_feedback("late poison")])

    class Hardy(KeywordAnnotator):
        def answer(self, prepared):  # type: ignore[no-untyped-def]
            return [self.say(one.cleaned) for one in prepared]

    Worker(database, Hardy("hardy-1")).run()
    Worker(database, KeywordAnnotator("keywords-1")).finish()
    with database.read() as connection:
        stored = get_feedback(connection, workspace.id, one)
        found = reannotation_progress(connection, workspace.id, NOW)
    assert stored.annotation is not None
    assert (stored.error, found.failed, found.latest and found.latest.state) == (None, 1, "done")


def test_what_humans_said_stays_in_annotations_and_counts(database: Database, workspace: Workspace) -> None:
    [one] = put(database, workspace, [a_new_feedback("late")])
    Worker(database, KeywordAnnotator("keywords-1")).finish()
    with database.write() as connection:
        correct_feedback(connection, workspace.id, one, Labels(sentiment="positive"), actor="key 1", now=NOW)
    Worker(database).finish()
    assert models(database, workspace) == {NEW: 1}
    assert (counts(database, workspace).positive, counts(database, workspace).negative) == (1, 0)


def test_stopped_it_stays_stopped(database: Database, workspace: Workspace) -> None:
    a_past(database, workspace, days=10)
    worker = Worker(database)
    worker.batches(3)
    with database.write() as connection:
        stop_reannotation(connection, workspace.id)
    worker.now += HOUR
    done = models(database, workspace)[NEW]
    worker.finish()
    Worker(database).finish()
    assert models(database, workspace)[NEW] == done < 960


# --- it pages nobody -------------------------------------------------------------------------------------------------


WATCHED: tuple[tuple[Measure, tuple[str, ...]], ...] = (
    ("negative", ()),
    ("complaint", ("source",)),
    ("share", ()),
    ("negative", ("topic",)),
)


@pytest.fixture
def rules(database: Database, workspace: Workspace) -> list[Rule]:
    """On everything that a model says."""
    with database.write() as connection:
        return [
            create_rule(
                connection, workspace.id, name=f"rule {number}", measure=measure, scope=Scope(), split_by=split, window_minutes=60,
                sensitivity=1e-3, least=8, channels=(), enabled=True, now=NOW,
            )
            for number, (measure, split) in enumerate(WATCHED)
        ]  # fmt: skip


def surge(number: int) -> list[NewFeedback]:
    return [a_new_feedback(f"late surge {one}", created_at=NOW - (one + 1) * 10 / number * MINUTE) for one in range(number)]


def four_weeks(database: Database, workspace: Workspace) -> None:
    """Ten texts an hour, two of them negative, as the model before had them; and the last hour again, as it came."""
    before = KeywordAnnotator("keywords-1")
    texts = [f"{'parcel' if number % 5 else 'late'} {number}" for number in range(28 * 24 * 10)]
    rows = [a_new_feedback(text, created_at=NOW - HOUR - (number + 1) * 6 * MINUTE) for number, text in enumerate(texts)]
    said = [replace(before.say(text), model=before.model, taxonomy=TAXONOMY) for text in texts]
    with database.write() as connection:
        store_annotated(connection, workspace.id, list(zip(rows, said, strict=True)), live=False)
    roll_up.run(database, clock=lambda: NOW, enough=never)
    kinds = ["parcel", "parcel", "late", "parcel", "parcel"] * 2
    put(
        database,
        workspace,
        [a_new_feedback(f"{kind} now", created_at=NOW - (6 * at + 1) * MINUTE) for at, kind in enumerate(kinds)],
        live=True,
    )


def look(database: Database, memory: Memory) -> Detected:
    """What a watching process finds once all is counted."""
    roll_up.run(database, clock=lambda: NOW, enough=never)
    return detect.run(database, now=NOW, topic_names={}, memory=memory)


def test_re_annotating_four_weeks_pages_nobody_and_a_surge_meanwhile_is_found(
    database: Database, workspace: Workspace, rules: list[Rule]
) -> None:
    """To the new model five times as many are negative: ten in the last hour, where two would be ordinary."""
    four_weeks(database, workspace)
    worker, memory = Worker(database), Memory()
    assert worker.batches(1).texts == 10
    for _ in range(4):
        assert look(database, memory) == Detected()
        worker.batches(12)
    with database.read() as connection:
        progress, since = reannotation_progress(connection, workspace.id, NOW), comparable_since(connection, workspace.id)
    assert since is not None
    assert (progress.outdated > 3_000, since < NOW - 3 * DAY) == (True, True)
    assert look(database, memory) == Detected()
    put(database, workspace, surge(60), live=True)
    worker.batches(1)
    assert look(database, memory).opened > 0
    while worker.batches(60).more:
        assert look(database, memory) == Detected()
    worker.finish()
    assert look(database, memory) == Detected()
    assert models(database, workspace) == {NEW: 28 * 24 * 10 + 70}
    assert counts(database, workspace).negative == 28 * 24 * 10 + 70


def test_a_budget_is_not_spent_on_the_step_between_two_models(database: Database, workspace: Workspace, rules: list[Rule]) -> None:
    four_weeks(database, workspace)
    worker = Worker(database)
    worker.batches(90)
    roll_up.run(database, clock=lambda: NOW, enough=never)
    rule = replace(rules[0], options=RuleOptions(budget_from="workspace"))
    half_way = calibrated(database, rule, 1, NOW)
    worker.finish()
    at_the_end = calibrated(database, rule, 1, NOW)
    assert (half_way.pages, at_the_end.pages) == (0, 0)
    assert 1 < half_way.weeks < 3 < at_the_end.weeks


def test_a_changed_taxonomy_pages_nobody(database: Database, workspace: Workspace, rules: list[Rule]) -> None:
    a_past(database, workspace, days=5)
    with database.write() as connection:
        hide_topics(connection, workspace.id, frozenset({"delivery"}))
    worker = Worker(database, Topical("keywords-1"))
    worker.batches(4)
    roll_up.run(database, clock=lambda: NOW, enough=never)
    assert detect.run(database, now=NOW, topic_names={}) == Detected()
    worker.finish()
    assert models(database, workspace) == {("keywords-1", f"{TAXONOMY}+t1"): 480}
    assert detect.run(database, now=NOW, topic_names={}) == Detected()
