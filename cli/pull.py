"""`koe sources` and `koe pull`: where feedback is fetched from, and fetching it now."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import PARTIAL, AsJson, Json, note, progress, say, say_json, say_table
from cli.setup import DEFAULT_WORKSPACE, InWorkspace, load_settings, open_database, open_vault, quiet_logs, workspace_named
from core.errors import InvalidInput, NotFound
from core.times import to_rfc3339, utcnow

if TYPE_CHECKING:
    from core.settings import Settings
    from store.database import Database
    from store.records import ConnectorSpec, Source
    from workers.collect import Collected

OFTENEST_SECONDS = 60
sources = typer.Typer(help="Sources: configured connectors that the workers pull on a schedule.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command("pull")(pull)
    app.add_typer(sources, name="sources")


@sources.command("connectors")
def list_connectors(as_json: AsJson = False) -> None:
    """The kinds of sources there are, and their options."""
    from scrapers.table import specs

    if as_json:
        say_json([_connector_json(spec) for spec in specs().values()])
        return
    for spec in specs().values():
        say(f"{spec.name}: {spec.description} (every {spec.every_seconds} s)")
        for option in spec.options:
            notes = [word for word, holds in (("required", option.required), ("secret", option.secret)) if holds]
            notes += [f"default {option.default}"] if option.default else []
            notes += [f"such as {option.example}"] if option.example else []
            say(f"  {option.name}: {option.description}" + (f" ({'; '.join(notes)})" if notes else ""))


@sources.command("add")
def add_source(
    name: Annotated[str, typer.Argument(help="What its feedback bears as `source`.")],
    connector: Annotated[str, typer.Argument(help="Kind of source (koe sources connectors).")],
    options: Annotated[list[str] | None, typer.Argument(help="The connector's options: key=value ...")] = None,
    *,
    every: Annotated[int | None, typer.Option(min=OFTENEST_SECONDS, help="Seconds between pulls; the connector's usual otherwise.")] = None,
    workspace: InWorkspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Make a source; the workers pull it at once, and then on its schedule."""
    from scrapers.table import specs
    from store.sources import create_source

    spec, values = _known(specs(), connector), _options(options or [])
    spec.check(values)
    settings = load_settings()
    quiet_logs(settings)
    database, now = open_database(settings), utcnow()
    tenant = workspace_named(database, workspace, now)
    with database.write() as connection:
        source = create_source(
            connection,
            tenant.id,
            name=name,
            connector=spec.name,
            options=values,
            secrets=frozenset(option.name for option in spec.options if option.secret),
            every_seconds=every or spec.every_seconds,
            now=now,
            vault=open_vault(settings),
        )
    _show([source], as_json=as_json)


def _known(specs: "Mapping[str, ConnectorSpec]", name: str) -> "ConnectorSpec":
    if name not in specs:
        raise InvalidInput(f"no connector {name!r}; there are: {', '.join(sorted(specs))} (koe sources connectors)")
    return specs[name]


def _options(pairs: Sequence[str]) -> dict[str, str]:
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise InvalidInput(f"option {wrong[0]!r}: give key=value, such as url=https://example.com/reviews.xml")
    return {key.strip(): value for key, _, value in (pair.partition("=") for pair in pairs)}


@sources.command("list")
def list_sources(workspace: InWorkspace = DEFAULT_WORKSPACE, as_json: AsJson = False) -> None:
    """Every source and how it fares; options that are secrets are not shown."""
    from store.sources import list_sources as list_all

    settings = load_settings()
    quiet_logs(settings)
    database = open_database(settings)
    tenant = workspace_named(database, workspace, utcnow())
    with database.read() as connection:
        found = list_all(connection, tenant.id)
    _show(found, as_json=as_json)


@sources.command("remove")
def remove_source(
    source: Annotated[str, typer.Argument(help="Name or id of the source.")],
    workspace: InWorkspace = DEFAULT_WORKSPACE,
) -> None:
    """Forget a source; its feedback stays."""
    from store.sources import delete_source
    from store.sources import list_sources as list_all

    settings = load_settings()
    quiet_logs(settings)
    database = open_database(settings)
    tenant = workspace_named(database, workspace, utcnow())
    with database.write() as connection:
        gone = named(list_all(connection, tenant.id), source)
        delete_source(connection, tenant.id, gone.id)
    say(f"source {gone.name} is removed; its feedback stays")


