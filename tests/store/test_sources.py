"""Sources and imports on both databases: cursor and rows together, claims that end, and work that goes on where it broke off."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from core.errors import Conflict, NotFound
from store.database import Database
from store.feedback import add_new
from store.imports import (
    MOST_CLAIMS,
    append_bytes,
    claim_import,
    complete_upload,
    create_import,
    delete_import,
    finish_import,
    get_import,
    list_imports,
    read_bytes,
    release_import,
    save_progress,
)
from store.records import Import, RejectedRow, Source, Workspace
from store.secrets import Vault
from store.sources import (
    claim_due_sources,
    claim_source,
    create_source,
    delete_source,
    finish_pull,
    get_source,
    list_sources,
    options_of,
    run_source_now,
    save_page,
    update_source,
)
from store.workspaces import create_workspace
from tests.builders import NOW, a_new_feedback

LEASE = timedelta(minutes=2)
VAULT = Vault("a secret that is long enough")


def a_source(connection: Connection, workspace_id: str, name: str = "news") -> Source:
    options = {"url": "https://example.com/feed", "token": "hush"}
    return create_source(
        connection, workspace_id, name=name, connector="rss", options=options, secrets=("token",), every_seconds=600, now=NOW, vault=VAULT
    )  # fmt: skip


def test_secret_options_are_sealed_and_opened_for_the_pull_alone(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        source = a_source(connection, workspace.id)
        assert options_of(connection, source, VAULT) == {"url": "https://example.com/feed", "token": "hush"}
        assert "hush" not in str(connection.exec_driver_sql("SELECT * FROM sources").all())
    assert dict(source.options) == {"url": "https://example.com/feed"}


def test_a_source_is_due_at_once_then_on_its_schedule(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        a_source(connection, workspace.id)
        (claimed,) = claim_due_sources(connection, limit=5, now=NOW, lease=LEASE)
        assert claim_due_sources(connection, limit=5, now=NOW, lease=LEASE) == []
        finish_pull(connection, claimed, now=NOW, error=None)
        assert claim_due_sources(connection, limit=5, now=NOW + timedelta(seconds=599), lease=LEASE) == []
        assert len(claim_due_sources(connection, limit=5, now=NOW + timedelta(seconds=600), lease=LEASE)) == 1


def test_a_claim_of_a_dead_worker_ends_with_its_lease(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        source = a_source(connection, workspace.id)
        claim_due_sources(connection, limit=5, now=NOW, lease=LEASE)
        assert claim_source(connection, workspace.id, source.id, now=NOW, lease=LEASE) is None
        assert claim_source(connection, workspace.id, source.id, now=NOW + LEASE, lease=LEASE) is not None


def test_rows_and_cursor_are_saved_together_or_not_at_all(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        source = a_source(connection, workspace.id)

    def die_before_the_commit() -> None:
        with database.write() as connection:
            save_page(connection, source, [a_new_feedback()], "page 2", NOW, LEASE)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        die_before_the_commit()
    with database.write() as connection:
        assert get_source(connection, workspace.id, source.id).cursor is None
        save_page(connection, source, [a_new_feedback(external_id="a"), a_new_feedback(external_id="b")], "page 2", NOW, LEASE)
        save_page(connection, source, [a_new_feedback(external_id="b")], "page 3", NOW, LEASE)
        after = get_source(connection, workspace.id, source.id)
    assert (after.cursor, after.status.stored) == ("page 3", 2)


def test_each_failure_in_a_row_waits_longer_and_a_success_forgets_them(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        waits = []
        source = a_source(connection, workspace.id)
        for _ in range(3):
            finish_pull(connection, get_source(connection, workspace.id, source.id), now=NOW, error="answered 500")
            waits.append((get_source(connection, workspace.id, source.id).next_pull_at - NOW).total_seconds())
        assert waits == [600, 1200, 2400]
        finish_pull(connection, get_source(connection, workspace.id, source.id), now=NOW, error=None)
        after = get_source(connection, workspace.id, source.id)
    assert (after.status.failures, after.status.last_error, after.status.last_success_at) == (0, None, NOW)


def test_new_options_start_the_cursor_anew_and_keep_secrets_that_are_not_named(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        source = a_source(connection, workspace.id)
        save_page(connection, source, [], "page 9", NOW, LEASE)
        changed = update_source(
            connection, workspace.id, source.id, now=NOW, vault=VAULT, options={"url": "https://example.com/other"}, enabled=False
        )  # fmt: skip
        assert options_of(connection, changed, VAULT) == {"url": "https://example.com/other", "token": "hush"}
        assert (changed.cursor, changed.enabled, changed.name) == (None, False, "news")
        assert claim_due_sources(connection, limit=5, now=NOW, lease=LEASE) == []


def test_a_source_that_brought_feedback_keeps_its_name(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        source = a_source(connection, workspace.id)

        def rename(name: str) -> str:
            return update_source(connection, workspace.id, source.id, now=NOW, vault=VAULT, name=name).name

        assert rename("gazette") == "gazette"
        (claimed,) = claim_due_sources(connection, limit=5, now=NOW, lease=LEASE)
        with pytest.raises(Conflict, match="filed under this name"):
            rename("while it is pulled")
        finish_pull(connection, claimed, now=NOW, error=None)
        with pytest.raises(Conflict, match="filed under this name"):
            rename("later, for nothing new came of what was there already")
        assert rename("gazette") == "gazette"


def test_sources_belong_to_their_workspace(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "rival", NOW)
        source = a_source(connection, workspace.id)
        assert list_sources(connection, other.id) == []
        with pytest.raises(Conflict):
            a_source(connection, workspace.id)
        for look in (get_source, delete_source):
            with pytest.raises(NotFound):
                look(connection, other.id, source.id)
        with pytest.raises(NotFound):
            run_source_now(connection, other.id, source.id, NOW)
        delete_source(connection, workspace.id, source.id)
        assert list_sources(connection, workspace.id) == []


def an_import(connection: Connection, workspace_id: str, *, complete: bool = True) -> Import:
    made = create_import(connection, workspace_id, filename="a.csv", source="survey", mapping={}, now=NOW)
    for number, content in enumerate((b"text\n", b"good\n", b"bad\n")):
        append_bytes(connection, made.id, number, content)
    if complete:
        complete_upload(connection, workspace_id, made.id)
    return made


def test_an_upload_is_taken_only_when_it_is_complete(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        made = an_import(connection, workspace.id, complete=False)
        assert claim_import(connection, now=NOW, lease=LEASE) is None
        complete_upload(connection, workspace.id, made.id)
        claimed = claim_import(connection, now=NOW, lease=LEASE)
        assert claimed is not None
        assert (claimed.id, claimed.state, claimed.bytes_total) == (made.id, "running", 14)
        assert b"".join(read_bytes(connection, made.id)) == b"text\ngood\nbad\n"
        assert claim_import(connection, now=NOW, lease=LEASE) is None


def test_an_import_goes_on_at_the_row_where_its_worker_died(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        an_import(connection, workspace.id)
        claimed = claim_import(connection, now=NOW, lease=LEASE)
        assert claimed is not None
        stored = add_new(connection, workspace.id, [a_new_feedback()], now=NOW, live=False)
        rejects = [RejectedRow(3, "text is empty", "text")]
        save_progress(connection, claimed, rows_read=2, stored=stored, rejects=rejects, mapping={"text": "text"}, now=NOW, lease=LEASE)
        again = claim_import(connection, now=NOW + LEASE, lease=LEASE)
        assert again is not None
        assert (again.rows_read, again.created, again.rejected) == (2, 1, 1)
        release_import(connection, again)
        assert claim_import(connection, now=NOW + LEASE, lease=LEASE) is not None
        assert get_import(connection, workspace.id, again.id).rejects == tuple(rejects)


def test_a_finished_import_keeps_its_report_and_drops_its_bytes(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        an_import(connection, workspace.id)
        claimed = claim_import(connection, now=NOW, lease=LEASE)
        assert claimed is not None
        finish_import(connection, claimed, now=NOW)
        assert list(read_bytes(connection, claimed.id)) == []
        done = get_import(connection, workspace.id, claimed.id)
    assert (done.state, done.finished_at, done.error) == ("done", NOW, None)


def test_an_import_that_kills_its_workers_is_given_up_with_a_reason(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        made = an_import(connection, workspace.id)
        for claim in range(MOST_CLAIMS):
            assert claim_import(connection, now=NOW + claim * LEASE, lease=LEASE) is not None
        assert claim_import(connection, now=NOW + MOST_CLAIMS * LEASE, lease=LEASE) is None
        failed = get_import(connection, workspace.id, made.id)
    assert failed.state == "failed"
    assert "died 5 times" in (failed.error or "")


def test_imports_belong_to_their_workspace(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "rival", NOW)
        made = an_import(connection, workspace.id)
        assert list_imports(connection, other.id) == []
        for look in (get_import, delete_import):
            with pytest.raises(NotFound):
                look(connection, other.id, made.id)
        delete_import(connection, workspace.id, made.id)
        assert list_imports(connection, workspace.id) == []
