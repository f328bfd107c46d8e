"""Replacing annotations of older models is asked for, watched and stopped; what it does is the workers' business."""

from store.database import Database
from store.reannotations import begin_reannotation
from store.records import Workspace
from tests.api.client import Client
from tests.api.counted import put, said
from tests.builders import NOW

NEW = ("new", "1")


def begin(database: Database, workspace: Workspace) -> None:
    """As a worker does that has another model."""
    with database.write() as connection:
        begin_reannotation(connection, workspace.id, NEW, since=None, now=NOW)


def test_nothing_is_under_way_at_first(api: Client, database: Database, workspace: Workspace) -> None:
    assert api.get("/v1/reannotation").json()["model"] is None
    put(database, workspace.id, [said("late", "negative", at=NOW)])
    shown = api.get("/v1/reannotation").json()
    assert (shown["state"], shown["model"], shown["outdated"], shown["per_second"]) == (None, "koe-test-1", 0, None)
    assert shown["annotated"] == [{"model": "koe-test-1", "taxonomy": "1", "texts": 1}]


def test_is_asked_for_begun_by_a_worker_and_stopped(api: Client, database: Database, workspace: Workspace) -> None:
    put(database, workspace.id, [said("late", "negative", at=NOW)])
    asked = api.post("/v1/reannotation", json={"since": "2026-01-01"})
    assert (asked.status_code, asked.json()["state"], asked.json()["since"]) == (202, "asked", "2026-01-01T00:00:00Z")
    begin(database, workspace)
    shown = api.get("/v1/reannotation").json()
    assert (shown["state"], shown["model"], shown["outdated"], shown["waiting"]) == ("running", "new", 1, 1)
    assert [api.delete("/v1/reannotation").status_code for _ in range(2)] == [204, 204]
    assert api.get("/v1/reannotation").json()["state"] == "stopped"


def test_what_is_asked_for_in_one_workspace_is_no_matter_of_another(api: Client, stranger: Client) -> None:
    api.post("/v1/reannotation", json={})
    assert stranger.delete("/v1/reannotation").status_code == 204
    assert (api.get("/v1/reannotation").json()["state"], stranger.get("/v1/reannotation").json()["state"]) == ("asked", None)


def test_a_time_that_could_be_two_is_refused(api: Client) -> None:
    refused = api.post("/v1/reannotation", json={"since": "03/04/2026"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "since")
