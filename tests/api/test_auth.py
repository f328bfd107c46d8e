"""Keys: who may do what, how quickly a revoked one stops, and what KOE_AUTH=off lets through."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI

from api.app import create_app
from api.auth import Keyring, is_loopback
from api.remembered import FRESH_SECONDS, STALE_SECONDS
from core.errors import Misconfigured, TransientError
from core.settings import Settings
from nlp.annotator import Annotator
from store.database import Database
from store.keys import create_key, revoke_key
from store.records import KEY_SCOPES, KeyScope
from store.secrets import Vault
from tests.api.client import Client, client_of
from tests.api.conftest import MakeKey
from tests.builders import NOW

CALLS: list[tuple[KeyScope, str, str]] = [
    ("classify", "POST", "/v1/classify"),
    ("ingest", "POST", "/v1/feedback"),
    ("ingest", "POST", "/v1/imports"),
    ("read", "GET", "/v1/feedback"),
    ("read", "GET", "/v1/trends"),
    ("manage", "DELETE", "/v1/feedback/1"),
    ("manage", "POST", "/v1/brands"),
    ("admin", "GET", "/v1/keys"),
]


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "koe_x", "Bearer koe_x", "Bearer koe_deadbeef_" + "A" * 43, "Bearer " + "k" * 9000]
)
def test_without_a_known_key_nothing_is_answered(api: Client, header: str) -> None:
    answer = api.with_key(None).get("/v1/feedback", headers={"Authorization": header})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="koe"')
    assert answer.json()["type"] == "urn:koe:unauthorized"


def test_two_authorization_headers_are_not_a_way_in(api: Client) -> None:
    headers = [("Authorization", "Bearer koe_x"), ("Authorization", f"Bearer {api.key}")]
    assert api.with_key(None).get("/v1/keys", headers=headers).status_code == 401


@pytest.mark.parametrize(("scope", "method", "path"), CALLS)
def test_a_key_without_the_scope_is_told_which_one_is_needed(
    api: Client, make_key: MakeKey, scope: KeyScope, method: str, path: str
) -> None:
    others = [one for one in KEY_SCOPES if one not in {scope, "admin"}]
    answer = api.with_key(make_key(*others)).request(method, path)
    assert (answer.status_code, answer.json()["scope"]) == (403, scope)


@pytest.mark.parametrize(("scope", "method", "path"), CALLS)
def test_a_key_with_the_scope_passes_the_door(api: Client, make_key: MakeKey, scope: KeyScope, method: str, path: str) -> None:
    assert api.with_key(make_key(scope)).request(method, path).status_code not in {401, 403}


def test_the_key_is_checked_before_a_body_is_read(api: Client) -> None:
    answer = api.with_key(None).post("/v1/feedback", content=b"x" * 70_000_000, headers={"Content-Type": "application/json"})
    assert answer.status_code == 401


def test_a_key_is_shown_once_and_a_revoked_one_stops_at_once_in_this_process(api: Client) -> None:
    made = api.post("/v1/keys", json={"name": "desk", "scopes": ["read", "classify"]}).json()
    desk = api.with_key(made["key"])
    assert (made["scopes"], desk.get("/v1/taxonomy").status_code) == (["classify", "read"], 200)
    assert made["key"] not in api.get("/v1/keys").text
    assert api.delete(f"/v1/keys/{made['id']}").status_code == 204
    assert desk.get("/v1/taxonomy").status_code == 401


class Ticks:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def in_a_loop(test: Callable[[], object]) -> None:
    asyncio.run(test())  # type: ignore[arg-type]


def test_a_remembered_key_needs_no_database_and_a_revoked_one_is_forgotten_in_seconds(sqlite_database: Database) -> None:
    from store.workspaces import create_workspace

    database, ticks = sqlite_database, Ticks()
    with database.write() as connection:
        workspace = create_workspace(connection, "acme", NOW)
        key, plain = create_key(connection, workspace.id, name="test", scopes=("read",), now=NOW)

    async def scenario() -> None:
        keyring = Keyring(database, ticks)
        assert await keyring.find(plain) == key
        with database.write() as connection:
            revoke_key(connection, workspace.id, key.id, NOW)
        ticks.now += FRESH_SECONDS - 0.1
        assert await keyring.find(plain) == key
        ticks.now += 0.2  # stale: passes once more, and is looked up beside the request
        assert await keyring.find(plain) == key
        await keyring.settle()
        assert await keyring.find(plain) is None

    in_a_loop(scenario)


def test_a_key_that_was_idle_is_looked_up_before_it_passes(sqlite_database: Database) -> None:
    from store.workspaces import create_workspace

    database, ticks = sqlite_database, Ticks()
    with database.write() as connection:
        workspace = create_workspace(connection, "acme", NOW)
        key, plain = create_key(connection, workspace.id, name="test", scopes=("read",), now=NOW)

    async def scenario() -> None:
        keyring = Keyring(database, ticks)
        await keyring.find(plain)
        with database.write() as connection:
            revoke_key(connection, workspace.id, key.id, NOW)
        ticks.now += STALE_SECONDS
        assert await keyring.find(plain) is None

    in_a_loop(scenario)


def test_a_database_that_is_away_stops_nobody_who_was_here_seconds_ago(sqlite_database: Database, tmp_path: Path) -> None:
    from store.workspaces import create_workspace

    database, ticks = sqlite_database, Ticks()
    with database.write() as connection:
        workspace = create_workspace(connection, "acme", NOW)
        key, plain = create_key(connection, workspace.id, name="test", scopes=("read",), now=NOW)

    async def scenario() -> None:
        keyring = Keyring(database, ticks)
        assert await keyring.find(plain) == key
        keyring._database = Database("postgresql://nobody@127.0.0.1:1/none")
        ticks.now += FRESH_SECONDS
        assert await keyring.find(plain) == key
        await keyring.settle()
        with pytest.raises(TransientError):
            await keyring.find("koe_deadbeef_another")

    in_a_loop(scenario)


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True), ("LocalHost", True)]
)
def test_knows_loopback(host: str, expected: bool) -> None:  # noqa: FBT001
    assert is_loopback(host) is expected


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", "localhost.example.com", ""])  # noqa: S104
def test_auth_off_is_refused_unless_bound_to_loopback(sqlite_database: Database, tmp_path: Path, host: str) -> None:
    settings = Settings(home=tmp_path, auth="off", host=host)
    with pytest.raises(Misconfigured, match="KOE_AUTH"):
        create_app(settings, sqlite_database, annotator=unneeded, vault=Vault("x" * 32), connectors={})


def unneeded() -> Annotator:
    raise Misconfigured("no model in this test")


@pytest.fixture
def open_app(sqlite_database: Database, tmp_path: Path) -> FastAPI:
    settings = Settings(home=tmp_path, auth="off")
    return create_app(settings, sqlite_database, annotator=unneeded, vault=Vault("x" * 32), connectors={})


def test_with_auth_off_everybody_on_this_machine_is_the_workspace_default(open_app: FastAPI) -> None:
    with client_of(open_app) as api:
        assert api.get("/v1/workspace").json()["name"] == "default"


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": ""}],
)
def test_with_auth_off_no_foreign_web_page_gets_in(open_app: FastAPI, headers: dict[str, str]) -> None:
    with client_of(open_app) as api:
        answer = api.get("/v1/workspace", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:koe:forbidden")
