"""How connectors reach the web: a pace per host, waits that servers ask for, bounded bodies and times, errors that say what to check."""

import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Self

import httpx

from core.errors import PermanentError, TransientError
from core.network import guarded_client, time_limit
from core.times import to_rfc3339, utcnow

MOST_BYTES = 16 * 1024 * 1024
"""Of a decoded body. The largest page of a known source is about 1 MB."""
MOST_SECONDS = 60.0
MOST_REDIRECTS = 5
LONGEST_WAIT = 30.0
"""Seconds that a pull waits because a server asks for it; a longer wait ends the pull, and the schedule comes back to it."""
REQUESTS_PER_SECOND = 2.0
BURST = 5.0

_CHUNK = 64 * 1024


class SourceRefused(PermanentError):
    """The source answers, but not to this request: somebody must change the options."""


class RetryLater(TransientError):
    """The source is busy, broken or out of reach; `retry_at` is set when it said when to come back."""

    def __init__(self, message: str, *, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: the body after decoding, and where it finally came from. `not_modified`: nothing new since the validators given."""

    url: str
    body: bytes
    headers: httpx.Headers
    not_modified: bool = False


@dataclass(slots=True)
class Bucket:
    """Tokens of one host: `tokens` were there at `counted_at`; nothing is sent before `closed_until`."""

    tokens: float
    counted_at: float
    closed_until: float = 0.0


@dataclass(slots=True)
class Pace:
    """A token bucket per host, shared by threads. `clock` gives seconds that never run backwards."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    per_second: float = REQUESTS_PER_SECOND
    burst: float = BURST
    buckets: dict[str, Bucket] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, host: str) -> None:
        """Take the next free place for a request to `host`, and sleep until then."""
        with self._bucket(host) as bucket:
            pause = max(bucket.closed_until - bucket.counted_at, (1 - bucket.tokens) / self.per_second)
            bucket.tokens -= 1
        if pause > 0:
            self.sleep(pause)

    def closed_for(self, host: str) -> float:
        """Seconds for which the host asked for silence."""
        with self._bucket(host) as bucket:
            return max(bucket.closed_until - bucket.counted_at, 0.0)

    def close(self, host: str, seconds: float) -> None:
        """Send nothing to `host` for so long."""
        with self._bucket(host) as bucket:
            bucket.closed_until = bucket.counted_at + seconds

    @contextmanager
    def _bucket(self, host: str) -> Iterator[Bucket]:
        """The bucket of a host as it is now; tokens below zero are places that others took and wait for."""
        with self.lock:
            now = self.clock()
            bucket = self.buckets.setdefault(host, Bucket(self.burst, now))
            bucket.tokens = min(self.burst, bucket.tokens + (now - bucket.counted_at) * self.per_second)
            bucket.counted_at = now
            yield bucket


