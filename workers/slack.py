"""Slack: by an incoming webhook, or by chat.postMessage with a bot's token, where later changes answer in the thread of the first.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, https://docs.slack.dev/reference/methods/chat.postMessage
"""

import json
from datetime import datetime, timedelta

import httpx

from insights.phrases import LABELS
from insights.wording import shortened
from workers.letters import Attempt, Letter, Outside
from workers.posting import post, to_body

ADDRESS = "https://slack.com/api/chat.postMessage"
PASSING = frozenset({
    "ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org",
})  # fmt: skip
"""Reasons of an `ok: false` that may be over later; all others (a bad token, a channel that is gone) need somebody to act."""
LONGEST_HEADER = 150
LONGEST_TEXT = 3000
LONGEST_FIELD = 2000
MOST_FIELDS = 10


def send(outside: Outside, letter: Letter, now: datetime) -> Attempt:
    """One message."""
    if "token" not in letter.secrets:
        return post(outside, letter, letter.secrets["url"], to_body(message(letter)), {}, now)[0]
    place = {"channel": letter.option("channel"), "unfurl_links": False, "unfurl_media": False}
    thread = {"thread_ts": letter.thread} if letter.thread else {}
    headers = {"Authorization": f"Bearer {letter.secrets['token']}", "Content-Type": "application/json; charset=utf-8"}
    body = to_body(message(letter) | place | thread)
    attempt, response = post(outside, letter, letter.option("api_url") or ADDRESS, body, headers, now)
    return attempt if attempt.error is not None or response is None else judge_result(attempt, response)


def judge_result(attempt: Attempt, response: httpx.Response) -> Attempt:
    """Slack answers 200 to what it refuses as well: the body says which."""
    try:
        result = json.loads(response.content)
        taken, reason, ts = result["ok"] is True, str(result.get("error", "no reason given")), result.get("ts")
    except (ValueError, KeyError, TypeError, AttributeError):
        return Attempt("answered 200 with something that is not Slack's JSON", again=True, answer=attempt.answer)
    if taken:
        return Attempt(answer=attempt.answer, receipt=None if ts is None else str(ts)[:100])
    again = reason in PASSING
    return Attempt(
        f"Slack refused it: {reason[:100]}", again=again, retry_after=timedelta(minutes=1) if again else None, answer=attempt.answer
    )


def message(letter: Letter) -> dict[str, object]:
    """Blocks, and the same as one line for notifications. Names and quotes go where Slack reads no markup, or escaped."""
    labels, wording = LABELS[letter.channel.language], letter.wording
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": _plain(wording.headline, LONGEST_HEADER)},
        {"type": "section", "text": _plain(wording.sentences, LONGEST_TEXT)},
    ]
    if wording.lines:
        blocks.append({"type": "section", "text": _plain("\n".join(f"• {line}" for line in wording.lines), LONGEST_TEXT)})
    if wording.facts:
        fields = [_marked(f"*{escape(label)}*\n{escape(value)}", LONGEST_FIELD) for label, value in wording.facts[:MOST_FIELDS]]
        blocks.append({"type": "section", "fields": fields})
    if letter.quotes:
        blocks.append({"type": "section", "text": _marked(f"*{escape(labels['quotes'])}*", LONGEST_TEXT)})
        blocks += [{"type": "section", "text": _plain(f"“{quote}”", LONGEST_TEXT)} for quote in letter.quotes]
    if letter.link:
        blocks.append({"type": "section", "text": _marked(f"<{escape(letter.link)}|{escape(labels['acknowledge'])}>", LONGEST_TEXT)})
    blocks.append({"type": "context", "elements": [_plain(f"{labels['sent']} · {letter.delivery.event_id}", LONGEST_FIELD)]})
    return {"text": escape(wording.headline), "blocks": blocks}


def escape(text: str) -> str:
    """The three characters that mean something to Slack; without them there is no <!channel> and no link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str, longest: int) -> dict[str, object]:
    return {"type": "plain_text", "text": shortened(text, longest), "emoji": False}


def _marked(text: str, longest: int) -> dict[str, object]:
    return {"type": "mrkdwn", "text": text[:longest], "verbatim": True}
