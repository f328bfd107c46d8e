"""What a command works with, built once at its edge: settings, logs, database, workspace, secrets."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import Misconfigured, NotFound, TransientError

if TYPE_CHECKING:
    from datetime import datetime

    from core.settings import Settings
    from store.database import Database
    from store.records import Workspace
    from store.secrets import Vault

DEFAULT_WORKSPACE = "default"
InWorkspace = Annotated[str, typer.Option("--workspace", help="Name of the workspace.")]


def load_settings(changes: Mapping[str, object] | None = None) -> "Settings":
    """Settings from KOE_* variables and koe.toml; `changes` are what the command line says, and win.

    Raises Misconfigured with the name of the variable that is wrong.
    """
    from pydantic import ValidationError
    from pydantic_settings.exceptions import SettingsError

    from core.settings import Settings

    given = {name: value for name, value in (changes or {}).items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type] # pydantic checks what the command line gave
    except ValidationError as error:
        wrong = "; ".join(f"KOE_{'.'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors())
        raise Misconfigured(f"{wrong} (docs/configuration.md describes every setting)") from None
    except (SettingsError, ValueError, OSError) as error:
        raise Misconfigured(f"koe.toml or a KOE_ variable cannot be read: {error}") from error


def quiet_logs(settings: "Settings") -> None:
    """A command for people shows warnings only, unless a level was asked for."""
    from core.logs import configure_logs

    configure_logs(settings.log_level if "log_level" in settings.model_fields_set else "warning", settings.log_format)


def prepare_home(settings: "Settings") -> None:
    """Make the data folder. Raises Misconfigured when it cannot be made or written."""
    home = settings.home.absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"the data folder {home} cannot be made ({error.strerror}): set KOE_HOME to another folder") from None
    if not os.access(home, os.W_OK | os.X_OK):
        raise Misconfigured(f"the data folder {home} cannot be written: change its owner, or set KOE_HOME to another folder")


def reach_database(settings: "Settings") -> "Database":
    """The database, answering, at whatever version. Raises Misconfigured with what to do."""
    from store.database import Database

    if not settings.database_url:
        prepare_home(settings)
    database = Database(settings.database())
    try:
        database.ping()
    except (TransientError, OSError) as error:
        raise Misconfigured(f"{error}; start the database, or correct KOE_DATABASE_URL") from None
    return database


def open_database(settings: "Settings") -> "Database":
    """The database at the version this Koe needs; an empty SQLite is made ready, an older one is left to `koe db upgrade`."""
    database = reach_database(settings)
    if database.is_current():
        return database
    if database.name == "sqlite" and database.revision() is None:
        database.upgrade()
        return database
    raise Misconfigured("the database is not at the version this Koe needs: run `koe db upgrade`")


def workspace_named(database: "Database", name: str, now: "datetime") -> "Workspace":
    """The workspace of that name; `default` is made when it is missing. Raises NotFound with the names there are."""
    from store.workspaces import create_workspace, find_workspace, list_workspaces

    with database.read() as connection:
        found = find_workspace(connection, name)
        names = [workspace.name for workspace in list_workspaces(connection)]
    if found is not None:
        return found
    if name != DEFAULT_WORKSPACE:
        raise NotFound(f"no workspace {name!r}; there are: {', '.join(names) or 'none'}")
    with database.write() as connection:
        return find_workspace(connection, name) or create_workspace(connection, name, now)


def open_vault(settings: "Settings") -> "Vault":
    """What seals secrets at rest; its key is made at the first use."""
    from store.secrets import Vault, load_or_create_secret

    prepare_home(settings)
    return Vault(load_or_create_secret(settings.home, settings.secret))


def existing_file(path: Path) -> Path:
    """Raises NotFound where there is no such file, or a folder."""
    if not path.is_file():
        raise NotFound(f"{path}: {'that is a folder' if path.is_dir() else 'no such file'}")
    return path
