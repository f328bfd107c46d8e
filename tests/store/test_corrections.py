"""A human's word against an annotation: it wins wherever the annotation is read, and goes with the text it speaks of."""

from datetime import timedelta

import pytest

from core.errors import InvalidInput, NotFound
from store.annotations import correct_feedback, newest_annotated, save_annotations
from store.corrections import corrected_texts, corrections_of, list_corrections, merged, uncorrected
from store.database import Database
from store.feedback import add_new, delete_feedback, get_feedback
from store.records import (
    Annotation,
    Complaint,
    Correction,
    Feedback,
    FeedbackQuery,
    Labels,
    Language,
    NewFeedback,
    Scope,
    TopicCorrection,
    Workspace,
)
from store.rollups import roll_up_touched, totals
from store.search import search_feedback
from store.workspaces import create_workspace
from tests.builders import NOW, a_mention, a_new_feedback, an_annotation, store_annotated, with_text

LATER = NOW + timedelta(minutes=1)
NEW = a_new_feedback("The parcel came two weeks late.", external_id="order-1")


def put(database: Database, workspace: Workspace, new: NewFeedback = NEW, said: Annotation | None = None) -> Feedback:
    with database.write() as connection:
        return store_annotated(connection, workspace.id, [(new, said or an_annotation("negative", ["delivery", "price"]))])[0]


def correct(database: Database, workspace: Workspace, feedback: Feedback, labels: Labels) -> Correction:
    with database.write() as connection:
        return correct_feedback(connection, workspace.id, feedback.id, labels, actor="key 7", now=LATER)


def annotation(database: Database, workspace: Workspace, feedback: Feedback) -> Annotation:
    with database.read() as connection:
        found = get_feedback(connection, workspace.id, feedback.id).annotation
    assert found is not None
    return found


def test_what_a_human_says_is_certain_and_the_rest_is_the_model_s(database: Database, workspace: Workspace) -> None:
    feedback = put(database, workspace)
    correct(database, workspace, feedback, Labels(sentiment="neutral", complaint=False, language="pt"))
    now, was = annotation(database, workspace, feedback), an_annotation("negative", ["delivery", "price"])
    assert (now.sentiment.label, now.sentiment.confidence, now.sentiment.scores["neutral"]) == ("neutral", 1.0, 1.0)
    assert (now.complaint, now.language) == (Complaint(label=False, confidence=1.0), Language("pt", 1.0))
    assert (now.topics, now.model) == (was.topics, was.model)


def test_topics_are_added_taken_away_and_felt_otherwise(database: Database, workspace: Workspace) -> None:
    feedback = put(database, workspace)
    topics = (TopicCorrection("delivery", sentiment="positive"), TopicCorrection("price", present=False), TopicCorrection("staff"))
    correct(database, workspace, feedback, Labels(topics=topics))
    delivery, staff = annotation(database, workspace, feedback).topics
    assert (delivery.id, delivery.sentiment, delivery.confidence, delivery.evidence) == ("delivery", "positive", 1.0, a_mention().evidence)
    assert (staff.id, staff.sentiment, staff.evidence) == ("staff", "negative", ())


def test_the_word_of_a_human_outlives_another_answer_of_the_model(database: Database, workspace: Workspace) -> None:
    feedback = put(database, workspace)
    correct(database, workspace, feedback, Labels(sentiment="neutral", topics=(TopicCorrection("price", present=False),)))
    with database.write() as connection:
        newer = an_annotation("positive", ["price", "staff"], model="koe-test-2")
        assert save_annotations(connection, [(feedback, newer)], LATER) == 1
        assert save_annotations(connection, [(feedback, newer)], LATER) == 0
    now = annotation(database, workspace, feedback)
    assert (now.sentiment.label, [topic.id for topic in now.topics], now.model) == ("neutral", ["staff"], "koe-test-2")


