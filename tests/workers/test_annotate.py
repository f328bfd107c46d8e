"""The annotate stage: everything that waits is annotated once, and a text that breaks the model takes no other along."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import pytest

from nlp.annotator import Prepared
from nlp.topics import load_taxonomy
from store.database import Database
from store.feedback import add_new, claim_unannotated, count_unannotated, get_feedback
from store.model_changes import current_model
from store.reannotations import ask_reannotation
from store.records import AnnotatedFeedback, Annotation, Workspace
from tests.builders import NOW, a_feedback, a_new_feedback
from tests.workers.keywords import KeywordAnnotator
from workers.annotate import Annotated, ModelBroken, batches, run

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
    with pytest.raises(ModelBroken, match="the model answers nothing at all"):
        annotate(database, KeywordAnnotator(broken=True))
    assert [get(database, workspace, one).error for one in ids] == [None, None]
    assert run(database, KeywordAnnotator(), clock=lambda: NOW + LEASE, lease=LEASE, enough=never).texts == 2


def test_texts_outlast_a_model_that_is_broken_for_hours(database: Database, workspace: Workspace) -> None:
    ids = put(database, workspace, [f"late by {number} days" for number in range(150)])
    moments = [NOW + timedelta(minutes=minutes) for minutes in range(0, 300, 5)]
    times = iter(moments)
    for _ in moments:
        with pytest.raises(ModelBroken):
            run(database, KeywordAnnotator(broken=True), clock=lambda: next(times, moments[-1]), lease=LEASE, enough=never, was_broken=True)
    assert run(database, KeywordAnnotator(), clock=lambda: moments[-1], lease=LEASE, enough=never) == Annotated(150, 0, more=False)
    assert all(get(database, workspace, one).annotation is not None for one in ids)


class Fragile(KeywordAnnotator):
    """Answers nothing any more once it has seen what it cannot take, as a graphics card does."""

    def answer(self, prepared: Sequence[Prepared]) -> list[Annotation]:
        self.broken |= any("poison" in one.cleaned for one in prepared)
        return super().answer(prepared)


def test_a_text_that_breaks_the_model_for_good_is_found_and_takes_no_other_along(database: Database, workspace: Workspace) -> None:
    ids = put(database, workspace, ["late", "poison", "love"])
    now = [NOW]
    for _ in range(20):
        annotator = Fragile()
        for was_broken in (False, True):
            with suppress(ModelBroken):
                run(database, annotator, clock=lambda: now[0], lease=LEASE, enough=never, was_broken=was_broken)
        now[0] += timedelta(minutes=3)
    first, poison, last = (get(database, workspace, one) for one in ids)
    assert first.annotation is not None
    assert last.annotation is not None
    assert (poison.annotation, "claimed 5 times" in str(poison.error)) == (None, True)


def test_what_was_set_aside_is_tried_again_when_somebody_asks(database: Database, workspace: Workspace) -> None:
    ids = put(database, workspace, ["late", "poison"])
    annotate(database, KeywordAnnotator())
    with database.write() as connection:
        ask_reannotation(connection, workspace.id, since=NOW + timedelta(days=1), now=NOW)
        assert count_unannotated(connection) == 0
        ask_reannotation(connection, workspace.id, since=None, now=NOW)
        assert count_unannotated(connection) == 1
    assert get(database, workspace, ids[1]).error is None
    assert annotate(database, KeywordAnnotator()).failed == 1


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
