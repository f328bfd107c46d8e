"""One door to the database: `read()` sees one moment and changes nothing, `write()` is all or nothing."""

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import InvalidInput, Misconfigured, TransientError
from store.dialect import to_json

BUSY_SECONDS = 30
"""How long a writer of SQLite waits for the one before it."""
PRIMARY = 0xFF
"""The bits of an extended result code of SQLite that say what happened; those above say why."""
MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 5_648_291
"""Key of the PostgreSQL advisory lock that lets one process migrate at a time; any number that nobody else uses."""


class Database:
    """SQLite or PostgreSQL behind one URL. Safe to share between threads, and to carry over a fork.

    Both doors raise TransientError when the database is away, busy for too long, or chose this transaction to end a deadlock.
    """

    def __init__(self, url: str) -> None:
        self.url = _parse(url)
        self._engines: dict[int, Engine] = {}

    @property
    def name(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.url.get_backend_name()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only snapshot: rows written meanwhile are not seen."""
        options: dict[str, Any] = {"koe_begin": "BEGIN"}
        if self.name == "postgresql":
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._connect(options) as connection:
            if self.name == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only = ON")
            try:
                yield connection
            finally:
                if self.name == "sqlite" and not connection.invalidated:
                    connection.exec_driver_sql("PRAGMA query_only = OFF")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed at the end of the block, undone by an exception.

        SQLite: BEGIN IMMEDIATE, for a plain BEGIN fails when it turns from reading to writing beside another writer.
        """
        with self._connect({"koe_begin": "BEGIN IMMEDIATE"}) as connection:
            yield connection

    def upgrade(self, revision: str = "head") -> None:
        """Migrate up to `revision`; several processes may try at once."""
        with self._migrating() as config:
            command.upgrade(config, revision)

    def downgrade(self, revision: str) -> None:
        """Migrate down to `revision` ("base" empties the database). Raises InvalidInput for one that does not exist."""
        with self._migrating() as config:
            try:
                command.downgrade(config, revision)
            except CommandError as error:
                raise InvalidInput(f"cannot go to revision {revision!r}: {error}") from None

    def is_current(self) -> bool:
        """Whether the schema is the one this version of Koe needs."""
        return self.revision() == ScriptDirectory(str(MIGRATIONS)).get_current_head()

    def revision(self) -> str | None:
        """The migration that the schema is at; None for an empty database."""
        with self.read() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def ping(self) -> None:
        """Raises TransientError when the database does not answer."""
        with self.read() as connection:
            connection.execute(text("SELECT 1"))

    def dispose(self) -> None:
        """Close every connection of this process; the next use opens new ones."""
        engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.dispose()

    @contextmanager
    def _connect(self, options: dict[str, Any]) -> Iterator[Connection]:
        try:
            with self._engine().connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            if _is_mistake(error):
                raise
            raise TransientError(f"database {self.url.render_as_string()}: {_reason(error)}") from error

    @contextmanager
    def _migrating(self) -> Iterator[Config]:
        with self.write() as connection:
            if self.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
            yield config

    def _engine(self) -> Engine:
        # A forked child must not speak on its parent's connections, nor close them: it makes its own and keeps the old object alive.
        if os.getpid() not in self._engines:
            self._engines[os.getpid()] = self._make_engine()
        return self._engines[os.getpid()]

    def _make_engine(self) -> Engine:
        # hide_parameters: they are customers' texts, and errors are logged.
        options: dict[str, Any] = {"hide_parameters": True, "json_serializer": to_json, "pool_size": 5, "max_overflow": 40}
        if self.name == "postgresql":
            return create_engine(self.url, pool_pre_ping=True, connect_args={"connect_timeout": 10}, **options)
        Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(self.url, connect_args={"timeout": BUSY_SECONDS}, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Misconfigured("KOE_DATABASE_URL is no URL: sqlite:///path/to/file or postgresql://user:password@host/name") from None
    if parsed.drivername in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise Misconfigured(f"KOE_DATABASE_URL: no database {parsed.drivername!r}; valid are sqlite:///file and postgresql://...")
    if parsed.drivername == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise Misconfigured("KOE_DATABASE_URL: SQLite needs a file that several processes can open: sqlite:///path/to/file")
    return parsed


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # sqlite3 would begin transactions by itself, and too late
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    _keep_a_log(connection)
    for pragma in ("synchronous = NORMAL", "foreign_keys = ON", "temp_store = MEMORY", "cache_size = -16384"):
        connection.execute(f"PRAGMA {pragma}")


def _keep_a_log(connection: sqlite3.Connection) -> None:
    """Write-ahead logging, which stays with the file. Of connections that set it at once on a new file SQLite refuses some without waiting:
    those that read already, whose wait would be a deadlock."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & PRIMARY != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.005, 0.05))
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("koe_begin", "BEGIN"))


def _is_mistake(error: Exception) -> bool:
    """SQLite calls a wrong statement or a missing table an operational error too; trying again would not help."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def _reason(error: Exception) -> str:
    """The driver's own words, without statement and values."""
    return str(error.orig if isinstance(error, DBAPIError) else error).strip().split("\n")[0]
