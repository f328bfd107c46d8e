"""Keys of the API."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import select

from core.errors import InvalidInput, NotFound
from store.database import Database
from store.keys import authenticate, create_key, list_keys, revoke_key
from store.records import Key, Workspace
from store.tables import keys
from store.workspaces import create_workspace
from tests.builders import NOW


def make(database: Database, workspace: Workspace) -> tuple[Key, str]:
    with database.write() as connection:
        return create_key(connection, workspace.id, name="ci", scopes=["read", "ingest"], now=NOW)


def test_a_key_opens_its_workspace_and_is_stored_as_a_digest(database: Database, workspace: Workspace) -> None:
    key, plain = make(database, workspace)
    assert re.fullmatch(r"koe_[0-9a-f]{8}_[\w-]{43}", plain)
    assert (key.workspace_id, key.scopes) == (workspace.id, ("ingest", "read"))
    with database.read() as connection:
        assert authenticate(connection, plain) == key
        assert plain[13:] not in str(connection.execute(select(keys)).all())


def test_nothing_else_opens_it(database: Database, workspace: Workspace) -> None:
    key, plain = make(database, workspace)
    with database.read() as connection:
        for wrong in (
            "",
            "koe",
            "koe__",
            plain[:-1],
            plain + "x",
            plain.swapcase(),
            f"koe_{key.prefix}_",
            "\ud800",
            "\x00",
            plain.replace("koe", "eok"),
        ):
            assert authenticate(connection, wrong) is None


def test_a_revoked_key_opens_nothing_and_stays_in_the_list(database: Database, workspace: Workspace) -> None:
    key, plain = make(database, workspace)
    with database.write() as connection:
        revoke_key(connection, workspace.id, key.id, NOW)
        assert authenticate(connection, plain) is None
        assert list_keys(connection, workspace.id) == [replace(key, revoked_at=NOW)]


def test_only_its_own_workspace_revokes_a_key(database: Database, workspace: Workspace) -> None:
    key, plain = make(database, workspace)
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
        with pytest.raises(NotFound):
            revoke_key(connection, other.id, key.id, NOW)
        assert authenticate(connection, plain) == key


@pytest.mark.parametrize("scopes", [[], ["root"], ["read", "write"]])
def test_refuses_unknown_scopes(database: Database, workspace: Workspace, scopes: list[str]) -> None:
    with database.write() as connection, pytest.raises(InvalidInput, match="classify, ingest, read"):
        create_key(connection, workspace.id, name="ci", scopes=scopes, now=NOW)  # type: ignore[arg-type]
