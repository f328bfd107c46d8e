"""The one place that decides which address an outgoing request may reach; it connects to the very address that it checked."""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore
import httpx

from core.errors import PermanentError

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Sequence[str]]
"""Host and port -> addresses as text, best first; raises OSError when the name is unknown."""

USER_AGENT = "Koe/0.1 (self-hosted feedback analysis)"
CLOUD_ADDRESSES = frozenset({IPv4Address("168.63.129.16")})
"""Global addresses that serve a cloud's own metadata (Azure); those of other clouds are link-local, shared or private anyway."""

# Python 3.11 and 3.13 disagree about these, so they are named here.
_NOT_GLOBAL = (IPv4Network("100.64.0.0/10"), IPv4Network("192.0.0.0/24"), IPv6Network("3fff::/20"), IPv6Network("5f00::/16"))
_NAT64 = IPv6Network("64:ff9b::/96")
_DEADLINE: ContextVar[float | None] = ContextVar("deadline", default=None)


class ForbiddenAddress(PermanentError):
    """A request would have reached a private address; an administrator can allow the host."""


def check_public(host: str, port: int, allowed_hosts: Iterable[str], *, resolve: Resolver | None = None) -> list[str]:
    """The addresses to connect to, best first, once all of them are known to be public or the host is allowed.

    An allowed host is a name or an address, alone or with a port ("intranet", "10.0.0.5:8080", "[::1]:8080"), as it stands in the URL.
    Raises ForbiddenAddress when any address is not public, and OSError when the name is unknown.
    """
    addresses = list((resolve or system_resolver)(host, port))
    if not addresses:
        raise OSError(f"{host} has no address")
    if not is_allowed(host, port, allowed_hosts) and not all(is_public(ip_address(address)) for address in addresses):
        raise ForbiddenAddress(
            f"{host}:{port} is a private address, which sources and channels may not reach; "
            f"an administrator can allow it with KOE_ALLOWED_HOSTS={f'[{host}]' if ':' in host else host}:{port}"
        )
    return addresses


def system_resolver(host: str, port: int) -> list[str]:
    """Ask the system; names that only look like addresses (127.1, 0x7f000001) come out as what they mean."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_allowed(host: str, port: int, allowed_hosts: Iterable[str]) -> bool:
    """True when `host`, or `host:port`, is among the allowed."""
    name = _plain(host)
    forms = {name, f"{name}:{port}", f"[{name}]", f"[{name}]:{port}"}
    return any(_plain(entry) in forms for entry in allowed_hosts)


def is_public(address: Address) -> bool:
    """True for a global unicast address; an IPv6 address that carries an IPv4 one (mapped, 6to4, NAT64) counts as that one."""
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is not None or address.is_site_local:
            return inner is not None and is_public(inner)
    special = address.is_multicast or address.is_reserved or address in CLOUD_ADDRESSES
    return address.is_global and not special and not any(address in network for network in _NOT_GLOBAL)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or int(address) >> 32 == 0:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _plain(host: str) -> str:
    return host.strip().rstrip(".").casefold()


def guarded_socket(host: str, port: int, allowed_hosts: Iterable[str], *, timeout: float, resolve: Resolver | None = None) -> socket.socket:
    """A TCP connection for what is not HTTP, made to the very address that was checked; `timeout` in seconds, for each address and read.

    Raises ForbiddenAddress, and OSError when the name is unknown or nobody answers.
    """
    failure = OSError(f"{host} has no address")
    try:
        addresses = check_public(host, port, allowed_hosts, resolve=resolve)
    except UnicodeError as error:
        raise OSError(f"{host} cannot be resolved: {error}") from error
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout)
        except OSError as error:
            failure = error
    raise failure


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Bound everything that guarded clients do inside: connecting, TLS, headers that drip in byte by byte, and bodies.

    Beyond it they raise httpx.TimeoutException. Asking the system for a name is bounded by the system's own limits only.
    """
    ends = time.monotonic() + seconds
    outer = _DEADLINE.get()
    token = _DEADLINE.set(ends if outer is None else min(ends, outer))
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def guarded_client(
    allowed_hosts: Iterable[str],
    *,
    timeout: float = 10.0,
    resolve: Resolver | None = None,
    verify: ssl.SSLContext | None = None,
) -> httpx.Client:
    """A client that reaches public addresses and allowed hosts only, by http or https, and follows no redirect by itself.

    `timeout` is in seconds for connecting and for each read; use `time_limit` for the whole exchange.
    Proxies of the environment are not used, because a proxy would connect to what nobody checked. No cookie is ever kept.
    Its requests raise ForbiddenAddress, httpx.UnsupportedProtocol, and the other errors of httpx.
    """
    context = verify or httpx.create_ssl_context()
    return httpx.Client(
        transport=_GuardedTransport(frozenset(allowed_hosts), resolve, context),
        timeout=timeout,
        trust_env=False,
        follow_redirects=False,
        headers={"User-Agent": USER_AGENT},
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
    )


class _GuardedTransport(httpx.HTTPTransport):
    """httpx over a pool that dials through the guard; the pool is keyed by host name, so TLS and Host are those of the URL."""

    def __init__(self, allowed_hosts: frozenset[str], resolve: Resolver | None, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        backend = _GuardedBackend(allowed_hosts, resolve)
        self._pool = httpcore.ConnectionPool(ssl_context=context, keepalive_expiry=5.0, network_backend=backend)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in {"http", "https"}:
            raise httpx.UnsupportedProtocol(f"{request.url.scheme}:// is not http:// or https://", request=request)
        return super().handle_request(request)


class _GuardedBackend(httpcore.NetworkBackend):
    def __init__(self, allowed_hosts: frozenset[str], resolve: Resolver | None) -> None:
        self._allowed_hosts = allowed_hosts
        self._resolve = resolve
        self._dial = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = check_public(host, port, self._allowed_hosts, resolve=self._resolve)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error
        failure: Exception = httpcore.ConnectError(host)
        for address in addresses:
            try:
                stream = self._dial.connect_tcp(address, port, _remaining(timeout), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _BoundedStream(stream)
        raise failure


class _BoundedStream(httpcore.NetworkStream):
    """A connection whose every wait ends with the `time_limit` in force."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _remaining(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _remaining(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, _remaining(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _remaining(timeout: float | None) -> float | None:
    deadline = _DEADLINE.get()
    if deadline is None:
        return timeout
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time limit of this request is over")
    return left if timeout is None else min(left, timeout)
