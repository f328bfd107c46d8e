"""The page behind the link in an alert: what surges, and a button to take it. Looking changes nothing, for mail programs look at links."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from api.services import Services, With
from core.errors import Conflict, NotFound
from insights.message import read_message
from insights.wording import Style, Wording, word
from store.alerts import acknowledge_alert, get_alert
from store.channels import get_channel
from store.deliveries import get_delivery, use_link
from store.links import open_link
from store.names import names
from store.records import ALERT_STATES, Alert, AlertState, Channel, ChannelLanguage, Delivery
from store.transitions import take_turn

router = APIRouter(include_in_schema=False)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
WORDS: dict[ChannelLanguage, dict[str, str]] = {
    "en": {
        "open": "Nobody looks at this yet.", "acknowledged": "Somebody looks at this already.", "snoozed": "This is put off for a while.",
        "resolved": "This is over.", "button": "I look at it", "done": "Thank you: everybody sees now that somebody looks at it.",
        "used": "This link was used before.", "unknown": "This link is not known here, or it is older than a week.",
    },
    "ja": {
        "open": "まだ誰も対応していません。", "acknowledged": "すでに対応中です。", "snoozed": "しばらく保留されています。",
        "resolved": "すでに収まっています。", "button": "対応する", "done": "ありがとうございます。対応中であることが全員に表示されます。",
        "used": "このリンクは使用済みです。", "unknown": "このリンクは無効か、1週間の期限が切れています。",
    },
}  # fmt: skip
PAGE = """<!doctype html>
<html lang="{language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Koe</title>
<style>
body {{ font-family: sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em; line-height: 1.5 }}
button {{ font-size: 1.2em; padding: .5em 1em }}
</style>
</head>
<body>
<h1>{headline}</h1>
<p>{sentences}</p>
{lines}
<p><strong>{status}</strong></p>
{form}
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Linked:
    """What a link leads to: the alerts that were told of under it, and how they stand together."""

    delivery: Delivery
    channel: Channel
    alerts: Sequence[Alert]
    wording: Wording

    @property
    def state(self) -> AlertState:
        """Open while nobody looks at one of them; resolved when all are."""
        return min((one.state for one in self.alerts), key=ALERT_STATES.index, default="resolved")


@router.get("/acknowledge/{token}")
def show_alert(token: str, services: With) -> HTMLResponse:
    """The alert as it was told, how it stands, and the button while nobody has it."""
    try:
        linked = follow(services, token, services.clock())
    except NotFound:
        return unknown()
    words = WORDS[linked.channel.language]
    button = f'<form method="post"><button>{words["button"]}</button></form>' if linked.state == "open" else ""
    return page(linked, words[linked.state], form=button)


@router.post("/acknowledge/{token}")
def take_alert(token: str, services: With) -> HTMLResponse:
    """Acknowledge all that was told, in the name of the channel that the link was sent to; once."""
    now = services.clock()
    try:
        linked = follow(services, token, now)
    except NotFound:
        return unknown()
    words, workspace_id = WORDS[linked.channel.language], linked.delivery.workspace_id
    try:
        with services.database.write() as connection:
            if not use_link(connection, workspace_id, linked.delivery.id, now):
                return page(linked, words["used"], status=409)
            take_turn(connection, workspace_id)
            going_on = [one for one in linked.alerts if get_alert(connection, workspace_id, one.id).state != "resolved"]
            if not going_on:
                raise Conflict("all that was told is over")
            for one in going_on:
                acknowledge_alert(connection, workspace_id, one.id, actor=f"channel {linked.channel.id}", now=now)
    except Conflict:
        return page(linked, words["resolved"], status=409)
    services.nudge("notify")  # the other channels that heard of it hear of this
    return page(linked, words["done"])


def follow(services: Services, token: str, now: datetime) -> Linked:
    """Raises NotFound for a link that leads nowhere any more."""
    link = open_link(services.vault, token, now)
    with services.database.read() as connection:
        delivery = get_delivery(connection, link.workspace_id, link.delivery_id)
        channel = get_channel(connection, link.workspace_id, delivery.channel_id)
        notice = read_message(delivery.payload)
        alerts = [get_alert(connection, link.workspace_id, one.id) for one in notice.spoken_of]
        called = names(connection, link.workspace_id, services.taxonomy.names, channel.language)
    style = Style(channel.language, ZoneInfo(channel.time_zone), called)
    return Linked(delivery, channel, alerts, word(notice, style))


def page(linked: Linked, status_text: str, *, form: str = "", status: int = 200) -> HTMLResponse:
    """Every word escaped."""
    lines = "".join(f"<li>{escape(line)}</li>" for line in linked.wording.lines)
    content = PAGE.format(
        language=linked.channel.language,
        headline=escape(linked.wording.headline),
        sentences=escape(linked.wording.sentences),
        lines=f"<ul>{lines}</ul>" if lines else "",
        status=escape(status_text),
        form=form,
    )
    return HTMLResponse(content, status, HEADERS)


def unknown() -> HTMLResponse:
    """The same answer for every link that is not good; in both languages, for nobody knows whose it was."""
    words = " ".join(WORDS[language]["unknown"] for language in WORDS)
    return HTMLResponse(PAGE.format(language="en", headline="Koe", sentences="", lines="", status=escape(words), form=""), 404, HEADERS)
