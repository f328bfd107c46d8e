"""Signs a webhook so that its receiver knows who sent it and when; the receiver's half is in docs/api.md."""

import hashlib
import hmac
from datetime import datetime


def sign(body: bytes, secret: str, now: datetime) -> str:
    """`t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`, the scheme that Stripe made common: the time is signed, so a replay shows."""
    seconds = str(int(now.timestamp()))
    digest = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"
