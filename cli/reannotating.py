"""Replacing annotations of older models: asked for, stopped, shown and waited for, in one workspace or in all."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import typer

from cli.catch_up import POLL_SECONDS, workers_live
from cli.output import PARTIAL, Json, note, progress, say, say_json, say_table
from cli.setup import load_settings, open_database, quiet_logs, workspace_named
from core.times import parse_time, to_rfc3339, utcnow

if TYPE_CHECKING:
    from core.settings import Settings
    from store.database import Database
    from store.records import ReannotationProgress, Workspace

    Found = Sequence[tuple[Workspace, ReannotationProgress]]

TITLES = ("WORKSPACE", "STATE", "MODEL", "TAXONOMY", "OUTDATED", "WAITING", "DONE", "FAILED", "A SECOND", "LEFT")
UNFINISHED = ("asked", "running", "counting")


def run(workspace: str | None, since: str | None, action: Literal["ask", "wait", "stop", "status"], *, as_json: bool) -> None:
    """Do it, and show how far each workspace is."""
    from store.reannotations import ask_reannotation, stop_reannotation

    begin = None if since is None else parse_time(since, field="since")
    settings = load_settings()
    quiet_logs(settings)
    database = open_database(settings)
    tenants = _tenants(database, workspace)
    for tenant in tenants:
        with database.write() as connection:
            if action == "stop":
                stop_reannotation(connection, tenant.id)
            elif action != "status":
                ask_reannotation(connection, tenant.id, since=begin, now=utcnow())
    if action == "wait":
        _wait(settings, database, tenants)
    elif action == "ask":
        _wake(settings)
    found = _progress(database, tenants)
    if as_json:
        say_json([_outcome(tenant, one) for tenant, one in found])
    else:
        _say(found)
    if action == "ask" and not workers_live(database):
        note("no worker runs: it begins when one does (koe serve), or give --wait")
    if any(one.failed for _, one in found):
        raise typer.Exit(PARTIAL)


def _tenants(database: "Database", name: str | None) -> "list[Workspace]":
    from store.workspaces import list_workspaces

    if name is not None:
        return [workspace_named(database, name, utcnow())]
    with database.read() as connection:
        return list_workspaces(connection)


def _progress(database: "Database", tenants: "Sequence[Workspace]") -> "Found":
    from store.reannotations import reannotation_progress

    with database.read() as connection:
        return [(tenant, reannotation_progress(connection, tenant.id, utcnow())) for tenant in tenants]


def _wake(settings: "Settings") -> None:
    from workers.nudging import make_direct_nudge

    make_direct_nudge(settings)("annotate")


# --- waiting ---------------------------------------------------------------------------------------------------------


def _wait(settings: "Settings", database: "Database", tenants: "Sequence[Workspace]") -> None:
    """Until nothing is left to do in these workspaces: the workers do it where there are any, otherwise this process does."""
    from nlp.annotator import Annotator, load_annotator
    from workers import annotate, roll_up
    from workers.reannotate import Reannotator

    annotator: Annotator | None = None
    reannotator: Reannotator | None = None
    lease = timedelta(seconds=settings.lease_seconds)
    with progress("Annotating again", unit="texts") as bar:
        while True:
            found = _progress(database, tenants)
            left = sum(one.waiting for _, one in found)
            bar.at(sum(one.done for _, one in found), sum(one.done for _, one in found) + left)
            if not any(one.latest and one.latest.state in UNFINISHED for _, one in found):
                return
            if workers_live(database):
                time.sleep(POLL_SECONDS)
                continue
            annotator = annotator or load_annotator(settings)
            reannotator = reannotator or Reannotator(annotator, 0)
            over = time.monotonic() + POLL_SECONDS

            def enough(over: float = over) -> bool:
                return time.monotonic() >= over

            annotate.run(database, annotator, clock=utcnow, lease=lease, enough=enough, reannotator=reannotator)
            roll_up.run(database, clock=utcnow, enough=lambda: False)


# --- what is said ----------------------------------------------------------------------------------------------------


def _say(found: "Found") -> None:
    say_table(TITLES, [_row(tenant, one) for tenant, one in found])
    for tenant, one in found:
        for by in one.annotated:
            if (by.model, by.taxonomy) != one.versions:
                say(f"{tenant.name}: {by.texts:,} texts are annotated by {by.model} (taxonomy {by.taxonomy})")


def _row(tenant: "Workspace", one: "ReannotationProgress") -> tuple[str, ...]:
    model, taxonomy = one.versions or ("-", "-")
    numbers = [f"{number:,}" for number in (one.outdated, one.waiting, one.done, one.failed)]
    rate = "-" if one.per_second is None else f"{one.per_second:.1f}"
    return (tenant.name, one.latest.state if one.latest else "-", model, taxonomy, *numbers, rate, _left(one))


def _left(one: "ReannotationProgress") -> str:
    if not one.per_second:
        return "-"
    return str(timedelta(seconds=round(one.waiting / one.per_second)))


def _outcome(tenant: "Workspace", one: "ReannotationProgress") -> Json:
    latest, (model, taxonomy) = one.latest, one.versions or (None, None)
    return {
        "workspace": tenant.name,
        "state": latest.state if latest else None,
        "model": model,
        "taxonomy": taxonomy,
        "since": _moment(latest.since if latest else None),
        "asked_at": _moment(latest.asked_at if latest else None),
        "begun_at": _moment(latest.begun_at if latest else None),
        "finished_at": _moment(latest.finished_at if latest else None),
        "outdated": one.outdated,
        "waiting": one.waiting,
        "done": one.done,
        "failed": one.failed,
        "per_second": None if one.per_second is None else round(one.per_second, 2),
        "annotated": [{"model": by.model, "taxonomy": by.taxonomy, "texts": by.texts} for by in one.annotated],
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else to_rfc3339(moment)
