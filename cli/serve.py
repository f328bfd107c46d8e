"""`koe serve` and `koe demo`: everything on this machine with one command, and at the very first start a key."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import note, say
from cli.setup import DEFAULT_WORKSPACE, load_settings, open_vault, prepare_home, reach_database, workspace_named
from core.errors import Misconfigured

if TYPE_CHECKING:
    from core.settings import Settings
    from store.database import Database

DEMO_HOME = Path("koe-demo")
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port of the API; 0 takes a free one. KOE_PORT otherwise.")]
Host = Annotated[str | None, typer.Option(help="Address the API listens on. KOE_HOST otherwise.")]


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)
    app.command("demo")(demo)


def serve(port: Port = None, host: Host = None) -> None:
    """Run the API, workers, schedule and broker on this machine until Ctrl-C."""
    settings = with_a_free_port(load_settings({"port": port, "host": host}))
    prepare_home(settings)
    database = reach_database(settings)
    database.upgrade()
    key = first_key(database)
    database.dispose()
    open_vault(settings)
    if key is not None:
        say_first_start(settings, key)
    _supervise(settings)


def demo(
    port: Port = None,
    host: Host = None,
    home: Annotated[Path, typer.Option(help="Data folder of the demonstration.")] = DEMO_HOME,
) -> None:
    """The same with three weeks of made-up feedback and a surge of delivery complaints that begins now."""
    from cli.demo.load import load_demo
    from core.times import utcnow

    settings = with_a_free_port(demo_settings(home, port, host))
    prepare_home(settings)
    database = reach_database(settings)
    database.upgrade()
    note("Loading the demonstration: half a minute the first time, a few seconds later on")
    key = load_demo(settings, database, now=utcnow())
    database.dispose()
    open_vault(settings)
    say_demo(settings, key)
    _supervise(settings)


def demo_settings(home: Path, port: int | None = None, host: str | None = None) -> "Settings":
    """Those of the user, but for the database and the broker: made-up feedback and a surge that pages have no place in real ones."""
    return load_settings({"port": port, "host": host, "home": home, "database_url": "", "broker_url": ""})


def _supervise(settings: "Settings") -> None:
    from cli.children import serve as supervise
    from core.logs import configure_logs

    configure_logs(settings.log_level, settings.log_format)
    raise typer.Exit(supervise(settings, on_ready=lambda: note(f"Koe is ready at {url_of(settings)} (Ctrl-C stops it)")))


def with_a_free_port(settings: "Settings") -> "Settings":
    """The settings with a port that can be listened on. Raises Misconfigured when the wanted one is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            hint = f"give another with --port, or stop what listens there ({error.strerror})"
            raise Misconfigured(f"port {settings.port} of {settings.host} cannot be used: {hint}") from None
        return settings.model_copy(update={"port": listener.getsockname()[1]})


def url_of(settings: "Settings") -> str:
    """Where a browser on this machine finds the API."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 # a name for everywhere, not a bind
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{settings.port}"


def first_key(database: "Database") -> str | None:
    """At the very first start the workspace `default` and an admin key, in plain; None ever after, for a key is shown once."""
    from core.times import utcnow
    from store.keys import create_key, list_keys
    from store.rules import ensure_default_rule

    now = utcnow()
    workspace = workspace_named(database, DEFAULT_WORKSPACE, now)
    with database.write() as connection:
        if any("admin" in key.scopes for key in list_keys(connection, workspace.id)):
            return None
        ensure_default_rule(connection, workspace.id, now)
        _, plain = create_key(connection, workspace.id, name="first start", scopes=("admin",), now=now)
    return plain


def say_first_start(settings: "Settings", key: str) -> None:
    """The only time that the key is seen."""
    url = url_of(settings)
    say(f"""
  Koe is set up in {settings.home.absolute()}
  Admin key (shown this once, keep it):  {key}

  API    {url}
  Docs   {url}/docs

  Try it:
    curl -s {url}/v1/classify -H 'Authorization: Bearer {key}' \\
      -H 'Content-Type: application/json' -d '{{"texts": ["配送が二週間も遅れています。", "I love the new app!"]}}'
""")


def say_demo(settings: "Settings", key: str) -> None:
    """Three calls that show what the demonstration holds."""
    url, bearer = url_of(settings), f"-H 'Authorization: Bearer {key}'"
    say(f"""
  The demonstration is in {settings.home.absolute()}; its key of this start:  {key}

  API    {url}
  Docs   {url}/docs

  Trends by day and sentiment, themes, and (within a minute) the alert about deliveries:
    curl -s '{url}/v1/trends?interval=1d&group=sentiment' {bearer}
    curl -s '{url}/v1/themes' {bearer}
    curl -s '{url}/v1/alerts' {bearer}
""")
