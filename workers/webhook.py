"""Webhooks: the change as JSON with its text and link, signed by the Standard Webhooks scheme and by our older one."""

import json
from datetime import datetime

from workers.letters import Attempt, Letter, Outside
from workers.posting import post, to_body
from workers.signature import sign, sign_standard


def send(outside: Outside, letter: Letter, now: datetime) -> Attempt:
    """One signed request; the body is the same on every attempt."""
    body, secret, event_id = to_body(content(letter)), letter.secrets["signing_secret"], letter.delivery.event_id
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": sign_standard(event_id, body, secret, now),
        "X-Koe-Event": letter.delivery.event,
        "X-Koe-Delivery": event_id,
        "X-Koe-Signature": sign(body, secret, now),
    }
    return post(outside, letter, letter.secrets["url"], body, headers, now)[0]


def content(letter: Letter) -> dict[str, object]:
    """The message as it was enqueued, with the id to drop doubles by, and the words for people."""
    text = {"headline": letter.wording.headline, "text": letter.wording.sentences}
    lines = {"lines": list(letter.wording.lines)} if letter.wording.lines else {}
    extra = {"acknowledge_url": letter.link} if letter.link else {}
    quoted = {"quotes": list(letter.quotes)} if letter.quotes else {}
    return {"id": letter.delivery.event_id, **json.loads(letter.delivery.payload), **text, **lines, **extra, **quoted}
