"""Signs a webhook so that its receiver knows who sent it and when; the receiver's half is in docs/operations.md."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

PREFIX = "whsec_"


def sign(body: bytes, secret: str, now: datetime) -> str:
    """`t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`, the scheme that Stripe made common: the time is signed, so a replay shows."""
    seconds = str(int(now.timestamp()))
    digest = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def sign_standard(event_id: str, body: bytes, secret: str, now: datetime) -> str:
    """`v1,<base64 HMAC-SHA256 of "id.timestamp.body">`: https://github.com/standard-webhooks/standard-webhooks, version 1.0.0.

    The key is what `whsec_<base64>` encodes; a secret of another form is taken by its UTF-8 bytes.
    """
    signed = f"{event_id}.{int(now.timestamp())}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    if secret.startswith(PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()
