"""Deliver the changes of alerts to their channels: each change once, in order, for three days if the receiver is down.

At least once: a process that dies between the receiver's yes and our note of it sends again, under the same event id.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import PermanentError, TransientError
from core.logs import get_logger
from nlp.topics import Taxonomy
from store.database import Database
from store.deliveries import claim_due, mark_delivered, mark_failed
from store.records import Delivery
from store.secrets import Vault
from workers.letters import Attempt, Outside, write_letter
from workers.senders import SENDERS

log = get_logger(__name__)
AT_ONCE = 8
LEASE = timedelta(seconds=60)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
PATIENCE = timedelta(days=3)
"""A receiver that is down over a weekend gets everything on Monday."""


@dataclass(frozen=True, slots=True)
class Delivered:
    delivered: int
    postponed: int
    dead: int


@dataclass(frozen=True, slots=True)
class Office:
    """What letters are written from and sent with."""

    database: Database
    vault: Vault
    outside: Outside
    taxonomy: Taxonomy


def run(office: Office, *, clock: Callable[[], datetime], rng: random.Random, enough: Callable[[], bool]) -> Delivered:
    """Deliver what is due until nothing is left or it is `enough`. Raises TransientError when the database is away."""
    counts = {"delivered": 0, "postponed": 0, "dead": 0}
    while not enough():
        with office.database.write() as connection:
            due = claim_due(connection, limit=AT_ONCE, now=clock(), lease=LEASE)
        if not due:
            break
        for delivery, attempt in attempts(office, due, clock):
            counts[record(office.database, delivery, attempt, clock(), rng)] += 1
    return Delivered(**counts)


def attempts(office: Office, due: Sequence[Delivery], clock: Callable[[], datetime]) -> Iterator[tuple[Delivery, Attempt]]:
    """Send all at once, so that a receiver that hangs holds up nobody else's alert; each answer as it comes."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sent = {pool.submit(attempt, office, delivery, clock()): delivery for delivery in due}
        for future in as_completed(sent):
            yield sent[future], future.result()


def attempt(office: Office, delivery: Delivery, now: datetime) -> Attempt:
    """Write one letter and send it. Raises TransientError when the database is away, and nothing else: whatever is wrong with one letter
    must not hold up those of other channels, nor send them again."""
    try:
        with office.database.read() as connection:
            letter = write_letter(connection, office.vault, delivery, office.taxonomy, office.outside.public_url)
        return SENDERS[letter.channel.kind](office.outside, letter, now)
    except PermanentError as error:  # its channel is gone, or its secrets were sealed under another key
        return Attempt(str(error))
    except TransientError:
        raise
    except Exception as error:  # of libraries; what they say of it may hold a secret
        log.error("delivery.failed", delivery=delivery.id, channel=delivery.channel_id, error=type(error).__name__)
        return Attempt(f"the message could not be sent: {type(error).__name__}", again=True)


def record(database: Database, delivery: Delivery, outcome: Attempt, now: datetime, rng: random.Random) -> str:
    """Save what came of an attempt: "delivered", "postponed" or "dead"."""
    with database.write() as connection:
        if outcome.error is None:
            mark_delivered(connection, delivery, now, answer=outcome.answer, receipt=outcome.receipt)
            return "delivered"
        following = next_attempt(delivery, outcome, now, rng)
        mark_failed(connection, delivery, outcome.error, following, now, refused=not outcome.again, answer=outcome.answer)
    kind = "dead" if following is None else "postponed"
    log.warning(f"delivery.{kind}", delivery=delivery.id, channel=delivery.channel_id, reason=outcome.error, attempts=delivery.attempts)
    return kind


def next_attempt(delivery: Delivery, outcome: Attempt, now: datetime, rng: random.Random) -> datetime | None:
    """When to try again: exponentially later, spread so that receivers that come back are not met by all at once; None = never.

    A test is tried once: one that comes tomorrow tells nobody anything.
    """
    if not outcome.again or delivery.event == "channel.test":
        return None
    pause = outcome.retry_after or min(FIRST_PAUSE * 2 ** min(delivery.attempts, 20), LONGEST_PAUSE) * rng.uniform(0.75, 1.25)
    following = now + pause
    return following if following <= (delivery.resent_at or delivery.created_at) + PATIENCE else None
