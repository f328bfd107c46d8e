"""What each kind of channel takes: which fields, which of them are secret, and what of them may be shown."""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from core.errors import InvalidInput
from core.network import ForbiddenAddress, check_public
from core.notifiers import check_notifier
from store.records import ChannelKind

PORTS = {"http": 80, "https": 443}
MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
ROUTING_KEY = re.compile(r"[A-Za-z0-9]{32}")
SENDABLE = re.compile(r"[!-~]+")
"""What an Authorization header can carry after its first word."""
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """`check` raises InvalidInput for values it cannot work with, and returns what may be shown of the address.

    `receivers`: open fields that say where, and how well guarded, the secrets are sent. A secret that is an address itself has none.
    """

    fields: tuple[str, ...]
    secrets: frozenset[str]
    check: Callable[[Fields, tuple[str, ...]], str]
    receivers: tuple[str, ...] = ()


def sort_fields(kind: ChannelKind, given: Fields, allowed_hosts: tuple[str, ...]) -> tuple[str, dict[str, object], dict[str, str]]:
    """What to show, the open options and the secret ones. Raises InvalidInput naming the field."""
    spec = KINDS[kind]
    for name in given:
        if name not in spec.fields:
            raise InvalidInput(f"{name} is not for a channel of the kind {kind}; it takes {', '.join(spec.fields)}", field=name)
    target = spec.check(given, allowed_hosts)
    return (
        target,
        {name: given[name] for name in given if name not in spec.secrets},
        {name: given[name] for name in given if name in spec.secrets},
    )


def receivers_changed(kind: ChannelKind, before: Fields, after: Fields) -> bool:
    """Whether a change of open options sends the secrets elsewhere, or guarded in another way."""
    return any(before.get(name) != after.get(name) for name in KINDS[kind].receivers)


def check_webhook(given: Fields, allowed_hosts: tuple[str, ...]) -> str:
    return check_address(needed(given, "url"), allowed_hosts)


def check_pagerduty(given: Fields, allowed_hosts: tuple[str, ...]) -> str:
    if not ROUTING_KEY.fullmatch(needed(given, "routing_key")):
        raise InvalidInput("routing_key is the integration key of an Events API v2 integration: 32 letters and digits", field="routing_key")
    return check_address(given["api_url"], allowed_hosts, "api_url") if "api_url" in given else "PagerDuty"


def check_slack(given: Fields, allowed_hosts: tuple[str, ...]) -> str:
    if ("url" in given) == ("token" in given):
        raise InvalidInput("give either url (an incoming webhook) or token and channel (chat.postMessage)", field="url")
    if "url" in given:
        for name in ("channel", "api_url"):
            if name in given:
                raise InvalidInput(f"{name} goes with token; an incoming webhook knows where it posts", field=name)
        return check_address(given["url"], allowed_hosts)
    channel = needed(given, "channel")
    if "api_url" in given:
        check_address(given["api_url"], allowed_hosts, "api_url")
    return f"Slack: {channel}"


def check_token(token: str) -> str:
    """Raises InvalidInput, without the token, for one that could never be sent; asked of a token when it comes, not of one that is kept."""
    if not SENDABLE.fullmatch(token):
        raise InvalidInput(
            "token has a blank, a line break or a letter outside ASCII within, which no header can carry; valid is a bot's token as Slack "
            "shows it: xoxb-...",
            field="token",
        )
    return token


def check_email(given: Fields, allowed_hosts: tuple[str, ...]) -> str:
    host, recipients = needed(given, "host"), given.get("to") or []
    for name, mailbox in [("from", needed(given, "from")), *(("to", one) for one in recipients)]:
        if not MAILBOX.fullmatch(mailbox):
            raise InvalidInput(f"{mailbox[:80]!r} is not an address such as alerts@example.com", field=name)
    if not recipients:
        raise InvalidInput("to needs at least one address", field="to")
    if ("username" in given) != ("password" in given):
        raise InvalidInput("username and password go together", field="password" if "username" in given else "username")
    if "password" in given and given["security"] == "none":
        raise InvalidInput("a password is never sent in the clear: security must be starttls or tls", field="security")
    check_host(host, given["port"], allowed_hosts, "host")
    return f"{', '.join(recipients[:3])}{' …' if len(recipients) > 3 else ''} by {host}"


def check_apprise(given: Fields, allowed_hosts: tuple[str, ...]) -> str:
    url = needed(given, "url")
    if not url.isprintable():
        raise InvalidInput("url must be one line", field="url")
    return check_notifier(url, allowed_hosts)


def check_address(url: str, allowed_hosts: Iterable[str], field: str = "url") -> str:
    """What may be shown of an http(s) address: paths and queries of webhooks are passwords.

    Raises InvalidInput for what is none, or a private one that no administrator allowed.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:
        host, port = None, None
    if not host or port is None or any(letter.isspace() or not letter.isprintable() for letter in url):
        raise InvalidInput(f"{field} must be an address such as https://hooks.example.com/koe", field=field)
    check_host(host, port, allowed_hosts, field)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" + ("/…" if parts.path.strip("/") or parts.query else "")


def check_host(host: str, port: int, allowed_hosts: Iterable[str], field: str) -> None:
    """A name that does not resolve now is taken: the address is checked again whenever something is sent."""
    try:
        with suppress(OSError, UnicodeError):
            check_public(host, port, allowed_hosts)
    except ForbiddenAddress as error:
        raise InvalidInput(str(error), field=field) from None


def needed(given: Fields, name: str) -> str:
    """A field that has to be there."""
    if not given.get(name):
        raise InvalidInput(f"{name} is needed", field=name)
    return str(given[name])


KINDS: Mapping[ChannelKind, Kind] = {
    "webhook": Kind(("url", "signing_secret"), frozenset({"url", "signing_secret"}), check_webhook),
    "pagerduty": Kind(("routing_key", "api_url"), frozenset({"routing_key"}), check_pagerduty, receivers=("api_url",)),
    "slack": Kind(("url", "token", "channel", "api_url"), frozenset({"url", "token"}), check_slack, receivers=("api_url",)),
    "email": Kind(
        ("host", "port", "security", "username", "password", "from", "to"),
        frozenset({"password"}),
        check_email,
        receivers=("host", "port", "security"),
    ),
    "apprise": Kind(("url",), frozenset({"url"}), check_apprise),
}
