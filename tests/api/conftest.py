"""An app on the database of the test, a client with an administrator's key, and keys for others."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.app import create_app
from core.nudges import Stage
from core.settings import Settings
from store.database import Database
from store.keys import create_key
from store.records import ConnectorSpec, KeyScope, Workspace
from store.secrets import Vault
from store.workspaces import create_workspace
from tests.api.annotating import WordAnnotator
from tests.api.client import Client, client_of
from tests.api.connectors import CONNECTORS
from tests.builders import NOW

MakeKey = Callable[..., str]


class Clock:
    """Time stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now = (self.now + by).astimezone(UTC)


@pytest.fixture
def postgres_database(postgres_database: Database) -> Database:
    """Its ids begin at 1 in every test, as those of SQLite do: a test can name them."""
    with postgres_database.write() as connection:
        connection.execute(
            text("SELECT setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences WHERE schemaname = 'public'")
        )
    return postgres_database


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def annotator() -> WordAnnotator:
    return WordAnnotator()


@pytest.fixture
def nudges() -> list[Stage]:
    """What the app nudged, in order."""
    return []


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, classify_queue=300, max_upload_mb=3)


@pytest.fixture
def connectors() -> dict[str, ConnectorSpec]:
    return CONNECTORS


@pytest.fixture
def app(
    settings: Settings,
    database: Database,
    annotator: WordAnnotator,
    nudges: list[Stage],
    clock: Clock,
    connectors: dict[str, ConnectorSpec],
) -> FastAPI:
    return create_app(
        settings,
        database,
        annotator=lambda: annotator,
        vault=Vault("a secret for tests alone"),
        connectors=connectors,
        nudge=nudges.append,
        clock=clock,
    )


@pytest.fixture
def make_key(database: Database, workspace: Workspace) -> MakeKey:
    """`make_key("read")` -> a plain key of the workspace, or of the one given."""

    def make(*scopes: KeyScope, workspace_id: str = workspace.id) -> str:
        with database.write() as connection:
            return create_key(connection, workspace_id, name="test", scopes=scopes, now=NOW)[1]

    return make


@pytest.fixture
def api(app: FastAPI, make_key: MakeKey) -> Iterator[Client]:
    """A client of the workspace's administrator; the model is loaded."""
    with client_of(app, make_key("admin")) as client:
        client.wait_until_ready()
        yield client


@pytest.fixture
def stranger(api: Client, database: Database, make_key: MakeKey) -> Client:
    """The administrator of another workspace."""
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
    return api.with_key(make_key("admin", workspace_id=other.id))
