"""Secrets at rest: sealed with a key that is not in the database, opened only where they are used."""

import base64
import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from core.errors import Misconfigured

SHORTEST_SECRET = 16


class Vault:
    """Seals and opens texts. Fernet (AES-128-CBC and HMAC-SHA256) under a key derived by HKDF-SHA256 (RFC 5869) from the secret."""

    def __init__(self, secret: str) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise Misconfigured(f"KOE_SECRET is too short: at least {SHORTEST_SECRET} characters, better 43 random ones")
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"koe vault 1").derive(secret.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(key))
        self._signing_key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"koe links 1").derive(secret.encode())

    def seal(self, text: str) -> str:
        """Unreadable without the secret, and different every time."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text again. Raises Misconfigured when it was sealed under another secret."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise Misconfigured("a stored secret was sealed under another KOE_SECRET: set the old one, or enter the secret anew") from None

    def sign(self, text: str) -> str:
        """A signature that only this secret makes: HMAC-SHA256 in URL-safe base64, under a key that seals nothing."""
        digest = hmac.new(self._signing_key, text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def load_or_create_secret(home: Path, configured: SecretStr | None) -> str:
    """The configured secret, or the one in `home/secret`, made at the first start and readable by its owner only."""
    if configured is not None:
        return configured.get_secret_value()
    home.mkdir(parents=True, exist_ok=True)
    path = home / "secret"
    if not path.exists():
        _create(path)
    return path.read_text().strip()


def _create(path: Path) -> None:
    # Written aside and linked into place: of two processes that start at once, both read the same whole secret.
    draft = path.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
