"""Feedback: stored once whatever comes how often, edited with its history kept, erased for good."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from core.errors import NotFound
from store import tables
from store.annotations import save_annotations
from store.database import Database
from store.feedback import (
    add_new,
    count_unannotated,
    delete_feedback,
    get_feedback,
    history,
    period,
)
from store.records import Author, NewFeedback, Rating, Revision, Scores, Stored, Workspace
from store.rollups import count_touched, roll_up_touched
from store.workspaces import create_workspace
from tests.builders import NOW, a_new_feedback, an_annotation, store_annotated
from tests.threads import together

FULL = NewFeedback(
    text="配送が遅い 😡", created_at=NOW - timedelta(hours=1, microseconds=1), source="App Store", external_id="r1", title="Late",
    author=Author(id="7", name="Ana", followers=2**40), url="https://example.com/r1", language="ja", country="JP", kind="review",
    rating=Rating(1.5, 5.0), scores=Scores(nps=0.0, ces=6.5), question="Why?", product="App", attributes={"plan": "pro", 'a"b': "ü\n"},
    parent_id="r0",
)  # fmt: skip


def test_comes_back_as_it_was_sent(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        [stored] = add_new(connection, workspace.id, [FULL], now=NOW, live=True)
    with database.read() as connection:
        found = get_feedback(connection, workspace.id, stored.id)
    sent = {name: getattr(FULL, name) for name in NewFeedback.__slots__ if name != "dated"}
    assert {name: getattr(found.feedback, name) for name in sent} == sent
    assert (found.feedback.revision, found.feedback.received_at, found.feedback.live) == (1, NOW, True)
    assert (found.annotation, found.error) == (None, None)


def test_answers_in_order_also_for_what_comes_twice_in_one_call(database: Database, workspace: Workspace) -> None:
    one, two = a_new_feedback("First text", external_id="1"), a_new_feedback("Second text", external_id="2")
    with database.write() as connection:
        stored = add_new(connection, workspace.id, [one, two, one, replace(two, text="Edited at once")], now=NOW, live=True)
        assert [answer.status for answer in stored] == ["created", "created", "unchanged", "updated"]
        assert (stored[2].id, stored[3].id) == (stored[0].id, stored[1].id)
        assert get_feedback(connection, workspace.id, stored[3].id).feedback.text == "Edited at once"


def test_the_same_again_changes_nothing(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        [(first)] = store_annotated(connection, workspace.id, [(FULL, an_annotation())])
        roll_up_touched(connection, limit=10, now=NOW)
        assert add_new(connection, workspace.id, [FULL], now=NOW + timedelta(days=1), live=False) == [Stored(first.id, "unchanged")]
        assert count_touched(connection) == count_unannotated(connection) == 0
        assert get_feedback(connection, workspace.id, first.id).feedback == first


def test_sources_and_workspaces_have_external_ids_of_their_own(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
        rows = [a_new_feedback(external_id="1", source=source) for source in ("a", "b")]
        stored = add_new(connection, workspace.id, rows, now=NOW, live=True)
        assert [one.status for one in stored] == ["created", "created"]
        assert [one.status for one in add_new(connection, other.id, rows, now=NOW, live=True)] == ["created", "created"]
        assert [get_feedback(connection, workspace.id, one.id).feedback.source for one in stored] == ["a", "b"]


def test_what_has_no_external_id_is_always_new(database: Database, workspace: Workspace) -> None:
    nameless = replace(FULL, external_id=None)
    with database.write() as connection:
        stored = add_new(connection, workspace.id, [nameless, nameless], now=NOW, live=True)
        assert [one.status for one in stored] == ["created", "created"]
        assert get_feedback(connection, workspace.id, stored[0].id).feedback.external_id


def test_an_edited_text_waits_again_and_its_old_words_are_kept(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        [(first)] = store_annotated(connection, workspace.id, [(FULL, an_annotation())])
        [edited] = add_new(connection, workspace.id, [replace(FULL, text="Arrived after all")], now=NOW, live=True)
        assert edited == Stored(first.id, "updated")
        found = get_feedback(connection, workspace.id, first.id)
        assert (found.feedback.text, found.feedback.revision, found.annotation) == ("Arrived after all", 2, None)
        assert history(connection, workspace.id, first.id) == [Revision(1, FULL.text, NOW)]
        assert count_unannotated(connection, workspace.id) == 1


def test_another_change_keeps_the_annotation_and_moves_the_counts(database: Database, workspace: Workspace) -> None:
    moved = replace(FULL, created_at=FULL.created_at - timedelta(hours=5), attributes={"plan": "free"})
    with database.write() as connection:
        [(first)] = store_annotated(connection, workspace.id, [(FULL, an_annotation())])
        roll_up_touched(connection, limit=10, now=NOW)
        assert add_new(connection, workspace.id, [moved], now=NOW, live=True)[0].status == "updated"
        found = get_feedback(connection, workspace.id, first.id)
        assert (found.feedback.revision, found.feedback.created_at) == (1, moved.created_at)
        assert found.annotation is not None
        assert count_touched(connection) == 2
        assert history(connection, workspace.id, first.id) == []


@pytest.mark.parametrize(
    ("hours_ago", "live", "expected"), [(1, True, True), (2, True, True), (2.1, True, False), (1, False, False), (-3, True, True)]
)
def test_is_live_only_when_asked_and_fresh(
    database: Database, workspace: Workspace, hours_ago: float, *, live: bool, expected: bool
) -> None:
    with database.write() as connection:
        [stored] = add_new(connection, workspace.id, [a_new_feedback(hours_ago=hours_ago)], now=NOW, live=live)
        assert get_feedback(connection, workspace.id, stored.id).feedback.live is expected


def test_stores_what_no_database_can_hold_one_for_one(database: Database, workspace: Workspace) -> None:
    evil = replace(
        FULL, text="a\x00b\ud800c\U0001f621'; DROP TABLE feedback;--", title="\x00", attributes={"\x00": "\udfff"}, external_id="\x00"
    )
    with database.write() as connection:
        [stored] = add_new(connection, workspace.id, [evil], now=NOW, live=True)
        assert add_new(connection, workspace.id, [evil], now=NOW, live=True) == [Stored(stored.id, "unchanged")]
        found = get_feedback(connection, workspace.id, stored.id).feedback
    assert found.text == "a\ufffdb\ufffdc\U0001f621'; DROP TABLE feedback;--"
    assert (found.title, dict(found.attributes), len(found.text)) == ("\ufffd", {"\ufffd": "\ufffd"}, len(evil.text))


def test_what_is_erased_is_gone_and_stays_away(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        [(first)] = store_annotated(connection, workspace.id, [(FULL, an_annotation())])
        add_new(connection, workspace.id, [replace(FULL, text="Edited")], now=NOW, live=True)
        delete_feedback(connection, workspace.id, first.id, NOW)
        for table in (tables.feedback, tables.feedback_revisions, tables.annotations, tables.annotation_topics):
            assert connection.scalar(select(func.count()).select_from(table)) == 0
        assert "r1" not in str(connection.execute(select(tables.erased)).all())
        assert add_new(connection, workspace.id, [FULL, a_new_feedback()], now=NOW, live=True)[0] == Stored("", "erased")
        with pytest.raises(NotFound):
            delete_feedback(connection, workspace.id, first.id, NOW)


def test_an_id_is_never_given_to_another(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        [first] = add_new(connection, workspace.id, [a_new_feedback()], now=NOW, live=True)
        delete_feedback(connection, workspace.id, first.id, NOW)
        [second] = add_new(connection, workspace.id, [a_new_feedback()], now=NOW, live=True)
    assert first.id != second.id


def test_many_that_send_the_same_at_once_store_it_once(database: Database, workspace: Workspace) -> None:
    rows = [a_new_feedback(f"Text number {number}", external_id=str(number)) for number in range(50)]

    def send() -> list[Stored]:
        with database.write() as connection:
            return add_new(connection, workspace.id, rows, now=NOW, live=True)

    answers = together([send] * 4)
    assert sum(one.status == "created" for answer in answers for one in answer) == 50
    assert all([one.id for one in answer] == [one.id for one in answers[0]] for answer in answers)


def test_more_rows_than_one_statement_takes(database: Database, workspace: Workspace) -> None:
    rows = [a_new_feedback(f"Text number {number}") for number in range(2500)]
    with database.write() as connection:
        stored = add_new(connection, workspace.id, rows, now=NOW, live=True)
        assert len({one.id for one in stored}) == count_unannotated(connection, workspace.id) == 2500
        assert get_feedback(connection, workspace.id, stored[2400].id).feedback.text == "Text number 2400"


def test_knows_the_period_it_covers(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        assert period(connection, workspace.id) is None
        rows = [a_new_feedback(hours_ago=hours) for hours in (3, 30, 2)]
        add_new(connection, workspace.id, rows, now=NOW, live=True)
        assert period(connection, workspace.id) == (NOW - timedelta(hours=30), NOW - timedelta(hours=2))


def test_a_late_answer_to_an_erased_text_is_dropped(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        [stored] = add_new(connection, workspace.id, [FULL], now=NOW, live=True)
        claimed = get_feedback(connection, workspace.id, stored.id).feedback
        delete_feedback(connection, workspace.id, stored.id, NOW)
        assert save_annotations(connection, [(claimed, an_annotation())], NOW) == 0
