"""Rollups: counted anew from the rows, so that whatever happened before, a count is right."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import Connection

from core.errors import InvalidInput
from core.times import DAY, HOUR
from store.annotations import save_annotations
from store.cells import stretches
from store.database import Database
from store.feedback import add_new, claim_unannotated, delete_feedback, get_feedback
from store.records import Counts, Scope, Workspace
from store.rollups import count_touched, first_seen, grid, roll_up_touched, scopes, series, totals
from store.workspaces import create_workspace, set_dimensions
from tests.builders import NOW, a_mention, a_new_feedback, an_annotation, store_annotated
from tests.threads import together

SINCE = NOW - timedelta(days=9)
ANY = Scope()
REPOSTED = "the very same long complaint"


def count_all(connection: Connection) -> None:
    while roll_up_touched(connection, limit=1000, now=NOW):
        pass


def total(connection: Connection, workspace: Workspace, scope: Scope = ANY) -> Counts:
    count_all(connection)
    return totals(connection, workspace.id, SINCE, NOW, scope=scope)[""]


def test_counts_sentiments_and_complaints(database: Database, workspace: Workspace) -> None:
    said = [an_annotation("negative"), an_annotation("negative", complaint=False), an_annotation("neutral"), an_annotation("positive")]
    with database.write() as connection:
        store_annotated(connection, workspace.id, [(a_new_feedback(f"{number}"), one) for number, one in enumerate(said)])
        expected = Counts(count=4, effective=4, negative=2, neutral=1, positive=1, complaint=1)
        assert total(connection, workspace) == expected


def test_a_topic_counts_by_its_own_sentiment(database: Database, workspace: Workspace) -> None:
    mixed = an_annotation("negative", [a_mention("delivery", "negative"), a_mention("staff", "positive")])
    with database.write() as connection:
        store_annotated(connection, workspace.id, [(a_new_feedback(), mixed)])
        assert total(connection, workspace, Scope(topic="staff")) == Counts(count=1, effective=1, positive=1, complaint=1)
        assert total(connection, workspace, Scope(topic="delivery", source="api")).negative == 1
        assert total(connection, workspace).negative == 1


def test_only_annotated_feedback_counts(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        add_new(connection, workspace.id, [a_new_feedback()], now=NOW, live=True)
        assert total(connection, workspace).count == 0


def test_a_workspace_that_is_counted_anew_holds_up_no_other(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
        store_annotated(connection, workspace.id, [(a_new_feedback(hours_ago=hours), an_annotation()) for hours in range(1, 31)])
        store_annotated(connection, other.id, [(a_new_feedback(hours_ago=hours), an_annotation()) for hours in range(1, 8)])
        assert roll_up_touched(connection, limit=10, now=NOW) == 10
        assert totals(connection, other.id, SINCE, NOW)[""].count == 5
        assert totals(connection, workspace.id, SINCE, NOW)[""].count == 5
        assert roll_up_touched(connection, limit=10, now=NOW) == 10
        assert totals(connection, other.id, SINCE, NOW)[""].count == 7
        assert totals(connection, workspace.id, SINCE, NOW)[""].count == 13


def test_counting_again_changes_nothing(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        [one] = store_annotated(connection, workspace.id, [(a_new_feedback(), an_annotation())])
        before = total(connection, workspace)
        for model in ("koe-test-2", "koe-test-3"):
            save_annotations(connection, [(one, an_annotation(model=model))], NOW)
            assert total(connection, workspace) == before


def test_an_edit_and_an_erasure_take_their_counts_along(database: Database, workspace: Workspace) -> None:
    new = a_new_feedback(hours_ago=5)
    with database.write() as connection:
        [one] = store_annotated(connection, workspace.id, [(new, an_annotation())])
        assert total(connection, workspace).count == 1
        add_new(connection, workspace.id, [replace(new, created_at=NOW - 3 * HOUR)], now=NOW, live=True)
        count_all(connection)
        assert [count for _, count in series(connection, workspace.id, ANY, "volume", NOW - 6 * HOUR, NOW, HOUR)] == [0, 0, 0, 1, 0, 0]
        add_new(connection, workspace.id, [replace(new, text="Edited")], now=NOW, live=True)
        assert total(connection, workspace).count == 0
        claimed = claim_unannotated(connection, limit=9, now=NOW, lease=HOUR)
        save_annotations(connection, [(claimed[0], an_annotation())], NOW)
        assert total(connection, workspace).count == 1
        delete_feedback(connection, workspace.id, one.id, NOW)
        assert total(connection, workspace) == Counts()


def test_reposts_within_a_day_count_once(database: Database, workspace: Workspace) -> None:
    rows = [(a_new_feedback(REPOSTED, hours_ago=hours), an_annotation()) for hours in (100, 99, 76, 40)]
    with database.write() as connection:
        store_annotated(connection, workspace.id, rows)
        found = total(connection, workspace)
        assert (found.count, found.effective) == (4, 2)


def test_the_first_of_reposts_counts_in_whatever_order_they_come(database: Database, workspace: Workspace) -> None:
    def effective(connection: Connection, hours: float) -> int:
        moment = NOW - timedelta(hours=hours)
        return totals(connection, workspace.id, moment, moment + HOUR)[""].effective

    with database.write() as connection:
        store_annotated(connection, workspace.id, [(a_new_feedback(REPOSTED, hours_ago=2), an_annotation())])
        assert (total(connection, workspace).effective, effective(connection, 2)) == (1, 1)
        [early] = store_annotated(connection, workspace.id, [(a_new_feedback("RT @a: " + REPOSTED, hours_ago=8), an_annotation())])
        assert (total(connection, workspace).effective, effective(connection, 2), effective(connection, 8)) == (1, 0, 1)
        delete_feedback(connection, workspace.id, early.id, NOW)
        assert (total(connection, workspace).effective, effective(connection, 2)) == (1, 1)


def test_reposts_of_another_workspace_are_none(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
        for one in (workspace, other):
            store_annotated(connection, one.id, [(a_new_feedback(REPOSTED), an_annotation())])
        assert (total(connection, workspace).effective, total(connection, other).effective) == (1, 1)


def test_only_rows_that_came_as_they_were_written_count_as_live(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        store_annotated(connection, workspace.id, [(a_new_feedback(), an_annotation("negative"))], live=True)
        store_annotated(connection, workspace.id, [(a_new_feedback(), an_annotation("negative"))], live=False)
        count_all(connection)
        for measure in ("volume", "negative", "complaint"):
            live = grid(connection, workspace.id, Scope(topic="delivery"), (), measure, (NOW - 2 * HOUR, NOW), HOUR, live=True)
            assert live == {(): {1: (1, 1)}}
        assert total(connection, workspace).negative == 2


def test_takes_the_newest_buckets_first_and_no_more_than_asked(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        store_annotated(connection, workspace.id, [(a_new_feedback(hours_ago=hours), an_annotation()) for hours in (1, 2, 3)])
        assert count_touched(connection) == 3
        assert roll_up_touched(connection, limit=2, now=NOW) == 2
        assert totals(connection, workspace.id, SINCE, NOW)[""].count == 2
        assert (roll_up_touched(connection, limit=2, now=NOW), roll_up_touched(connection, limit=2, now=NOW)) == (1, 0)


def test_saving_and_counting_at_once_loses_nothing(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rows = [a_new_feedback(f"Text {number}", hours_ago=1 + number % 3 / 12) for number in range(60)]
        add_new(connection, workspace.id, rows, now=NOW, live=True)

    def annotate() -> None:
        while True:
            with database.write() as connection:
                claimed = claim_unannotated(connection, limit=5, now=NOW, lease=HOUR)
            if not claimed:
                return
            with database.write() as connection:
                save_annotations(connection, [(one, an_annotation()) for one in claimed], NOW)

    def count() -> None:
        for _ in range(8):
            with database.write() as connection:
                roll_up_touched(connection, limit=2, now=NOW)

    together([annotate, annotate, count, count])
    with database.write() as connection:
        assert total(connection, workspace).count == 60


def test_series_are_aligned_to_their_end_with_zeros(database: Database, workspace: Workspace) -> None:
    until = NOW + timedelta(minutes=20)
    with database.write() as connection:
        moments = [until - timedelta(minutes=minutes) for minutes in (1, 59, 61, 179)]
        store_annotated(connection, workspace.id, [(a_new_feedback(created_at=moment), an_annotation()) for moment in moments])
        count_all(connection)
        found = series(connection, workspace.id, ANY, "negative", until - timedelta(hours=4, minutes=30), until, HOUR)
    assert found == [(until - hours * HOUR, count) for hours, count in ((4, 0), (3, 1), (2, 1), (1, 2))]


@pytest.mark.parametrize("width", [HOUR, 6 * HOUR, DAY, timedelta(minutes=15)])
def test_series_of_any_width_hold_every_row(database: Database, workspace: Workspace, width: timedelta) -> None:
    midnight = NOW.replace(hour=0)
    with database.write() as connection:
        rows = [(a_new_feedback(f"{hours}", created_at=midnight - timedelta(hours=hours)), an_annotation()) for hours in range(1, 100, 3)]
        store_annotated(connection, workspace.id, rows)
        count_all(connection)
        found = series(connection, workspace.id, Scope(language="en"), "volume", midnight - 5 * DAY, midnight, width)
    assert (len(found), sum(count for _, count in found)) == (5 * DAY // width, 33)


@pytest.mark.parametrize(("until", "width"), [(NOW + timedelta(minutes=1), HOUR), (NOW, timedelta(minutes=7)), (NOW, timedelta(0))])
def test_series_refuse_windows_that_cut_buckets(sqlite_database: Database, until: datetime, width: timedelta) -> None:
    with sqlite_database.read() as connection, pytest.raises(InvalidInput, match="five-minute"):
        series(connection, "1", ANY, "volume", SINCE, until, width)


def test_knows_when_a_scope_was_first_heard_of(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        assert first_seen(connection, workspace.id, ANY) is None
        rows = [
            (a_new_feedback(hours_ago=50), an_annotation(topics=["price"])),
            (a_new_feedback(hours_ago=20, source="x"), an_annotation(topics=["app"])),
        ]
        store_annotated(connection, workspace.id, rows)
        count_all(connection)
        assert first_seen(connection, workspace.id, ANY) == NOW - timedelta(hours=50)
        assert first_seen(connection, workspace.id, Scope(topic="app")) == NOW - timedelta(hours=20)
        assert first_seen(connection, workspace.id, Scope(topic="app", source="x", language="en")) == NOW - timedelta(hours=20)
        assert first_seen(connection, workspace.id, Scope(topic="app", source="api")) is None


def test_splits_a_scope_by_every_combination_that_occurs(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        set_dimensions(connection, workspace.id, ["plan"], NOW)
        rows = [
            (a_new_feedback(attributes={"plan": "pro"}), an_annotation(topics=["app", "price"])),
            (a_new_feedback(attributes={"plan": "free"}), an_annotation(topics=["app"])),
            (a_new_feedback(), an_annotation(topics=["staff"])),
        ]
        store_annotated(connection, workspace.id, rows)
        count_all(connection)
        found = scopes(connection, workspace.id, ["topic", "attributes.plan"], Scope(language="en"), SINCE, NOW)
        assert [(one.topic, one.attributes["plan"], one.language) for one in found] == [
            ("app", "free", "en"), ("app", "pro", "en"), ("price", "pro", "en"),
        ]  # fmt: skip
        assert scopes(connection, workspace.id, ["topic"], Scope(topic="app"), SINCE, NOW) == [Scope(topic="app")]
        with pytest.raises(InvalidInput, match=r"attributes\.plan"):
            scopes(connection, workspace.id, ["attributes.tier"], ANY, SINCE, NOW)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2026-03-01T00:00", "2026-03-03T00:00", [(1440, 48 * 12)]),
        ("2026-03-01T22:50", "2026-03-03T01:05", [(5, 2), (60, 12), (1440, 288), (60, 12), (5, 1)]),
        ("2026-03-01T10:20", "2026-03-01T10:40", [(5, 4)]),
        ("2026-03-01T10:21", "2026-03-01T10:22", [(5, 1)]),
        ("2026-03-01T10:00", "2026-03-01T10:00", []),
        ("2026-03-01T11:00", "2026-03-01T10:00", []),
    ],
)
def test_a_stretch_is_cut_into_days_hours_and_buckets(since: str, until: str, expected: list[tuple[int, int]]) -> None:
    parts = stretches(datetime.fromisoformat(since + "Z"), datetime.fromisoformat(until + "Z"))
    assert [(grain, (end - start) // timedelta(minutes=5)) for grain, start, end in parts] == expected
    assert all(before[2] == after[1] for before, after in pairwise(parts))


def test_a_repost_is_still_found_as_feedback(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        stored = store_annotated(connection, workspace.id, [(a_new_feedback(REPOSTED), an_annotation()) for _ in range(2)])
        count_all(connection)
        assert get_feedback(connection, workspace.id, stored[1].id).annotation is not None
