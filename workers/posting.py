"""One POST to a receiver, bounded in time, and what its answer means: taken, come again, or never."""

import json
from collections.abc import Mapping
from datetime import datetime

import httpx

from core.errors import PermanentError
from core.network import time_limit
from scrapers.http import retry_after
from workers.letters import Attempt, Letter, Outside, masked

TIME_LIMIT = 8.0
"""Seconds that a receiver may take for one request, all in all."""
MOST_READ = 2000
"""Bytes of an answer that are read: enough for a reason."""
AGAIN = frozenset({408, 425, 429})
"""Answers below 500 that ask for another attempt."""


def post(
    outside: Outside, letter: Letter, url: str, body: bytes, headers: Mapping[str, str], now: datetime
) -> tuple[Attempt, httpx.Response | None]:
    """Send JSON; the answer, judged, and as it came (its beginning) where there was one."""
    try:
        with (
            time_limit(TIME_LIMIT),
            outside.client.stream("POST", url, content=body, headers={"Content-Type": "application/json", **headers}) as response,
        ):
            begun = httpx.Response(response.status_code, headers=_readable(response.headers), content=beginning(response))
    except (httpx.LocalProtocolError, UnicodeError):  # what they say holds the whole header
        return Attempt("nothing was sent: the channel's token or address has a blank or a letter that HTTP does not take"), None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, PermanentError) as error:
        return Attempt(str(error)), None
    except httpx.HTTPError as error:
        return Attempt(f"no answer: {type(error).__name__}", again=True), None
    # Not by the charset it names: some of those are no encodings of text, and it was taken whatever it is called.
    return judge(begun, now, masked(begun.content.decode("utf-8", "replace"), letter)), begun


def beginning(response: httpx.Response) -> bytes:
    """The first bytes of a body; a receiver that took the letter and then dawdles over its thanks has taken it."""
    read = b""
    try:
        for part in response.iter_raw(MOST_READ):
            read += part
            if len(read) >= MOST_READ:
                break
    except httpx.HTTPError:
        return read[:MOST_READ]
    return read[:MOST_READ]


def judge(response: httpx.Response, now: datetime, said: str = "") -> Attempt:
    """What a status means for the delivery."""
    status = response.status_code
    answer = f"{status} {said}".strip()
    if 200 <= status < 300:
        return Attempt(answer=answer)
    reason = f"answered {answer}"
    if status >= 500 or status in AGAIN:
        return Attempt(reason, again=True, retry_after=retry_after(response.headers.get("Retry-After", ""), now), answer=answer)
    if 300 <= status < 400:
        return Attempt(f"answered {status}, a redirect, which is not followed: give the channel the final address", answer=answer)
    return Attempt(reason, answer=answer)


def to_body(value: object) -> bytes:
    """JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _readable(headers: httpx.Headers) -> httpx.Headers:
    """Without the encoding of a body that is not decoded here."""
    kept = httpx.Headers(headers)
    for name in ("Content-Encoding", "Transfer-Encoding"):
        kept.pop(name, None)
    return kept
