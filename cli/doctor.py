"""`koe doctor`: every part that Koe stands on, whether it is well, and what to do when it is not. It changes nothing."""

import os
import platform
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from cli.output import PARTIAL, AsJson, say, say_json
from cli.setup import load_settings, quiet_logs, reach_database
from core.errors import KoeError

if TYPE_CHECKING:
    from core.settings import Settings
    from store.database import Database

State = Literal["ok", "warn", "fail"]
GIB = 1024**3
HEARTBEAT_SILENCE = timedelta(seconds=35)
"""Processes beat every ten seconds; three missed beats are no accident."""
OWN_VARIABLES = frozenset({"KOE_KEY", "KOE_SHARED"})
"""Variables that documents and tests use, beside those of tests, KOE_TEST_*; every other KOE_* variable should be a setting."""
BACKLOG_WORTH_SAYING = 10_000


@dataclass(frozen=True, slots=True)
class Check:
    """How one part is. `advice` is what to do, empty when it is well."""

    name: str
    state: State
    found: str
    advice: str = ""


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(as_json: AsJson = False) -> None:
    """Check the set-up, and say what to do where something is wrong; exit code 1 when something fails."""
    settings = load_settings()
    quiet_logs(settings)
    checks = list(examine(settings))
    if as_json:
        say_json([{"name": one.name, "state": one.state, "found": one.found, "advice": one.advice} for one in checks])
    else:
        for check in checks:
            say(f"{check.state:4}  {check.name:10}  {check.found}" + (f"\n{'':18}-> {check.advice}" if check.advice else ""))
    if any(check.state == "fail" for check in checks):
        raise typer.Exit(PARTIAL)


def examine(settings: "Settings") -> Iterator[Check]:
    """Every check, in the order in which problems should be solved."""
    yield check_python()
    yield check_packages()
    yield check_settings()
    yield check_home(settings)
    yield check_disk(settings)
    yield check_memory()
    yield check_secret(settings)
    yield check_auth(settings)
    yield check_model(settings)
    yield from check_database(settings)
    yield check_broker(settings)
    yield check_api(settings)


def check_python() -> Check:
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check("python", "ok", found)
    return Check("python", "fail", found, "use Python 3.11, 3.12 or 3.13: make clean, then make PYTHON=/path/to/python3.13 setup")


def check_packages() -> Check:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        koe = distribution("koe")
    except PackageNotFoundError:
        return Check("packages", "fail", "koe is not installed in this Python", "run make setup, and use .venv/bin/koe")
    # "httpx>=0.28" needs httpx; "torch==2.13.0; extra == 'gpu'" is optional.
    wanted = [requirement for requirement in koe.requires or [] if "extra ==" not in requirement]
    names = ["".join(letter if letter.isalnum() or letter in "-_." else " " for letter in requirement).split()[0] for requirement in wanted]
    missing = [name for name in names if not _is_installed(name)]
    if missing:
        return Check("packages", "fail", f"missing: {', '.join(missing)}", "run make setup")
    return Check("packages", "ok", f"koe {koe.version} and the {len(names)} packages it needs")


