"""Two kinds of sources for tests, described as the real ones are."""

from collections.abc import Mapping

from core.errors import InvalidInput
from store.records import ConnectorSpec, OptionSpec


def check(options: Mapping[str, str]) -> None:
    if not options.get("url", "").startswith("https://"):
        raise InvalidInput("url must begin with https://", field="url")
    if options.get("token", "long enough") < "a":
        raise InvalidInput("token must begin with a letter", field="token")


CONNECTORS = {
    "feed": ConnectorSpec(
        name="feed",
        description="A feed of reviews.",
        options=(
            OptionSpec("url", "Where it is.", required=True, receives_secrets=True),
            OptionSpec("token", "Who asks.", secret=True),
            OptionSpec("section", "Which part of it."),
        ),
        every_seconds=900,
        check=check,
    )
}
