"""The annotate stage: everything that waits is annotated once, and a text that breaks the model takes no other along."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from core.errors import TransientError
from nlp.topics import load_taxonomy
from store.database import Database
from store.feedback import add_new, claim_unannotated, count_unannotated, get_feedback
from store.model_changes import current_model
from store.records import AnnotatedFeedback, Workspace
from tests.builders import NOW, a_feedback, a_new_feedback
from tests.workers.keywords import KeywordAnnotator
from workers.annotate import Annotated, batches, run

LEASE = timedelta(minutes=2)


def never() -> bool:
    return False


def put(database: Database, workspace: Workspace, texts: list[str], *, live: bool = True) -> list[str]:
    with database.write() as connection:
        rows = [a_new_feedback(text) for text in texts]
        return [one.id for one in add_new(connection, workspace.id, rows, now=NOW, live=live)]


def get(database: Database, workspace: Workspace, feedback_id: str) -> AnnotatedFeedback:
    with database.read() as connection:
        return get_feedback(connection, workspace.id, feedback_id)


def annotate(database: Database, annotator: KeywordAnnotator, enough: Callable[[], bool] = never) -> Annotated:
    return run(database, annotator, clock=lambda: NOW, lease=LEASE, enough=enough)


def test_annotates_everything_that_waits(database: Database, workspace: Workspace) -> None:
    ids = put(database, workspace, [f"late by {number} days" for number in range(300)])
    assert annotate(database, KeywordAnnotator()) == Annotated(300, 0, more=False)
    annotation = get(database, workspace, ids[299]).annotation
    assert annotation is not None
    assert annotation.sentiment.label == "negative"


def test_a_second_run_finds_nothing(database: Database, workspace: Workspace) -> None:
    put(database, workspace, ["late"])
    annotate(database, KeywordAnnotator())
    again = KeywordAnnotator()
    assert annotate(database, again) == Annotated(0, 0, more=False)
    assert again.batches == []


def test_stops_when_it_is_enough_and_says_that_more_is_left(database: Database, workspace: Workspace) -> None:
    put(database, workspace, ["late"] * 300)
    answers = iter([False, True])
    done = annotate(database, KeywordAnnotator(), lambda: next(answers))
    assert done.more
    with database.read() as connection:
        assert count_unannotated(connection) == 300 - done.texts > 0


def test_a_poisonous_text_is_set_aside_and_its_neighbours_are_saved(database: Database, workspace: Workspace) -> None:
    ids = put(database, workspace, ["late", "poison", "love"])
    assert annotate(database, KeywordAnnotator()) == Annotated(3, 1, more=False)
    first, poison, last = (get(database, workspace, one) for one in ids)
    assert first.annotation is not None
    assert last.annotation is not None
    assert (poison.annotation, poison.error) == (None, "the model could not annotate this text (RuntimeError)")


def test_a_broken_model_sets_no_text_aside(database: Database, workspace: Workspace) -> None:
    ids = put(database, workspace, ["late", "love"])
    with pytest.raises(TransientError, match="the model answers nothing at all"):
        annotate(database, KeywordAnnotator(broken=True))
    assert [get(database, workspace, one).error for one in ids] == [None, None]
    later = run(database, KeywordAnnotator(), clock=lambda: NOW + LEASE, lease=LEASE, enough=never)
    assert later.texts == 2


def test_what_another_worker_holds_is_left_to_it_until_its_lease_is_over(database: Database, workspace: Workspace) -> None:
    put(database, workspace, ["late"] * 3)
    with database.write() as connection:
        claim_unannotated(connection, limit=2, now=NOW, lease=LEASE)
    assert annotate(database, KeywordAnnotator()).texts == 1
    assert run(database, KeywordAnnotator(), clock=lambda: NOW + LEASE, lease=LEASE, enough=never).texts == 2


def test_live_feedback_goes_before_history(database: Database, workspace: Workspace) -> None:
    put(database, workspace, ["history"] * 200, live=False)
    put(database, workspace, ["live"] * 5)
    annotator = KeywordAnnotator()
    annotate(database, annotator)
    assert [text for batch in annotator.batches[:2] for text in batch].count("live") == 5


def test_texts_of_like_length_share_a_batch_of_bounded_size() -> None:
    texts = [a_feedback("x" * length) for length in (5, 900, 10, 1000, 20_000, 7)]
    lengths = [[len(one.text) for one in batch] for batch in batches(texts, most=3000)]
    assert lengths == [[5, 7, 10], [900, 1000], [20_000]]


def test_the_model_in_use_is_noted(database: Database, workspace: Workspace) -> None:
    put(database, workspace, ["late"])
    annotate(database, KeywordAnnotator("keywords-1"))
    with database.read() as connection:
        assert current_model(connection, workspace.id) == ("keywords-1", load_taxonomy().version)
