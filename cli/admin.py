"""What a workspace and its administrator configure by hand: the database, keys, brands, dimensions, workspaces."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import AsJson, Json, note, say, say_json, say_table
from cli.setup import DEFAULT_WORKSPACE, InWorkspace, load_settings, open_database, quiet_logs, reach_database, workspace_named
from core.errors import InvalidInput, Misconfigured, PermanentError

if TYPE_CHECKING:
    from datetime import datetime

    from store.database import Database
    from store.records import Brand, Key, KeyScope, Workspace

databases = typer.Typer(help="The schema of the database.", no_args_is_help=True)
keys = typer.Typer(help="Keys of the API.", no_args_is_help=True)
brands = typer.Typer(help="Brands: saved queries, ours or a competitor's.", no_args_is_help=True)
workspaces = typer.Typer(help="Workspaces: tenants that never see each other.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(keys, name="keys")
    app.add_typer(brands, name="brands")
    app.command("dimensions")(dimensions)
    app.add_typer(workspaces, name="workspaces")
    app.add_typer(databases, name="db")


def _open(workspace: str) -> "tuple[Database, Workspace, datetime]":
    from core.times import utcnow

    settings = load_settings()
    quiet_logs(settings)
    database, now = open_database(settings), utcnow()
    return database, workspace_named(database, workspace, now), now


# --- koe db ----------------------------------------------------------------------------------------------------------


@databases.command("upgrade")
def upgrade() -> None:
    """Bring the schema to this version; the first time also make the workspace `default` and print its admin key, once."""
    from cli.serve import first_key

    settings = load_settings()
    quiet_logs(settings)
    database = reach_database(settings)
    before = database.revision()
    database.upgrade()
    say(f"the database is at {database.revision()}" + (" already" if database.revision() == before else f" (was {before or 'empty'})"))
    key = first_key(database)
    if key is not None:
        say(f"admin key (shown this once, keep it): {key}")


@databases.command("downgrade")
def downgrade(
    revision: Annotated[str, typer.Argument(help="A revision, -1 for the one before, or base, which drops every table.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the schema back; rows that an older version cannot hold are lost, so make a backup first."""
    settings = load_settings()
    quiet_logs(settings)
    database = reach_database(settings)
    if not yes and not typer.confirm(f"Take {database.url.render_as_string()} back from {database.revision()} to {revision}?", err=True):
        raise typer.Abort
    database.downgrade(revision)
    say(f"the database is at {database.revision() or 'base'}")


@databases.command("current")
def current(as_json: AsJson = False) -> None:
    """The version of the schema, and whether it is the one this Koe needs; exit code 1 when it is not."""
    settings = load_settings()
    quiet_logs(settings)
    database = reach_database(settings)
    revision, wanted = database.revision(), database.is_current()
    if as_json:
        say_json({"revision": revision, "current": wanted})
    else:
        say(f"{revision or 'empty'} ({'current' if wanted else 'run koe db upgrade'})")
    if not wanted:
        raise typer.Exit(1)


@databases.command("copy")
def copy(
    target: Annotated[
        str, typer.Argument(metavar="URL", envvar="KOE_COPY_URL", help="An empty database, as KOE_DATABASE_URL would name it.")
    ],
) -> None:
    """Copy everything into another database, from SQLite to PostgreSQL, say; stop Koe first, then set KOE_DATABASE_URL to the copy.

    Ids stay, and what was erased stays erased. The secrets in it are sealed with KOE_SECRET, or the file `secret` in KOE_HOME: keep it.
    """
    from cli.catch_up import HEARTBEAT_SILENCE
    from core.times import utcnow
    from store.copying import copy_database
    from store.database import Database
    from store.heartbeats import alive

    settings = load_settings()
    quiet_logs(settings)
    database = open_database(settings)
    with database.read() as connection:
        at_work = sum(alive(connection, kind, utcnow() - HEARTBEAT_SILENCE) for kind in ("annotate", "stages", "beat"))
    if at_work:
        gone = int(HEARTBEAT_SILENCE.total_seconds())
        lost = "what it writes after the copy would be lost: stop it first, and wait"
        raise InvalidInput(f"Koe was at work on it within the last {gone} seconds; {lost}")
    try:
        made = Database(target)
    except Misconfigured as error:
        raise InvalidInput(str(error).replace("KOE_DATABASE_URL", "the target", 1), field="URL") from None
    folder = Path(str(made.url.database)).absolute().parent
    if made.name == "sqlite" and not folder.is_dir():
        raise InvalidInput(f"there is no folder {folder}", field="URL")
    copy_database(database, made, note=lambda table, rows: note(f"{table}: {rows:,} rows") if rows else None)
    say(f"copied to {made.url.render_as_string()}")