def _is_installed(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def check_settings() -> Check:
    from core.settings import Settings

    known = {f"KOE_{name}".upper() for name in Settings.model_fields} | OWN_VARIABLES
    given = sorted(name for name in os.environ if name.startswith("KOE_"))
    unknown = [name for name in given if name not in known and not name.startswith("KOE_TEST_")]
    if unknown:
        return Check("settings", "warn", f"not settings: {', '.join(unknown)}", "docs/configuration.md lists those there are")
    where = ", ".join(given) or "none"
    return Check("settings", "ok", f"variables: {where}" + ("; and koe.toml" if Path("koe.toml").is_file() else ""))


def check_home(settings: "Settings") -> Check:
    home = settings.home.absolute()
    if not home.exists():
        return Check("home", "warn", f"{home} is not there yet", "koe serve makes it; or set KOE_HOME to the right folder")
    if not home.is_dir() or not os.access(home, os.W_OK | os.X_OK):
        return Check("home", "fail", f"{home} cannot be written", "change its owner, or set KOE_HOME to another folder")
    return Check("home", "ok", str(home))


def check_disk(settings: "Settings") -> Check:
    folder = next(path for path in (settings.home.absolute(), *settings.home.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free / GIB
    if free < 1:
        return Check("disk", "fail", f"{free:.1f} GiB free at {folder}", "make room: below 1 GiB the database may fail to write")
    if free < 5:
        return Check("disk", "warn", f"{free:.1f} GiB free at {folder}", "a million feedback need about 2 GiB")
    return Check("disk", "ok", f"{free:.0f} GiB free at {folder}")


def check_memory() -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    if total < 1.8:
        return Check("memory", "warn", f"{total:.1f} GiB", "API and worker hold the model each: give 2 GiB, or KOE_WORKERS=0")
    return Check("memory", "ok", f"{total:.1f} GiB")


def check_secret(settings: "Settings") -> Check:
    from store.secrets import SHORTEST_SECRET

    if settings.secret is not None:
        if len(settings.secret.get_secret_value()) < SHORTEST_SECRET:
            return Check("secret", "fail", "KOE_SECRET is too short", f"at least {SHORTEST_SECRET} characters: openssl rand -hex 32")
        return Check("secret", "ok", "KOE_SECRET is set")
    path = settings.home.absolute() / "secret"
    if not path.exists():
        return Check("secret", "ok", f"{path} is made at the first start")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Check("secret", "fail", f"{path} can be read by others (mode {mode:o})", f"chmod 600 {path}")
    return Check("secret", "ok", f"{path} (mode {mode:o}; keep a copy apart from backups of the database)")


def check_auth(settings: "Settings") -> Check:
    from api.auth import is_loopback

    if settings.auth == "on":
        return Check("auth", "ok", f"keys are asked for; listening on {settings.host}:{settings.port}")
    if is_loopback(settings.host):
        return Check("auth", "warn", "KOE_AUTH=off: every program on this machine may do everything", "KOE_AUTH=on, if others use it")
    return Check("auth", "fail", f"KOE_AUTH=off on {settings.host}", "KOE_AUTH=on, or KOE_HOST=127.0.0.1: the API will not start")


def check_model(settings: "Settings") -> Check:
    from nlp.annotator import check_model as try_model

    try:
        name = try_model(settings)
    except KoeError as error:
        return Check("model", "fail", str(error), "put it right as the line above says, or set KOE_MODEL=bundled")
    return Check("model", "ok", f"{name}, checksums of all files right")


def check_database(settings: "Settings") -> Iterator[Check]:
    path = Path(settings.database().removeprefix("sqlite:///"))
    if settings.database().startswith("sqlite") and not path.exists():
        yield Check("database", "warn", f"{path} is not there yet", "koe serve makes it")
        return
    try:
        database = reach_database(settings)
        current = database.is_current()
    except KoeError as error:
        yield Check("database", "fail", str(error), "see docs/operations.md, 'The database does not answer'")
        return
    if not current:
        yield Check("database", "fail", f"reached, but its schema is at {database.revision() or 'nothing'}", "run koe db upgrade")
        return
    yield Check("database", "ok", f"{database.url.render_as_string()} at {database.revision()}")
    yield from check_workers(database)
    yield check_reannotation(database)


def check_workers(database: "Database") -> Iterator[Check]:
    from core.times import utcnow
    from store.feedback import count_unannotated
    from store.heartbeats import alive

    with database.read() as connection:
        counts = {kind: alive(connection, kind, utcnow() - HEARTBEAT_SILENCE) for kind in ("annotate", "stages", "beat")}
        waiting = count_unannotated(connection)
    asleep = [kind for kind, count in counts.items() if not count]
    found = ", ".join(f"{kind} {count}" for kind, count in counts.items())
    if asleep:
        yield Check("workers", "warn", f"{found} alive", "start koe serve, or koe worker and koe beat")
    else:
        yield Check("workers", "ok", f"{found} alive")
    if waiting > BACKLOG_WORTH_SAYING:
        yield Check("backlog", "warn", f"{waiting:,} texts wait for the model", "start more: KOE_WORKERS, or koe worker --queue annotate")
    else:
        yield Check("backlog", "ok", f"{waiting:,} texts wait for the model")


def check_reannotation(database: "Database") -> Check:
    from store.reannotations import reannotations_at_work

    with database.read() as connection:
        active, failed = reannotations_at_work(connection)
    found = f"under way in {active} workspace{'' if active == 1 else 's'}" if active else "none under way"
    if failed:
        advice = "koe reannotate --status tells where, koe reannotate tries them again"
        return Check("reannotate", "warn", f"{found}; {failed:,} text{'' if failed == 1 else 's'} could not be annotated again", advice)
    return Check("reannotate", "ok", found)


def check_broker(settings: "Settings") -> Check:
    from workers.celery_app import ping_broker

    try:
        ping_broker(settings)
    except KoeError as error:
        if settings.broker_url:
            return Check("broker", "fail", str(error), "start it, or correct KOE_BROKER_URL")
        return Check("broker", "warn", "not running", "koe serve starts it")
    return Check("broker", "ok", settings.broker_url.rpartition("@")[2] or f"Valkey on {settings.broker_socket()}")


def check_api(settings: "Settings") -> Check:
    import httpx

    from cli.serve import url_of

    url = url_of(settings)
    ask: Callable[[str], httpx.Response] = lambda path: httpx.get(url + path, timeout=2, trust_env=False)  # noqa: E731
    try:
        health, ready = ask("/healthz"), ask("/readyz")
    except httpx.HTTPError:
        return Check("api", "warn", f"nothing answers at {url}", "koe serve starts it")
    if health.status_code != 200:
        return Check("api", "fail", f"{url} is not Koe", "something else listens there: stop it, or choose another KOE_PORT")
    if ready.status_code != 200:
        return Check("api", "warn", f"{url} answers and is not ready", f"curl {url}/readyz says what it waits for")
    return Check("api", "ok", f"{url} is ready")
