"""The table is the queue: claims with a lease, never two holders, poison set aside, answers saved once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection, event

from store.annotations import save_annotations, save_failure
from store.database import Database
from store.feedback import MOST_CLAIMS, add_new, claim_unannotated, count_unannotated, get_feedback
from store.records import Feedback, Workspace
from store.rollups import count_touched, roll_up_touched
from tests.builders import NOW, a_mention, a_new_feedback, an_annotation
from tests.threads import together

LEASE = timedelta(minutes=2)


def add(connection: Connection, workspace: Workspace, count: int, *, hours_ago: float = 1) -> list[str]:
    rows = [a_new_feedback(f"Text number {number}", hours_ago=hours_ago) for number in range(count)]
    return [one.id for one in add_new(connection, workspace.id, rows, now=NOW, live=True)]


def claim(connection: Connection, limit: int = 100, *, minutes: float = 0) -> list[Feedback]:
    return claim_unannotated(connection, limit=limit, now=NOW + timedelta(minutes=minutes), lease=LEASE)


def test_hands_out_live_rows_first_then_the_oldest_id(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        history, live = add(connection, workspace, 3, hours_ago=50), add(connection, workspace, 2)
        assert [one.id for one in claim(connection, 3)] == [*live, history[0]]
        assert [one.id for one in claim(connection)] == history[1:]


def test_a_claimed_row_comes_back_when_its_lease_runs_out(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        ids = add(connection, workspace, 2)
        assert len(claim(connection)) == 2
        assert claim(connection, minutes=1.9) == []
        assert [one.id for one in claim(connection, minutes=2)] == ids


def test_two_claimers_never_get_the_same_row(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        ids = add(connection, workspace, 120)

    def work() -> list[str]:
        mine = list[str]()
        while True:
            with database.write() as connection:
                claimed = claim(connection, 7)
            if not claimed:
                return mine
            mine += [one.id for one in claimed]

    taken = [one for mine in together([work] * 4) for one in mine]
    assert sorted(taken) == sorted(ids)


def test_a_text_that_stops_its_worker_is_set_aside_without_its_neighbours(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        ids = add(connection, workspace, 5)
        poison, attempts = ids[2], 0
        for minutes in range(0, 100, 3):
            claimed = claim(connection, minutes=minutes)
            attempts += poison in [one.id for one in claimed]
            if poison not in [one.id for one in claimed]:
                save_annotations(connection, [(one, an_annotation()) for one in claimed], NOW)
        assert attempts == MOST_CLAIMS
        assert count_unannotated(connection) == 0
        errors = [get_feedback(connection, workspace.id, one).error for one in ids]
    assert [error is not None and "claimed 5 times" in error for error in errors] == [one == poison for one in ids]


def saved(database: Database, workspace: Workspace, change: Callable[[Connection, Feedback], object]) -> tuple[int, Feedback]:
    with database.write() as connection:
        add(connection, workspace, 1)
        [one] = claim(connection)
        change(connection, one)
        return save_annotations(connection, [(one, an_annotation())], NOW), one


def test_an_answer_ends_the_claim_and_comes_back_as_given(database: Database, workspace: Workspace) -> None:
    answer = an_annotation("positive", [a_mention("staff", "positive"), a_mention("price", "negative", start=4, end=9)], language="ja")
    with database.write() as connection:
        [one_id] = add(connection, workspace, 1)
        [one] = claim(connection)
        assert save_annotations(connection, [(one, answer)], NOW) == 1
        assert get_feedback(connection, workspace.id, one_id).annotation == answer
        assert (count_unannotated(connection), claim(connection, minutes=10), count_touched(connection)) == (0, [], 1)


def test_saving_the_same_answer_twice_changes_nothing(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        add(connection, workspace, 2)
        answers = [(one, an_annotation()) for one in claim(connection)]
        assert save_annotations(connection, answers, NOW) == 2
        roll_up_touched(connection, limit=10, now=NOW)
        assert save_annotations(connection, answers, NOW) == 0
        assert count_touched(connection) == 0


def test_an_answer_to_an_older_text_is_dropped(database: Database, workspace: Workspace) -> None:
    def edit(connection: Connection, one: Feedback) -> None:
        new = a_new_feedback("Edited meanwhile", external_id=one.external_id)
        add_new(connection, workspace.id, [new], now=NOW, live=True)

    count, one = saved(database, workspace, edit)
    with database.write() as connection:
        assert count == 0
        [again] = claim(connection)
        assert (again.id, again.text, again.revision) == (one.id, "Edited meanwhile", 2)


def test_two_workers_that_held_the_same_row_save_one_answer(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        add(connection, workspace, 20)
        answers = [(one, an_annotation()) for one in claim(connection)]

    def save() -> int:
        with database.write() as connection:
            return save_annotations(connection, answers, NOW)

    assert sorted(together([save] * 3)) == [0, 0, 20]


def test_another_model_rewrites_the_answer_and_makes_it_history(database: Database, workspace: Workspace) -> None:
    count, one = saved(database, workspace, lambda connection, one: None)
    with database.write() as connection:
        assert count == 1
        newer = replace(an_annotation("positive"), model="koe-test-2")
        assert save_annotations(connection, [(one, newer)], NOW) == 1
        found = get_feedback(connection, workspace.id, one.id)
        assert (found.annotation, found.feedback.live) == (newer, False)


def test_a_topic_named_twice_is_kept_once(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        [one_id] = add(connection, workspace, 1)
        twice = an_annotation(topics=[a_mention("delivery", "negative"), a_mention("delivery", "positive")])
        save_annotations(connection, [(claim(connection)[0], twice)], NOW)
        annotation = get_feedback(connection, workspace.id, one_id).annotation
    assert annotation is not None
    assert [(mention.id, mention.sentiment) for mention in annotation.topics] == [("delivery", "negative")]


def test_a_failure_is_shown_until_the_text_is_edited(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        [one_id] = add(connection, workspace, 1)
        [one] = claim(connection)
        save_failure(connection, one, "the model raised ValueError", NOW)
        assert get_feedback(connection, workspace.id, one_id).error == "the model raised ValueError"
        assert claim(connection, minutes=10) == []
        add_new(connection, workspace.id, [a_new_feedback("Edited", external_id=one.external_id)], now=NOW, live=True)
        assert get_feedback(connection, workspace.id, one_id).error is None
        assert len(claim(connection)) == 1


def test_a_claim_looks_at_no_more_than_it_takes(sqlite_database: Database) -> None:
    """SQLite takes a partial index only where the query repeats its condition word by word; without, a backlog is read at every claim."""
    asked = list[str]()
    with sqlite_database.write() as connection:
        event.listen(connection.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
        claim(connection)
        plans = [str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", tuple("0" * one.count("?"))).all()) for one in asked[:4]]
    assert [plan.count("ix_feedback_suspect") for plan in plans] == [1, 1, 0, 0]
    assert [plan.count("ix_feedback_waiting") for plan in plans] == [0, 0, 1, 1]