class Http:
    """GET for connectors. Build one per process, so that the pace of a host holds across sources."""

    def __init__(
        self,
        client: httpx.Client,
        *,
        pace: Pace | None = None,
        now: Callable[[], datetime] = utcnow,
        most_bytes: int = MOST_BYTES,
        most_seconds: float = MOST_SECONDS,
    ) -> None:
        self._client = client
        self._pace = pace or Pace()
        self._now = now
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds

    @classmethod
    def open(cls, allowed_hosts: Iterable[str]) -> Self:
        """The real one: guarded addresses, the real clock."""
        return cls(guarded_client(allowed_hosts))

    def close(self) -> None:
        self._client.close()

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
    ) -> Fetched:
        """Fetch `url`, following at most five redirects, each checked and paced like the first request.

        Raises ForbiddenAddress, SourceRefused (4xx, wrong address, too large) and RetryLater (429, 5xx, network, time).
        """
        sent = {"Accept-Encoding": "gzip", **(headers or {})}
        if etag:
            sent["If-None-Match"] = etag
        if last_modified:
            sent["If-Modified-Since"] = last_modified
        try:
            request = self._client.build_request("GET", url, params=params, headers=sent)
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise SourceRefused(f"{shown(url)} is not an address such as https://example.com/feed: {error}") from error
        return self._follow(request)

    def _follow(self, request: httpx.Request) -> Fetched:
        for _ in range(MOST_REDIRECTS + 1):
            response = self._send_patiently(request)
            if isinstance(response, Fetched):
                return response
            request = response
        raise SourceRefused(f"{shown(request.url)}: more than {MOST_REDIRECTS} redirects; check the address")

    def _send_patiently(self, request: httpx.Request) -> "Fetched | httpx.Request":
        """Send it; when the server asks for a short wait, wait once and send it again."""
        host = request.url.netloc.decode()
        self._refuse_long_wait(host)
        try:
            return self._send(request)
        except RetryLater as error:
            if error.retry_at is None or self._pace.closed_for(host) > LONGEST_WAIT:
                raise
        return self._send(request)

    def _refuse_long_wait(self, host: str) -> None:
        seconds = self._pace.closed_for(host)
        if seconds > LONGEST_WAIT:
            retry_at = self._now() + timedelta(seconds=seconds)
            raise RetryLater(f"{host} asked for no request before {to_rfc3339(retry_at.replace(microsecond=0))}", retry_at=retry_at)

    def _send(self, request: httpx.Request) -> "Fetched | httpx.Request":
        self._pace.wait(request.url.netloc.decode())
        where = shown(request.url)
        try:
            with time_limit(self._most_seconds):
                response = self._client.send(request, stream=True)
                try:
                    return self._read(request, response)
                finally:
                    response.close()
        except httpx.TimeoutException as error:
            raise RetryLater(f"{where} took too long (limit {self._most_seconds:g} s in all)") from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise SourceRefused(f"{where}: {error}; check the address") from error
        except httpx.HTTPError as error:
            raise RetryLater(f"{where} cannot be reached: {error}") from error

    def _read(self, request: httpx.Request, response: httpx.Response) -> "Fetched | httpx.Request":
        where = shown(request.url)
        if response.status_code == 304:
            return Fetched(str(request.url), b"", response.headers, not_modified=True)
        if response.next_request is not None:
            return response.next_request
        if response.status_code != 200:
            raise self._refusal(request, response)
        body = bytearray()
        for piece in decoded(response, where):
            body += piece
            if len(body) > self._most_bytes:
                raise SourceRefused(f"{where} answers more than {self._most_bytes:,} bytes; is it the right address?")
        return Fetched(str(request.url), bytes(body), response.headers)

    def _refusal(self, request: httpx.Request, response: httpx.Response) -> Exception:
        where, status = shown(request.url), response.status_code
        wait = retry_after(response.headers.get("Retry-After", ""), self._now())
        if status in {408, 425, 429} or status >= 500:
            if wait is None:
                return RetryLater(f"{where} answered {status}; it will be asked again")
            self._pace.close(request.url.netloc.decode(), wait.total_seconds())
            retry_at = self._now() + wait
            message = f"{where} answered {status} and asked for no request before {to_rfc3339(retry_at.replace(microsecond=0))}"
            return RetryLater(message, retry_at=retry_at)
        advice = {
            401: "check the token or key",
            403: "check the token or key and what it may read",
            404: "nothing is there, check the address and ids",
            410: "it is gone for good, remove the source or change its address",
        }
        return SourceRefused(f"{where} answered {status}: {advice.get(status, 'check the options of the source')}")


def decoded(response: httpx.Response, where: str) -> Iterator[bytes]:
    """The body in pieces of bounded size, however much a small gzip unpacks to. Raises SourceRefused for codings not asked for."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding in {"", "identity"}:
        yield from response.iter_raw(_CHUNK)
        return
    if coding not in {"gzip", "x-gzip"}:
        raise SourceRefused(f"{where} answers in the coding {coding[:40]!r}; gzip or none was asked for")
    unpack = zlib.decompressobj(wbits=31)
    try:
        for raw in response.iter_raw(_CHUNK):
            waiting = raw
            while waiting and not unpack.eof:
                yield unpack.decompress(waiting, _CHUNK)
                waiting = unpack.unconsumed_tail
        while not unpack.eof and (rest := unpack.decompress(unpack.unconsumed_tail, _CHUNK)):
            yield rest
    except zlib.error as error:
        raise RetryLater(f"{where} answered a broken gzip body: {error}") from error
    if not unpack.eof:
        raise RetryLater(f"{where} answered a gzip body that ends in the middle")


def retry_after(value: str, now: datetime) -> timedelta | None:
    """Read the header: seconds or an HTTP date; None when it is neither. Never negative, at most a day."""
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(timedelta(seconds=int(text)), timedelta(days=1))
    try:
        moment = parsedate_to_datetime(text)
        wait = (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return max(timedelta(0), min(wait, timedelta(days=1)))


def shown(url: httpx.URL | str) -> str:
    """The address without user, password and query, which may hold secrets."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "the address"
    return f"{parsed.scheme}://{parsed.netloc.decode()}{parsed.path}"[:300]
