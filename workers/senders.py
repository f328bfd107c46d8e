"""How each kind of channel is told: the table of senders."""

from collections.abc import Callable, Mapping
from datetime import datetime

from store.records import ChannelKind
from workers import apprise_url, mail, pagerduty, slack, webhook
from workers.letters import Attempt, Letter, Outside

Send = Callable[[Outside, Letter, datetime], Attempt]
SENDERS: Mapping[ChannelKind, Send] = {
    "webhook": webhook.send,
    "pagerduty": pagerduty.send,
    "slack": slack.send,
    "email": mail.send,
    "apprise": apprise_url.send,
}
"""Kind -> how it is sent. A sender raises nothing: whatever happens outside is an Attempt."""
