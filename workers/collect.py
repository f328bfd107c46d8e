"""Pull the sources that are due: a page's rows and the cursor after it are saved together, so a pull can die anywhere."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from pathlib import Path

from core.errors import PermanentError, TransientError
from core.logs import get_logger
from scrapers.http import Http, RetryLater
from scrapers.pull import Page, pull
from store.database import Database
from store.records import RejectedRow, Source
from store.secrets import Vault
from store.sources import claim_due_sources, claim_source, finish_pull, options_of, save_page

log = get_logger(__name__)
AT_ONCE = 4
LEASE = timedelta(minutes=3)
"""Renewed with every page. A page may take a minute to fetch, and a source may ask for half a minute of silence before it."""
MOST_REASONS = 3
"""Of the rows that a pull refused: one mistake in a file refuses them all, with one reason."""
LONGEST_REASON = 200
_QUOTED = re.compile(r"""(?<!\w)(["'])(?:\\.|(?!\1).)*(?:\1|$)""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Collected:
    """Rows of one or more pulls; `errors` are those that ended a pull, `reasons` why the first rows were rejected."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    errors: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def plus(self, other: "Collected") -> "Collected":
        return Collected(
            self.created + other.created,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.rejected + other.rejected,
            self.errors + other.errors,
            (self.reasons + other.reasons)[:MOST_REASONS],
        )


def run(
    database: Database, http: Http, vault: Vault, *, folder: Path, clock: Callable[[], datetime], enough: Callable[[], bool]
) -> Collected:
    """Pull every source of every workspace that is due, a few at once: a slow one must not hold up the others.

    Raises TransientError when the database is away; what was claimed is due again when its lease is over.
    """

    def pull_due() -> Collected:
        collected = Collected()
        while not enough():
            with database.write() as connection:
                claimed = claim_due_sources(connection, limit=1, now=clock(), lease=LEASE)
            if not claimed:
                break
            collected = collected.plus(collect(database, http, vault, claimed[0], folder=folder, clock=clock, enough=enough))
        return collected

    with ThreadPoolExecutor(AT_ONCE) as pool:
        pulls = [pool.submit(pull_due) for _ in range(AT_ONCE)]
        return reduce(Collected.plus, (one.result() for one in pulls))


def run_one(
    database: Database, http: Http, vault: Vault, workspace_id: str, source_id: str, *, folder: Path, clock: Callable[[], datetime]
) -> Collected | None:
    """Pull one source now, due or not; None while somebody else pulls it. Raises NotFound, TransientError."""
    with database.write() as connection:
        source = claim_source(connection, workspace_id, source_id, now=clock(), lease=LEASE)
    if source is None:
        return None
    return collect(database, http, vault, source, folder=folder, clock=clock, enough=lambda: False)


def collect(
    database: Database,
    http: Http,
    vault: Vault,
    source: Source,
    *,
    folder: Path,
    clock: Callable[[], datetime],
    enough: Callable[[], bool],
) -> Collected:
    """Pull one claimed source to its end and say when it is due next; what goes wrong with the source ends up beside it."""
    collected, error, again_at = Collected(), None, None
    try:
        with database.read() as connection:
            opened = replace(source, options=options_of(connection, source, vault))
        for page in pull(opened, http, clock(), folder=folder):
            collected = collected.plus(save(database, source, page, clock()))
            if enough():
                again_at = clock()
                break
    except (PermanentError, RetryLater) as trouble:
        error, again_at = str(trouble), getattr(trouble, "retry_at", None)
    except TransientError:
        raise
    except Exception as bug:  # a connector met something nobody thought of; the other sources go on
        log.exception("collect.failed", source=source.id, connector=source.connector)
        error = f"the connector failed: {type(bug).__name__}"
    with database.write() as connection:
        finish_pull(connection, source, now=clock(), error=error, again_at=again_at)
    log.info(
        "source.pulled",
        source=source.id,
        created=collected.created,
        updated=collected.updated,
        rejected=collected.rejected,
        reasons=list(collected.reasons),
        error=error if error is None else unquoted(error),
    )
    return replace(collected, errors=(error,) if error else ())


def save(database: Database, source: Source, page: Page, now: datetime) -> Collected:
    """Store a page and the cursor after it."""
    with database.write() as connection:
        stored = save_page(connection, source, page.rows, page.cursor, now, LEASE)
    statuses = [one.status for one in stored]
    return Collected(
        statuses.count("created"),
        statuses.count("updated"),
        statuses.count("unchanged"),
        len(page.rejects),
        reasons=tuple(map(reason_of, page.rejects[:MOST_REASONS])),
    )


def reason_of(reject: RejectedRow) -> str:
    """Line, file and reason without the customer's words. The name is put in when they are out: a quote in it would pair with theirs."""
    where = f"{reject.file}: " if reject.file is not None else ""
    return f"line {reject.line}: {where}{unquoted(reject.reason)}"[:LONGEST_REASON]


def unquoted(reason: str) -> str:
    """A reason without what it quotes, for that can be the customer's words."""
    return _QUOTED.sub("'…'", reason)