def test_a_text_can_be_corrected_before_the_model_has_seen_it(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        stored = add_new(connection, workspace.id, [NEW], now=NOW, live=True)[0]
        feedback = get_feedback(connection, workspace.id, stored.id).feedback
    correction = correct(database, workspace, feedback, Labels(sentiment="positive"))
    assert correction.before == Labels()
    with database.write() as connection:
        save_annotations(connection, [(feedback, an_annotation("negative"))], LATER)
    assert annotation(database, workspace, feedback).sentiment.label == "positive"


def test_an_edited_text_is_another_text(database: Database, workspace: Workspace) -> None:
    feedback = put(database, workspace)
    correct(database, workspace, feedback, Labels(sentiment="positive"))
    edited = put(database, workspace, with_text(NEW, "It never came."))
    assert (edited.id, edited.revision, annotation(database, workspace, edited).sentiment.label) == (feedback.id, 2, "negative")
    with database.read() as connection:
        assert [one.revision for one in corrections_of(connection, workspace.id, feedback.id)] == [1]
        assert list(corrected_texts(connection, workspace.id)) == []


def test_filters_and_counts_follow_at_once(database: Database, workspace: Workspace) -> None:
    feedback = put(database, workspace)
    labels = Labels(sentiment="neutral", complaint=False, language="pt", topics=(TopicCorrection("staff", sentiment="positive"),))
    with database.write() as connection:
        roll_up_touched(connection, limit=100, now=NOW)
    correct(database, workspace, feedback, labels)
    with database.write() as connection:
        roll_up_touched(connection, limit=100, now=NOW)
        since, until = NOW - timedelta(days=1), NOW + timedelta(days=1)
        whole = totals(connection, workspace.id, since, until)[""]
        assert (whole.count, whole.negative, whole.neutral, whole.complaint) == (1, 0, 1, 0)
        assert totals(connection, workspace.id, since, until, scope=Scope(topic="staff"))[""].positive == 1
        assert list(totals(connection, workspace.id, since, until, by="language")) == ["pt"]
        for query, found in [
            (FeedbackQuery(sentiment="negative"), 0),
            (FeedbackQuery(sentiment="neutral", language="pt", complaint=False), 1),
            (FeedbackQuery(topic="staff", sentiment="positive"), 1),
        ]:
            assert len(search_feedback(connection, workspace.id, query).rows) == found


def test_every_word_is_kept_with_who_said_it_and_what_was_said_before(database: Database, workspace: Workspace) -> None:
    feedback = put(database, workspace)
    correct(
        database,
        workspace,
        feedback,
        Labels(sentiment="neutral", topics=(TopicCorrection("staff"), TopicCorrection("price", present=False))),
    )
    correct(database, workspace, feedback, Labels(sentiment="positive"))
    with database.read() as connection:
        first, second = corrections_of(connection, workspace.id, feedback.id)
    assert (first.actor, first.at, first.feedback_id, first.revision) == ("key 7", LATER, feedback.id, 1)
    assert first.before == Labels(
        sentiment="negative", topics=(TopicCorrection("staff", present=False), TopicCorrection("price", sentiment="negative"))
    )
    assert (second.labels, second.before) == (Labels(sentiment="positive"), Labels(sentiment="neutral"))


def test_of_several_words_the_latest_on_each_thing_counts() -> None:
    first = Labels(sentiment="negative", complaint=True, topics=(TopicCorrection("price"), TopicCorrection("staff")))
    second = Labels(complaint=False, topics=(TopicCorrection("price", present=False),))
    assert merged([first, second]) == Labels(
        sentiment="negative", complaint=False, topics=(TopicCorrection("price", present=False), TopicCorrection("staff"))
    )


def test_erasing_a_text_takes_what_was_said_of_it_along(database: Database, workspace: Workspace) -> None:
    feedback = put(database, workspace)
    correct(database, workspace, feedback, Labels(sentiment="positive"))
    with database.write() as connection:
        delete_feedback(connection, workspace.id, feedback.id, LATER)
        assert list_corrections(connection, workspace.id, limit=10, cursor=None).rows == ()
        assert list(corrected_texts(connection, workspace.id)) == []


def test_another_workspace_can_neither_correct_nor_see(database: Database, workspace: Workspace) -> None:
    feedback = put(database, workspace)
    correct(database, workspace, feedback, Labels(sentiment="positive"))
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
        with pytest.raises(NotFound):
            correct_feedback(connection, other.id, feedback.id, Labels(complaint=True), actor="key 8", now=LATER)
        assert corrections_of(connection, other.id, feedback.id) == []
        assert list_corrections(connection, other.id, limit=10, cursor=None).rows == ()


def test_corrections_come_in_pages_the_newest_first(database: Database, workspace: Workspace) -> None:
    feedback = put(database, workspace)
    for label in (True, False, True):
        correct(database, workspace, feedback, Labels(complaint=label))
    with database.read() as connection:
        first = list_corrections(connection, workspace.id, limit=2, cursor=None)
        rest = list_corrections(connection, workspace.id, limit=2, cursor=first.next)
        with pytest.raises(InvalidInput, match="cursor"):
            list_corrections(connection, workspace.id, limit=2, cursor="nonsense")
    assert [int(row.correction.id) - int(rest.rows[0].correction.id) for row in (*first.rows, *rest.rows)] == [2, 1, 0]
    assert (rest.next, first.rows[0].text) == (None, NEW.text)


def test_what_was_corrected_is_history(database: Database, workspace: Workspace) -> None:
    feedback = put(database, workspace)
    assert feedback.live
    correct(database, workspace, feedback, Labels(complaint=True))
    with database.read() as connection:
        assert not get_feedback(connection, workspace.id, feedback.id).feedback.live


def test_what_nobody_corrected_can_be_told_apart(database: Database, workspace: Workspace) -> None:
    rows = [put(database, workspace, a_new_feedback(f"number {number}", hours_ago=number)) for number in range(1, 4)]
    correct(database, workspace, rows[1], Labels(complaint=True))
    with database.read() as connection:
        assert [one.feedback.id for one in uncorrected(connection, workspace.id, 10)] == [rows[0].id, rows[2].id]
        assert [one.feedback.id for one in uncorrected(connection, workspace.id, 1)] == [rows[0].id]


def test_the_newest_annotated_texts_bear_what_humans_said_of_their_present_wording(database: Database, workspace: Workspace) -> None:
    old, new = (put(database, workspace, a_new_feedback(hours_ago=hours)) for hours in (9, 1))
    edited = put(database, workspace)
    correct(database, workspace, old, Labels(sentiment="positive"))
    with database.write() as connection:
        add_new(connection, workspace.id, [with_text(NEW, "It came.")], now=LATER, live=True)
        found = newest_annotated(connection, workspace.id, 9)
        assert [(row.feedback.id, said) for row, said in found] == [(new.id, Labels()), (old.id, Labels(sentiment="positive"))]
        assert [row.feedback.id for row, _ in newest_annotated(connection, workspace.id, 1)] == [new.id]
        assert newest_annotated(connection, create_workspace(connection, "other", NOW).id, 9) == []
    assert edited.id not in {row.feedback.id for row, _ in found}
