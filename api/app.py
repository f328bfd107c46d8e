"""The API, built at the edge of a process from settings and parts: nothing here reads the environment."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from importlib import metadata

from anyio import to_thread
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api import (
    acknowledge_page,
    alert_stream,
    alerts,
    backtest,
    brands,
    channels,
    classify,
    corrections,
    deliveries,
    docs_page,
    feedback,
    health,
    imports,
    keys,
    metrics_page,
    policies,
    reannotation,
    rules,
    schedules,
    silences,
    similar,
    sources,
    taxonomy,
    themes,
    trends,
    why,
    workspace,
)
from api.alert_feed import AlertFeed
from api.auth import Caller, Doorkeeper, Keyring, check_auth_setting
from api.errors import add_error_handlers
from api.metrics import Metrics
from api.model import Model
from api.observe import Observe
from api.openapi import DescribedApp
from api.services import Services
from api.workspace_models import WorkspaceModels
from core.nudges import Nudge, no_nudge
from core.settings import Settings
from core.times import utcnow
from nlp.annotator import Annotator
from nlp.topics import load_taxonomy
from store.database import Database
from store.records import ConnectorSpec
from store.rules import ensure_default_rule
from store.secrets import Vault
from store.workspaces import create_workspace, find_workspace

THREADS = 16
"""Requests that may be in the database at once; more wait their turn, and /v1/classify never needs one."""
DESCRIPTION = """What customers say, in any language, and what it means: sentiment and topics of each piece of feedback,
themes over all of it, and an alert when complaints surge. Errors are `application/problem+json` (RFC 9457)."""
NOUNS = (
    classify, feedback, similar, corrections, imports, trends, themes, brands, sources, backtest, rules, alert_stream, alerts, why,
    channels, deliveries, silences, policies, schedules, keys, workspace, taxonomy, reannotation,
    health, metrics_page, docs_page, acknowledge_page,
)  # fmt: skip
"""One file each, with a `router`. `backtest` stands before `rules` and `alert_stream` before `alerts`: their paths would be read as ids."""


def create_app(
    settings: Settings,
    database: Database,
    *,
    annotator: Callable[[], Annotator],
    vault: Vault,
    connectors: Mapping[str, ConnectorSpec],
    nudge: Nudge = no_nudge,
    clock: Callable[[], datetime] = utcnow,
) -> FastAPI:
    """The ASGI app. `annotator` loads the model; it is called once, in a thread, when the server starts.

    Raises Misconfigured when KOE_AUTH is off and the address is not loopback.
    """
    check_auth_setting(settings)
    metrics = Metrics()
    model = Model(annotator, max_waiting_texts=settings.classify_queue)
    feed = AlertFeed(database, alert_stream.rendered)
    doorkeeper = Doorkeeper(Keyring(database, time.monotonic), open_to=None)
    workspace_models = WorkspaceModels(database, time.monotonic, model.open)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        if settings.auth == "off":
            doorkeeper.open_to = await to_thread.run_sync(default_caller, database, clock())
        await model.start()
        await feed.start()
        yield
        await feed.stop()
        await model.stop()
        await doorkeeper.keyring.settle()
        await workspace_models.settle()

    app = DescribedApp(
        title="Koe",
        version=_version(),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    app.state.doorkeeper = doorkeeper
    app.state.services = Services(
        settings=settings,
        database=database,
        vault=vault,
        nudge=nudge,
        clock=clock,
        connectors=connectors,
        taxonomy=load_taxonomy(),
        model=model,
        workspace_models=workspace_models,
        metrics=metrics,
        feed=feed,
    )
    for noun in NOUNS:
        app.include_router(noun.router)
    add_error_handlers(app)
    app.add_middleware(Observe, metrics=metrics)
    return app


def default_caller(database: Database, now: datetime) -> Caller:
    """Who everybody is with KOE_AUTH=off: the administrator of the workspace `default`."""
    with database.write() as connection:
        workspace = find_workspace(connection, "default") or create_workspace(connection, "default", now)
        ensure_default_rule(connection, workspace.id, now)
    return Caller(workspace.id, ("admin",), None)


def operation_id(route: APIRoute) -> str:
    """What generated clients call a call: `brands_make_brand`."""
    return f"{route.tags[0] if route.tags else 'page'}_{route.name}"


def _version() -> str:
    try:
        return metadata.version("koe")
    except metadata.PackageNotFoundError:
        return "unknown"
