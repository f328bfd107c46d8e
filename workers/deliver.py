"""Deliver the changes of alerts to webhooks: signed, each change once, in order, for three days if the receiver is down."""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from core.errors import PermanentError
from core.logs import get_logger
from core.network import time_limit
from scrapers.http import retry_after
from store.channels import secret_of
from store.database import Database
from store.deliveries import claim_due, mark_delivered, mark_failed
from store.records import Delivery
from store.secrets import Vault
from workers.signature import sign

log = get_logger(__name__)
AT_ONCE = 8
TIME_LIMIT = 8.0
"""Seconds that a receiver may take for one request, all in all."""
LEASE = timedelta(seconds=60)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
PATIENCE = timedelta(days=3)
"""A receiver that is down over a weekend gets everything on Monday."""
AGAIN = frozenset({408, 425, 429})
"""Answers below 500 that ask for another attempt."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one request: delivered (no error), or the reason and whether and when another attempt makes sense."""

    error: str | None = None
    again: bool = False
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    delivered: int
    postponed: int
    dead: int


def run(
    database: Database,
    vault: Vault,
    client: httpx.Client,
    *,
    clock: Callable[[], datetime],
    rng: random.Random,
    enough: Callable[[], bool],
) -> Delivered:
    """Deliver what is due until nothing is left or it is `enough`. Raises TransientError when the database is away."""
    counts = {"delivered": 0, "postponed": 0, "dead": 0}
    while not enough():
        with database.write() as connection:
            due = claim_due(connection, limit=AT_ONCE, now=clock(), lease=LEASE)
        if not due:
            break
        for delivery, attempt in attempts(database, vault, client, due, clock):
            counts[record(database, delivery, attempt, clock(), rng)] += 1
    return Delivered(**counts)


def attempts(
    database: Database, vault: Vault, client: httpx.Client, due: Sequence[Delivery], clock: Callable[[], datetime]
) -> Iterator[tuple[Delivery, Attempt]]:
    """Send all at once, so that a receiver that hangs holds up nobody else's alert; each answer as it comes."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sent = {pool.submit(attempt, database, vault, client, delivery, clock()): delivery for delivery in due}
        for future in as_completed(sent):
            yield sent[future], future.result()


def attempt(database: Database, vault: Vault, client: httpx.Client, delivery: Delivery, now: datetime) -> Attempt:
    """One signed request."""
    body = delivery.payload.encode()
    try:
        with database.read() as connection:
            url, secret = secret_of(connection, delivery.channel_id, vault)
        headers = {
            "Content-Type": "application/json",
            "X-Koe-Event": delivery.event,
            "X-Koe-Delivery": delivery.event_id,
            "X-Koe-Signature": sign(body, secret, now),
        }
        with time_limit(TIME_LIMIT), client.stream("POST", url, content=body, headers=headers) as response:
            return judge(response, now)
    except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
        return Attempt(f"no answer: {type(error).__name__}", again=True)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, PermanentError) as error:
        return Attempt(str(error))


def judge(response: httpx.Response, now: datetime) -> Attempt:
    """What an answer means for the delivery; its body is never read."""
    status = response.status_code
    if 200 <= status < 300:
        return Attempt()
    if status >= 500 or status in AGAIN:
        return Attempt(f"answered {status}", again=True, retry_after=retry_after(response.headers.get("Retry-After", ""), now))
    if 300 <= status < 400:
        return Attempt(f"answered {status}, a redirect, which is not followed: give the channel the final address")
    return Attempt(f"answered {status}")


def record(database: Database, delivery: Delivery, outcome: Attempt, now: datetime, rng: random.Random) -> str:
    """Save what came of an attempt: "delivered", "postponed" or "dead"."""
    with database.write() as connection:
        if outcome.error is None:
            mark_delivered(connection, delivery, now)
            return "delivered"
        following = next_attempt(delivery, outcome, now, rng)
        mark_failed(connection, delivery, outcome.error, following, now)
    kind = "dead" if following is None else "postponed"
    log.warning(f"delivery.{kind}", delivery=delivery.id, channel=delivery.channel_id, reason=outcome.error, attempts=delivery.attempts)
    return kind


def next_attempt(delivery: Delivery, outcome: Attempt, now: datetime, rng: random.Random) -> datetime | None:
    """When to try again: exponentially later, spread so that receivers that come back are not met by all at once; None = never."""
    if not outcome.again:
        return None
    pause = outcome.retry_after or min(FIRST_PAUSE * 2 ** min(delivery.attempts, 20), LONGEST_PAUSE) * rng.uniform(0.75, 1.25)
    following = now + pause
    return following if following <= delivery.created_at + PATIENCE else None
