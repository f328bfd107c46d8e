"""Runs one notification of the library apprise in a process of its own, confined and watched; who started it ends it in time."""

import json
import logging
import sys
from dataclasses import asdict, dataclass
from typing import Any

import apprise
import requests

from core.errors import PermanentError
from core.notifiers import confine, make_asset, open_notifier

MOST_READ = 300


@dataclass(slots=True)
class Outcome:
    """`status`, `said`, `retry_after`: of the last answer that was no success, or of the last. `refused`: what the process must not do."""

    taken: bool = False
    status: int | None = None
    said: str = ""
    retry_after: str = ""
    failure: str = ""
    refused: str = ""


def main() -> int:
    """Reads what to send as JSON, writes what came of it as JSON."""
    logging.disable(logging.CRITICAL)
    asked: dict[str, Any] = json.load(sys.stdin)
    outcome, refusals = Outcome(), list[str]()
    watch_requests(outcome)
    asset = make_asset()
    try:
        notifier = open_notifier(asked["url"], asset)
        sender = apprise.Apprise(asset=asset)
        sender.add(notifier)
        confine(asked["allowed_hosts"], refusals)
        kind = apprise.NotifyType(asked["kind"])
        outcome.taken = bool(
            sender.notify(body=asked["body"], title=asked["title"], notify_type=kind, body_format=apprise.NotifyFormat.TEXT)
        )
    except PermanentError as error:
        outcome.refused = str(error)
    if refusals and not outcome.taken:
        outcome.refused = refusals[0]
    print(json.dumps(asdict(outcome)))  # noqa: T201 (the parent reads it)
    return 0


def watch_requests(outcome: Outcome) -> None:
    """See every answer, and follow no redirect."""
    send = requests.Session.send

    def send_and_see(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        options["allow_redirects"] = False
        session.trust_env = False
        try:
            response = send(session, request, **options)
        except requests.RequestException as error:
            outcome.status, outcome.failure = None, type(error).__name__
            raise
        if outcome.status is None or outcome.status < 300 or response.status_code >= 300:
            outcome.status, outcome.failure = response.status_code, ""
            outcome.said, outcome.retry_after = response.text[:MOST_READ], response.headers.get("Retry-After", "")
        return response

    requests.Session.send = send_and_see  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    sys.exit(main())
