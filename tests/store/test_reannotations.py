"""Older annotations are replaced newest first, a portion at a time, and whatever happens in between each row has exactly one annotation."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, delete

from core.times import BUCKET
from store import reannotations
from store.annotations import correct_feedback, save_annotations, save_failure
from store.database import Database
from store.feedback import MOST_CLAIMS, add_new, claim_unannotated, delete_feedback, get_feedback
from store.model_changes import comparable_since, current_model
from store.reannotations import (
    AGAIN_AFTER,
    advance_reannotation,
    ask_reannotation,
    begin_reannotation,
    claim_outdated,
    list_reannotations,
    reannotation_progress,
    reannotations_at_work,
    stop_reannotation,
)
from store.records import AnnotatedBy, Feedback, Labels, ReannotationState, Workspace
from store.rollups import roll_up_touched, totals
from store.tables import workspaces
from store.workspaces import create_workspace
from tests.builders import NOW, a_new_feedback, an_annotation, store_annotated, with_text
from tests.threads import together

LEASE = timedelta(minutes=2)
HOUR = timedelta(hours=1)
OLD, NEW, NEWER = ("old", "1"), ("new", "1"), ("newer", "1")
PORTION = 4


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reannotations, "PORTION", PORTION)


def put(connection: Connection, workspace: Workspace, count: int, model: str = "old", *, hours_ago: int = 1) -> list[Feedback]:
    """One text an hour, the newest last."""
    answer = an_annotation("neutral", [], model=model)
    hours = range(hours_ago + count - 1, hours_ago - 1, -1)
    found = store_annotated(connection, workspace.id, [(a_new_feedback(f"Text number {hour}", hours_ago=hour), answer) for hour in hours])
    roll_up_all(connection)
    return found


def roll_up_all(connection: Connection) -> None:
    while roll_up_touched(connection, limit=100, now=NOW):
        pass


def claim(
    connection: Connection, workspace: Workspace, limit: int = 100, *, characters: int = 10_000, minutes: float = 0
) -> list[Feedback]:
    now = NOW + timedelta(minutes=minutes)
    return claim_outdated(connection, [workspace.id], limit=limit, characters=characters, now=now, lease=LEASE)


def save(connection: Connection, rows: Sequence[Feedback], model: str = "new", now: datetime = NOW) -> int:
    return save_annotations(connection, [(one, an_annotation("negative", ["price"], model=model)) for one in rows], now)


def work(connection: Connection, workspace: Workspace, versions: tuple[str, str] = NEW, now: datetime = NOW) -> list[str]:
    """Everything there is to do, counting included; the ids in the order in which they were annotated."""
    done = list[str]()
    for _ in range(200):
        claimed = claim(connection, workspace, 3)
        save(connection, claimed, versions[0], now)
        done += [one.id for one in claimed]
        if claimed or advance_reannotation(connection, workspace.id, versions, now=now):
            continue
        if state(connection, workspace) != "counting" or not roll_up_touched(connection, limit=100, now=now):
            return done
    raise AssertionError("there is no end to it")


def state(connection: Connection, workspace: Workspace) -> ReannotationState:
    return next(one.state for one in list_reannotations(connection) if one.workspace_id == workspace.id)


def models(connection: Connection, workspace: Workspace) -> dict[str, int]:
    return {one.model: one.texts for one in reannotation_progress(connection, workspace.id, NOW).annotated}


def begin(
    connection: Connection, workspace: Workspace, versions: tuple[str, str] = NEW, *, since: datetime | None = None, now: datetime = NOW
) -> None:
    begin_reannotation(connection, workspace.id, versions, since=since, now=now)


# --- the main path ---------------------------------------------------------------------------------------------------


def test_replaces_everything_the_newest_first(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rows = put(connection, workspace, 10)
        begin(connection, workspace)
        assert work(connection, workspace) == [one.id for one in reversed(rows)]
        assert (state(connection, workspace), models(connection, workspace)) == ("done", {"new": 10})
        assert totals(connection, workspace.id, NOW - 24 * HOUR, NOW)[""].negative == 10


def test_what_has_the_right_annotation_is_left_alone(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        old, new = put(connection, workspace, 3), put(connection, workspace, 9, "new")
        begin(connection, workspace)
        assert set(work(connection, workspace)) == {one.id for one in old}
        assert [get_feedback(connection, workspace.id, one.id).feedback for one in new] == new


def test_an_old_annotation_is_there_until_the_new_one_is_and_then_is_history(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        [one] = put(connection, workspace, 1)
        begin(connection, workspace)
        advance_reannotation(connection, workspace.id, NEW, now=NOW)
        [claimed] = claim(connection, workspace)
        before = get_feedback(connection, workspace.id, one.id)
        assert (before.annotation and before.annotation.model, before.feedback.live) == ("old", True)
        save(connection, [claimed])
        after = get_feedback(connection, workspace.id, one.id)
        assert (after.annotation and after.annotation.model, after.feedback.live) == ("new", False)


def test_goes_back_as_far_as_it_was_asked_to(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rows = put(connection, workspace, 10)
        begin(connection, workspace, since=NOW - 4 * HOUR)
        assert work(connection, workspace) == [one.id for one in reversed(rows[6:])]
        found = reannotation_progress(connection, workspace.id, NOW)
        assert (found.outdated, found.waiting) == (6, 0)
        ask_reannotation(connection, workspace.id, since=None, now=NOW)
        begin(connection, workspace)
        assert work(connection, workspace) == [one.id for one in reversed(rows[:6])]


def test_many_texts_of_one_moment_are_portions_too(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        same = [(a_new_feedback(f"Text number {number}", hours_ago=5), an_annotation(model="old")) for number in range(4 * PORTION + 1)]
        store_annotated(connection, workspace.id, same)
        begin(connection, workspace)
        assert len(work(connection, workspace)) == len(same)
        assert models(connection, workspace) == {"new": len(same)}


def test_a_word_of_a_human_stays(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        one, *_ = put(connection, workspace, 3)
        correct_feedback(connection, workspace.id, one.id, Labels(sentiment="positive"), actor="key 1", now=NOW)
        begin(connection, workspace)
        work(connection, workspace)
        said = get_feedback(connection, workspace.id, one.id).annotation
        assert said is not None
        assert (said.sentiment.label, said.model, [topic.id for topic in said.topics]) == ("positive", "new", ["price"])


def test_one_step_looks_at_a_bounded_number_of_rows(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        put(connection, workspace, 7, "new")
        put(connection, workspace, 1, hours_ago=8)
        begin(connection, workspace)
        steps = 0
        while not claim(connection, workspace):
            assert advance_reannotation(connection, workspace.id, NEW, now=NOW, walk=2)
            steps += 1
        assert steps == 4


# --- claims ----------------------------------------------------------------------------------------------------------


def marked(connection: Connection, workspace: Workspace, count: int) -> list[Feedback]:
    rows = put(connection, workspace, count)
    begin(connection, workspace)
    assert advance_reannotation(connection, workspace.id, NEW, now=NOW)
    return rows


def test_a_claim_is_bounded_in_characters_and_is_never_empty(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        marked(connection, workspace, 4)
        assert len(claim(connection, workspace, characters=30)) == 2
        assert len(claim(connection, workspace, characters=1)) == 1


def test_a_claim_that_runs_out_comes_back_and_never_before(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        marked(connection, workspace, 2)
        first = claim(connection, workspace)
        assert (len(first), claim(connection, workspace, minutes=1.9)) == (2, [])
        assert claim(connection, workspace, minutes=2) == first


def test_no_more_is_marked_while_a_portion_waits(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        marked(connection, workspace, 10)
        assert not advance_reannotation(connection, workspace.id, NEW, now=NOW)
        assert len(claim(connection, workspace)) == PORTION


def test_two_claimers_never_get_the_same_row_and_two_markers_mark_it_once(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rows = put(connection, workspace, 60)
        begin(connection, workspace)

    def one_worker() -> list[str]:
        mine = list[str]()
        for _ in range(300):
            with database.write() as connection:
                claimed = claim(connection, workspace, 2)
            with database.write() as connection:
                save(connection, claimed)
            mine += [one.id for one in claimed]
            with database.write() as connection:
                if not claimed and not advance_reannotation(connection, workspace.id, NEW, now=NOW):
                    return mine
        raise AssertionError("there is no end to it")

    done = [one for mine in together([one_worker] * 4) for one in mine]
    with database.write() as connection:
        done += work(connection, workspace)
        assert sorted(done) == sorted(one.id for one in rows)
        assert (state(connection, workspace), models(connection, workspace)) == ("done", {"new": 60})


def test_a_text_that_stops_its_worker_keeps_the_annotation_it_has(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rows = marked(connection, workspace, 4)
        poison, attempts = rows[1].id, 0
        for minutes in range(0, 60, 3):
            claimed = claim(connection, workspace, minutes=minutes)
            attempts += poison in {one.id for one in claimed}
            if poison not in {one.id for one in claimed}:
                save(connection, claimed)
        assert attempts == MOST_CLAIMS
        work(connection, workspace)
        said = get_feedback(connection, workspace.id, poison)
        assert (said.annotation and said.annotation.model, said.error) == ("old", None)
        found = reannotation_progress(connection, workspace.id, NOW)
        assert (state(connection, workspace), found.failed, found.outdated) == ("done", 1, 1)
        assert reannotations_at_work(connection) == (0, 1)


def test_what_the_model_could_not_take_is_tried_again_when_somebody_asks(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rows = marked(connection, workspace, 2)
        [newest] = claim(connection, workspace, 1)
        save_failure(connection, newest, "the model could not annotate this text", NOW)
        work(connection, workspace)
        assert models(connection, workspace) == {"new": 1, "old": 1}
        assert state(connection, workspace) == "done"
        ask_reannotation(connection, workspace.id, since=None, now=NOW)
        begin(connection, workspace)
        assert work(connection, workspace) == [rows[1].id]


# --- what happens meanwhile ------------------------------------------------------------------------------------------


def test_a_text_that_is_edited_while_it_waits_gets_the_annotation_of_its_new_words(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        new = a_new_feedback("Text number one")
        [one] = store_annotated(connection, workspace.id, [(new, an_annotation(model="old"))])
        begin(connection, workspace)
        advance_reannotation(connection, workspace.id, NEW, now=NOW)
        [claimed] = claim(connection, workspace)
        add_new(connection, workspace.id, [with_text(new, "Other words")], now=NOW, live=True)
        assert save(connection, [claimed]) == 0
        assert claim(connection, workspace, minutes=5) == []
        [edited] = claim_unannotated(connection, limit=9, now=NOW, lease=LEASE)
        save(connection, [edited])
        work(connection, workspace)
        assert get_feedback(connection, workspace.id, one.id).feedback.text == "Other words"
        assert (models(connection, workspace), state(connection, workspace)) == ({"new": 1}, "done")


def test_a_text_that_is_erased_while_it_waits_is_gone(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rows = marked(connection, workspace, 3)
        claimed = claim(connection, workspace)
        delete_feedback(connection, workspace.id, rows[1].id, NOW)
        assert save(connection, claimed) == 2
        work(connection, workspace)
        assert (models(connection, workspace), state(connection, workspace)) == ({"new": 2}, "done")
        roll_up_all(connection)
        assert totals(connection, workspace.id, NOW - 24 * HOUR, NOW)[""].count == 2


def test_a_workspace_that_is_erased_takes_all_of_it_along(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        marked(connection, workspace, 3)
        claimed = claim(connection, workspace)
        connection.execute(delete(workspaces).where(workspaces.c.id == int(workspace.id)))
        assert save(connection, claimed) == 0
        assert (claim(connection, workspace), list_reannotations(connection)) == ([], [])
        assert not advance_reannotation(connection, workspace.id, NEW, now=NOW)


def test_another_model_half_way_begins_again_and_reaches_as_far(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rows = put(connection, workspace, 10)
        begin(connection, workspace)
        advance_reannotation(connection, workspace.id, NEW, now=NOW)
        save(connection, claim(connection, workspace, 3))
        late = claim(connection, workspace, 1)
        begin(connection, workspace, NEWER, since=NOW - 2 * HOUR, now=NOW + HOUR)
        save(connection, late, "new", NOW + HOUR)
        assert not advance_reannotation(connection, workspace.id, NEW, now=NOW)
        work(connection, workspace, NEWER, now=NOW + HOUR)
        assert models(connection, workspace)["newer"] >= len(rows) - 1
        # The worker of the model before was slow: what it left is gone after once it has had time to end.
        work(connection, workspace, NEWER, now=NOW + HOUR + AGAIN_AFTER)
        assert (models(connection, workspace), state(connection, workspace)) == ({"newer": len(rows)}, "done")


def test_stopped_it_goes_on_where_it_was(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rows = put(connection, workspace, 10)
        begin(connection, workspace)
        advance_reannotation(connection, workspace.id, NEW, now=NOW)
        first = claim(connection, workspace, 2)
        save(connection, first)
        assert stop_reannotation(connection, workspace.id)
        assert not stop_reannotation(connection, workspace.id)
        assert work(connection, workspace) == []
        roll_up_all(connection)
        assert comparable_since(connection, workspace.id) == NOW - 3 * HOUR + BUCKET
        ask_reannotation(connection, workspace.id, since=None, now=NOW)
        begin(connection, workspace)
        assert [one.id for one in first] + work(connection, workspace) == [one.id for one in reversed(rows)]


def test_asking_twice_never_narrows_what_is_under_way(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        put(connection, workspace, 10)
        for since in (NOW - 3 * HOUR, None, NOW - HOUR):
            ask_reannotation(connection, workspace.id, since=since, now=NOW)
        begin(connection, workspace, since=NOW - HOUR)
        assert len(work(connection, workspace)) == 10


def test_workspaces_do_not_see_each_other(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
        put(connection, workspace, 3)
        put(connection, other, 3)
        begin(connection, workspace)
        advance_reannotation(connection, workspace.id, NEW, now=NOW)
        assert claim(connection, other) == []
        assert reannotation_progress(connection, other.id, NOW).latest is None
        work(connection, workspace)
        assert models(connection, other) == {"old": 3}


# --- like is compared with like --------------------------------------------------------------------------------------


def test_the_past_that_can_be_compared_grows_backwards(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        put(connection, workspace, 10)
        begin(connection, workspace)
        assert comparable_since(connection, workspace.id) == NOW
        advance_reannotation(connection, workspace.id, NEW, now=NOW)
        assert comparable_since(connection, workspace.id) == NOW - HOUR + BUCKET
        save(connection, claim(connection, workspace, 2))
        assert comparable_since(connection, workspace.id) == NOW - HOUR + BUCKET  # annotated, not counted yet
        roll_up_all(connection)
        assert comparable_since(connection, workspace.id) == NOW - 3 * HOUR + BUCKET
        work(connection, workspace)
        assert comparable_since(connection, workspace.id) is None


def test_a_past_that_was_renewed_in_part_can_be_compared_in_part(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        put(connection, workspace, 10)
        begin(connection, workspace, since=NOW - 5 * HOUR)
        work(connection, workspace)
        assert (state(connection, workspace), comparable_since(connection, workspace.id)) == ("done", NOW - 5 * HOUR)


def test_a_worker_with_another_model_takes_the_comparison_away(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        put(connection, workspace, 5)
        begin(connection, workspace)
        work(connection, workspace)
        later = NOW + HOUR
        for model in ("old", "new"):
            new = a_new_feedback(f"Text of {model}", created_at=later)
            store_annotated(connection, workspace.id, [(new, an_annotation(model=model))], now=later)
        assert comparable_since(connection, workspace.id) == later
        assert work(connection, workspace, now=later + AGAIN_AFTER) != []
        assert comparable_since(connection, workspace.id) is None
        assert current_model(connection, workspace.id) == NEW


# --- how far it is ---------------------------------------------------------------------------------------------------


def test_says_how_far_it_is(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        put(connection, workspace, 10)
        quiet = reannotation_progress(connection, workspace.id, NOW)
        assert (quiet.latest, quiet.versions, quiet.outdated, quiet.per_second) == (None, OLD, 0, None)
        ask_reannotation(connection, workspace.id, since=None, now=NOW)
        asked = reannotation_progress(connection, workspace.id, NOW)
        assert asked.latest is not None
        assert (asked.latest.state, asked.latest.versions, asked.waiting) == ("asked", None, 0)
        begin(connection, workspace)
        advance_reannotation(connection, workspace.id, NEW, now=NOW)
        save(connection, claim(connection, workspace, 3))
        running = reannotation_progress(connection, workspace.id, NOW + timedelta(seconds=6))
        assert running.annotated == (AnnotatedBy("old", "1", 7), AnnotatedBy("new", "1", 3))
        assert (running.versions, running.outdated, running.waiting, running.done, running.per_second) == (NEW, 7, 7, 3, 0.5)
        work(connection, workspace)
        done = reannotation_progress(connection, workspace.id, NOW)
        assert (done.outdated, done.waiting, done.per_second) == (0, 0, None)