def named(found: "Sequence[Source]", wanted: str) -> "Source":
    """The source of that name, or id. Raises NotFound with the names there are."""
    chosen = [source for source in found if source.name == wanted] or [source for source in found if source.id == wanted]
    if not chosen:
        raise NotFound(f"no source {wanted!r}; there are: {', '.join(source.name for source in found) or 'none (koe sources add)'}")
    return chosen[0]


def _show(found: "Sequence[Source]", *, as_json: bool) -> None:
    if as_json:
        say_json([_source_json(source) for source in found])
        return
    rows = [
        (
            source.id,
            source.name,
            source.connector,
            _time(source.status.last_success_at),
            str(source.status.stored),
            source.status.last_error or "",
        )
        for source in found
    ]
    say_table(("ID", "NAME", "CONNECTOR", "LAST SUCCESS", "STORED", "ERROR"), rows)


def _time(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M}Z"


def _source_json(source: "Source") -> Json:
    status = source.status
    return {
        "id": source.id,
        "name": source.name,
        "connector": source.connector,
        "options": dict(source.options),
        "every_seconds": source.every_seconds,
        "enabled": source.enabled,
        "next_pull_at": to_rfc3339(source.next_pull_at),
        "last_success_at": None if status.last_success_at is None else to_rfc3339(status.last_success_at),
        "last_error": status.last_error,
        "failures": status.failures,
        "stored": status.stored,
    }


def _connector_json(spec: "ConnectorSpec") -> Json:
    options: list[Json] = [
        {
            "name": option.name,
            "description": option.description,
            "required": option.required,
            "secret": option.secret,
            "default": option.default,
            "example": option.example,
        }
        for option in spec.options
    ]
    return {"name": spec.name, "description": spec.description, "every_seconds": spec.every_seconds, "options": options}


# --- koe pull --------------------------------------------------------------------------------------------------------


def pull(
    source: Annotated[str | None, typer.Argument(help="Name or id of one source; every source that is due otherwise.")] = None,
    *,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return once all is annotated and counted.")] = True,
    workspace: InWorkspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Fetch now what the workers would fetch on schedule. Exit code 1 when a source failed or rows were refused."""
    from cli.catch_up import catch_up

    settings = load_settings()
    quiet_logs(settings)
    database = open_database(settings)
    tenant = workspace_named(database, workspace, utcnow())
    wanted = _wanted(database, tenant.id, source)
    pulled = _pull_each(settings, database, wanted, as_json=as_json)
    if wait:
        catch_up(settings, database)
    if as_json:
        say_json([{"source": one.name, **_counts(outcome)} for one, outcome in pulled])
    elif not wanted:
        note("no source is due; koe pull NAME pulls one all the same, koe sources list shows them")
    if any(outcome is None or outcome.errors or outcome.rejected for _, outcome in pulled):
        raise typer.Exit(PARTIAL)


def _wanted(database: "Database", workspace_id: str, name: str | None) -> "list[Source]":
    from store.sources import list_sources as list_all

    with database.read() as connection:
        found = list_all(connection, workspace_id)
    if name is not None:
        return [named(found, name)]
    return [source for source in found if source.enabled and source.next_pull_at <= utcnow()]


def _pull_each(
    settings: "Settings", database: "Database", wanted: "Sequence[Source]", *, as_json: bool
) -> "list[tuple[Source, Collected | None]]":
    from scrapers.http import Http
    from workers.collect import run_one

    http, vault = Http.open(settings.allowed_hosts), open_vault(settings)
    pulled: list[tuple[Source, Collected | None]] = []
    with progress("Pulling", unit="sources") as bar:
        for number, source in enumerate(wanted):
            bar.at(number, len(wanted))
            outcome = run_one(database, http, vault, source.workspace_id, source.id, folder=settings.home / "surveys", clock=utcnow)
            if not as_json:
                say(f"{source.name}: {_sentence(outcome)}")
                for reason in outcome.reasons if outcome else ():
                    note(f"  {reason}")
            pulled.append((source, outcome))
    http.close()
    return pulled


def _sentence(outcome: "Collected | None") -> str:
    if outcome is None:
        return "somebody else pulls it right now"
    counts = f"{outcome.created:,} new, {outcome.updated:,} updated, {outcome.unchanged:,} unchanged, {outcome.rejected:,} refused"
    return "; ".join((counts, *outcome.errors))


def _counts(outcome: "Collected | None") -> dict[str, Json]:
    if outcome is None:
        return {"busy": True}
    return {
        "busy": False,
        "created": outcome.created,
        "updated": outcome.updated,
        "unchanged": outcome.unchanged,
        "rejected": outcome.rejected,
        "reasons": list(outcome.reasons),
        "errors": list(outcome.errors),
    }
