"""Brands: saved queries, counted anew whenever one changes."""

import pytest
from sqlalchemy import Connection

from core.errors import Conflict, InvalidInput, NotFound
from core.times import BUCKET, HOUR
from store import brands
from store.brands import counts_of_brands, create_brand, delete_brand, get_brand, list_brands, update_brand
from store.database import Database
from store.query import InvalidQuery
from store.records import Scope, Workspace
from store.rollups import count_touched, roll_up_touched, scopes, totals
from store.workspaces import create_workspace
from tests.builders import NOW, a_new_feedback, an_annotation, store_annotated

SINCE = NOW.replace(hour=0)


def brand_counts(connection: Connection, workspace: Workspace) -> dict[str, int]:
    roll_up_touched(connection, limit=1000, now=NOW)
    names = {brand.id: brand.name for brand in list_brands(connection, workspace.id)}
    found = totals(connection, workspace.id, SINCE, NOW, by="brand")
    return {names[brand]: counts.count for brand, counts in found.items()}


def test_a_feedback_counts_for_every_brand_it_speaks_of(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        create_brand(connection, workspace.id, name="Delta", query="@delta", now=NOW)
        create_brand(connection, workspace.id, name="United", query="united", now=NOW)
        texts = ("@delta is late", "@delta is no better than united", "neither of them")
        store_annotated(connection, workspace.id, [(a_new_feedback(text), an_annotation()) for text in texts])
        assert brand_counts(connection, workspace) == {"Delta": 2, "United": 1}


def test_a_changed_query_and_a_deleted_brand_count_everything_again(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        brand = create_brand(connection, workspace.id, name="Ours", query="delta", now=NOW)
        store_annotated(connection, workspace.id, [(a_new_feedback("united was late"), an_annotation())])
        assert brand_counts(connection, workspace) == {}
        update_brand(connection, workspace.id, brand.id, query="united", now=NOW)
        assert brand_counts(connection, workspace) == {"Ours": 1}
        delete_brand(connection, workspace.id, brand.id)
        assert brand_counts(connection, workspace) == {}
        assert scopes(connection, workspace.id, ["brand"], Scope(), SINCE, NOW) == []


def test_tells_from_when_on_a_brand_is_counted_by_its_query(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        ours = create_brand(connection, workspace.id, name="Ours", query="delta", now=NOW)
        theirs = create_brand(connection, workspace.id, name="Theirs", query="united", now=NOW)
        texts = [(a_new_feedback("united was late", hours_ago=hours), an_annotation()) for hours in (1, 2, 3)]
        store_annotated(connection, workspace.id, texts)
        roll_up_touched(connection, limit=1000, now=NOW)
        before = counts_of_brands(connection, workspace.id)
        assert [before[one.id].since for one in (ours, theirs)] == [None, None]
        update_brand(connection, workspace.id, ours.id, query="united", now=NOW)
        found = []
        for _ in range(4):
            found.append(counts_of_brands(connection, workspace.id)[ours.id].since)
            assert counts_of_brands(connection, workspace.id)[theirs.id] == before[theirs.id]
            roll_up_touched(connection, limit=1, now=NOW)
        assert found == [*(NOW - hours * HOUR + BUCKET for hours in (1, 2, 3)), None]
        assert counts_of_brands(connection, workspace.id)[ours.id].change != before[ours.id].change
        store_annotated(connection, workspace.id, [(a_new_feedback("united was late", hours_ago=3), an_annotation())])
        assert counts_of_brands(connection, workspace.id)[ours.id].since is None


def test_tells_of_one_brand_alone(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        ours, theirs = (create_brand(connection, workspace.id, name=name, query="delta", now=NOW) for name in ("Ours", "Theirs"))
        every = counts_of_brands(connection, workspace.id)
        assert [counts_of_brands(connection, workspace.id, one.id) for one in (ours, theirs)] == [{key: every[key]} for key in every]
        delete_brand(connection, workspace.id, ours.id)
        assert counts_of_brands(connection, workspace.id, ours.id) == {}


def test_a_new_name_counts_nothing_again(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        brand = create_brand(connection, workspace.id, name="Ours", query="delta", now=NOW)
        store_annotated(connection, workspace.id, [(a_new_feedback("delta was late"), an_annotation())])
        assert brand_counts(connection, workspace) == {"Ours": 1}
        assert update_brand(connection, workspace.id, brand.id, name="Us", now=NOW).name == "Us"
        assert count_touched(connection) == 0
        assert brand_counts(connection, workspace) == {"Us": 1}


def test_refuses_bad_queries_taken_names_and_too_many(database: Database, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brands, "MOST_BRANDS", 2)
    with database.write() as connection:
        first = create_brand(connection, workspace.id, name="Ours", query="delta", now=NOW)
        with pytest.raises(InvalidQuery):
            create_brand(connection, workspace.id, name="Bad", query="(", now=NOW)
        with pytest.raises(InvalidQuery):
            update_brand(connection, workspace.id, first.id, query="a~", now=NOW)
        with pytest.raises(Conflict, match="Ours"):
            create_brand(connection, workspace.id, name="Ours", query="a", now=NOW)
        second = create_brand(connection, workspace.id, name="Theirs", query="a", now=NOW)
        with pytest.raises(Conflict, match="Ours"):
            update_brand(connection, workspace.id, second.id, name="Ours", now=NOW)
        with pytest.raises(InvalidInput, match="at most 2"):
            create_brand(connection, workspace.id, name="Third", query="a", now=NOW)


def test_only_its_own_workspace_sees_or_changes_a_brand(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        brand = create_brand(connection, workspace.id, name="Ours", query="delta", now=NOW)
        other = create_workspace(connection, "other", NOW)
        for call in (
            lambda: get_brand(connection, other.id, brand.id),
            lambda: update_brand(connection, other.id, brand.id, name="Mine", now=NOW),
            lambda: delete_brand(connection, other.id, brand.id),
        ):
            with pytest.raises(NotFound):
                call()
        assert get_brand(connection, workspace.id, brand.id) == brand