# --- koe keys --------------------------------------------------------------------------------------------------------


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scopes: Annotated[
        str, typer.Option("--scopes", help="Comma separated: classify, ingest, read, manage, admin.")
    ] = "classify,ingest,read",
    workspace: InWorkspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it; it is never shown again."""
    from store.keys import create_key as create

    wanted = _scopes(scopes)
    database, tenant, now = _open(workspace)
    with database.write() as connection:
        key, plain = create(connection, tenant.id, name=name, scopes=wanted, now=now)
    if as_json:
        say_json({**_key_json(key), "key": plain})
    else:
        say(plain)
        note(f"key {key.id} of workspace {tenant.name} ({', '.join(key.scopes)}); it is not shown again")


def _scopes(text: str) -> "list[KeyScope]":
    from store.records import KEY_SCOPES

    names = {name.strip() for name in text.split(",") if name.strip()}
    if not names or not names <= set(KEY_SCOPES):
        raise InvalidInput(f"--scopes {text!r}: give one or more of {', '.join(KEY_SCOPES)}")
    return [scope for scope in KEY_SCOPES if scope in names]


@keys.command("list")
def list_keys(workspace: InWorkspace = DEFAULT_WORKSPACE, as_json: AsJson = False) -> None:
    """Every key, revoked ones too; never the keys themselves."""
    from store.keys import list_keys as list_all

    database, tenant, _ = _open(workspace)
    with database.read() as connection:
        found = list_all(connection, tenant.id)
    if as_json:
        say_json([_key_json(key) for key in found])
    else:
        rows = [
            (key.id, key.name, f"koe_{key.prefix}_…", ",".join(key.scopes), "revoked" if key.revoked_at else "in force") for key in found
        ]
        say_table(("ID", "NAME", "KEY", "SCOPES", "STATE"), rows)


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="Id of the key (koe keys list).")],
    workspace: InWorkspace = DEFAULT_WORKSPACE,
) -> None:
    """End a key; requests with it are refused from then on."""
    from store.keys import revoke_key as revoke

    database, tenant, now = _open(workspace)
    with database.write() as connection:
        revoked = revoke(connection, tenant.id, key, now)
    say(f"key {revoked.id} ({revoked.name}) is revoked")


def _key_json(key: "Key") -> dict[str, Json]:
    from core.times import to_rfc3339

    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "created_at": to_rfc3339(key.created_at),
        "revoked_at": None if key.revoked_at is None else to_rfc3339(key.revoked_at),
    }


# --- koe brands, dimensions, workspaces ------------------------------------------------------------------------------


@brands.command("add")
def add_brand(
    name: Annotated[str, typer.Argument(help="What the brand is called.")],
    query: Annotated[str, typer.Argument(help="Which feedback speaks of it, in Lucene syntax: '\"delta air\" OR @delta NOT river'.")],
    workspace: InWorkspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Save a brand; all stored feedback is counted for it again by the workers."""
    from store.brands import create_brand

    database, tenant, now = _open(workspace)
    with database.write() as connection:
        brand = create_brand(connection, tenant.id, name=name, query=query, now=now)
    _show_brands([brand], as_json=as_json)


@brands.command("list")
def list_brands(workspace: InWorkspace = DEFAULT_WORKSPACE, as_json: AsJson = False) -> None:
    """Every brand and its query."""
    from store.brands import list_brands as list_all

    database, tenant, _ = _open(workspace)
    with database.read() as connection:
        found = list_all(connection, tenant.id)
    _show_brands(found, as_json=as_json)


def _show_brands(found: "list[Brand]", *, as_json: bool) -> None:
    if as_json:
        say_json([{"id": brand.id, "name": brand.name, "query": brand.query} for brand in found])
    else:
        say_table(("ID", "NAME", "QUERY"), [(brand.id, brand.name, brand.query) for brand in found])


def dimensions(
    names: Annotated[list[str] | None, typer.Argument(help="Names of attributes, at most eight; none shows those in force.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Have none.")] = False,
    workspace: InWorkspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Say which attributes trends can be grouped by; all stored feedback is counted again by the workers."""
    from store.uses import check_dimensions_unused
    from store.workspaces import set_dimensions

    if names and clear:
        raise PermanentError("give names or --clear, not both")
    database, tenant, now = _open(workspace)
    if names or clear:
        with database.write() as connection:
            check_dimensions_unused(connection, tenant.id, names or [])
            tenant = set_dimensions(connection, tenant.id, names or [], now)
    if as_json:
        say_json(list(tenant.dimensions))
    else:
        say(", ".join(tenant.dimensions) or "none")


@workspaces.command("add")
def add_workspace(name: Annotated[str, typer.Argument(help="What the workspace is called.")]) -> None:
    """Make a workspace, with the default rule; give it a key with `koe keys create --workspace NAME`."""
    from store.rules import ensure_default_rule
    from store.workspaces import create_workspace

    database, _, now = _open(DEFAULT_WORKSPACE)
    with database.write() as connection:
        made = create_workspace(connection, name, now)
        ensure_default_rule(connection, made.id, now)
    say(f"workspace {made.name} has id {made.id}")


@workspaces.command("list")
def list_workspaces(as_json: AsJson = False) -> None:
    """Every workspace and its dimensions."""
    from store.workspaces import list_workspaces as list_all

    database, _, _ = _open(DEFAULT_WORKSPACE)
    with database.read() as connection:
        found = list_all(connection)
    if as_json:
        say_json([{"id": one.id, "name": one.name, "dimensions": list(one.dimensions)} for one in found])
    else:
        say_table(("ID", "NAME", "DIMENSIONS"), [(one.id, one.name, ", ".join(one.dimensions)) for one in found])
