"""Every service of the library apprise by its URL, each message in a confined process of its own (see core/notifiers.py)."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from insights.phrases import LABELS
from workers.letters import Attempt, Letter, Outside, masked
from workers.posting import judge

TIME_LIMIT = 20.0
"""Seconds, the start of the process included."""
ROOT = Path(__file__).parents[1]
PASSED_ON = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH", "PYTHONPATH")
"""What the process needs of our environment; secrets and addresses of ours are not among it."""
KINDS = {"critical": "failure", "high": "failure", "medium": "warning", "low": "info"}


def send(outside: Outside, letter: Letter, now: datetime) -> Attempt:
    """One notification. It is taken when every request that the service made was."""
    asked = {
        "url": letter.secrets["url"],
        "allowed_hosts": list(outside.allowed_hosts),
        "title": letter.wording.headline,
        "body": text(letter),
        "kind": kind(letter),
    }
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    command = [sys.executable, "-B", "-m", "workers.apprise_child"]
    try:
        done = subprocess.run(
            command, input=json.dumps(asked).encode(), capture_output=True, cwd=ROOT, env=environment, timeout=TIME_LIMIT, check=True
        )
        outcome: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return Attempt("no answer: it took too long", again=True)
    except (subprocess.CalledProcessError, ValueError):
        return Attempt("the library apprise failed", again=True)
    return judge_outcome(outcome, letter, now)


def judge_outcome(outcome: dict[str, Any], letter: Letter, now: datetime) -> Attempt:
    """What came of it, by the same table as any other answer over HTTP."""
    said = masked(outcome["said"], letter)
    if outcome["taken"]:
        return Attempt(answer=f"{outcome['status'] or ''} {said}".strip())
    if outcome["refused"]:
        return Attempt(masked(outcome["refused"], letter))
    if outcome["status"] is None:
        return Attempt(f"no answer: {outcome['failure'] or 'the service was not reached'}", again=True)
    seen = judge(httpx.Response(outcome["status"], headers={"Retry-After": outcome["retry_after"]}), now, said)
    return seen if seen.error is not None else Attempt(f"answered {seen.answer}, which the service takes for a failure", answer=seen.answer)


def text(letter: Letter) -> str:
    """Sentences, one line per alert of several, quotes, link; the library turns plain text into what the service reads."""
    labels = LABELS[letter.channel.language]
    parts = [letter.wording.sentences]
    if letter.wording.lines:
        parts.append("\n".join(f"- {line}" for line in letter.wording.lines))
    if letter.quotes:
        parts.append("\n".join([f"{labels['quotes']}:", *(f"“{defused(quote)}”" for quote in letter.quotes)]))
    if letter.link:
        parts.append(f"{labels['acknowledge']}: {letter.link}")
    return "\n\n".join(parts)


def defused(quote: str) -> str:
    """A customer's words, without calling anybody (@everyone) and without links behind other words, where a service reads markup."""
    return quote.replace("@", "@\u200b").replace("](", "]\u200b(").replace("<", "‹").replace(">", "›")


def kind(letter: Letter) -> str:
    """The library's own words for how bad it is."""
    told = letter.notice.spoken_of
    if not told:
        return "info"
    return "success" if letter.notice.event == "alert.resolved" else KINDS[told[0].severity]
