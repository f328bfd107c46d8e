"""One process each: `koe api`, `koe worker`, `koe beat`. `koe serve` starts them all; on several machines a process manager does."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.setup import load_settings, open_database, open_vault

if TYPE_CHECKING:
    from core.settings import Settings

GRACE_SECONDS = 10
"""How long requests that run may take once the API was asked to stop."""


TURN_SECONDS = 0.001
"""So long a thread may compute in Python while another waits: with the usual 5 ms, the event loop and a single text would wait as long at
each of their steps while long texts are prepared."""
STARTUP_FAILED = 3
"""What uvicorn exits with when the application does not start, or the port is taken."""


class Queue(StrEnum):
    """What a worker works on: the model, everything around it, or both, in a process each."""

    ANNOTATE = "annotate"
    STAGES = "stages"
    ALL = "all"


def register(app: typer.Typer) -> None:
    app.command("api")(api)
    app.command("worker")(worker)
    app.command("beat")(beat)


def api(
    host: Annotated[str | None, typer.Option(help="Address to listen on; KOE_HOST otherwise.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; KOE_PORT otherwise.")] = None,
) -> None:
    """Answer HTTP requests in one process; several may stand behind one address."""
    settings = load_settings({"host": host, "port": port})
    _configure_logs(settings)
    serve_api(settings)


def serve_api(settings: "Settings") -> None:
    """Answer until SIGTERM or SIGINT."""
    import uvicorn

    from api.app import create_app
    from api.protocol import Protocol
    from nlp.annotator import load_annotator
    from scrapers.table import specs
    from workers.nudging import make_nudge

    app = create_app(
        settings,
        open_database(settings),
        annotator=lambda: load_annotator(settings),
        vault=open_vault(settings),
        connectors=specs(),
        nudge=make_nudge(settings),
    )
    # The application logs its requests itself: an access log would hold what people searched for.
    config = uvicorn.Config(
        app,
        http=Protocol,
        host=settings.host,
        port=settings.port,
        log_config=None,
        log_level="debug" if settings.log_level == "debug" else "warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    sys.setswitchinterval(TURN_SECONDS)
    server = uvicorn.Server(config)
    app.state.services.feed.stopping = lambda: server.should_exit  # a stream has no end of its own to wait for
    server.run()
    if not server.started:
        raise typer.Exit(STARTUP_FAILED)


def worker(
    queue: Annotated[Queue, typer.Option(help="annotate: the model; stages: collecting, importing, counting, detecting, ...")] = Queue.ALL,
) -> None:
    """Work off the queues; any number of these may run, on any machine."""
    settings = load_settings()
    _configure_logs(settings)
    open_database(settings).dispose()
    raise typer.Exit(_work(settings, queue))


def _work(settings: "Settings", queue: Queue) -> int:
    import asyncio

    from cli.children import environment_of
    from cli.supervisor import Child, supervise
    from workers.process import run_worker

    if queue is not Queue.ALL:
        return run_worker(settings, "annotate" if queue is Queue.ANNOTATE else "stages")
    both = [Child(one.value, (sys.executable, "-m", "cli.main", "worker", "--queue", one.value)) for one in (Queue.ANNOTATE, Queue.STAGES)]
    return asyncio.run(supervise([both], environment=environment_of(settings)))


def beat() -> None:
    """Wake the stages on their schedule; one of these is enough, two do no harm."""
    from workers.beat import run_beat

    settings = load_settings()
    _configure_logs(settings)
    raise typer.Exit(run_beat(settings))


def _configure_logs(settings: "Settings") -> None:
    from core.logs import configure_logs

    configure_logs(settings.log_level, settings.log_format)
