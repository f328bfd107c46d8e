"""The table of connectors. A new one is a file beside this and a word in SOURCES."""

from collections.abc import Mapping
from functools import partial

from core.errors import InvalidInput
from scrapers.app_store import AppStore
from scrapers.base import Connector, Options
from scrapers.mastodon import Mastodon
from scrapers.rss import Rss
from scrapers.survey_folder import SurveyFolder
from store.intake import primary_language
from store.records import ConnectorSpec, OptionSpec

_CONNECTORS: tuple[Connector, ...] = (AppStore(), Mastodon(), Rss(), SurveyFolder())
COMMON = (OptionSpec("language", "What most of it is written in; decides where a short text leaves doubt", example="ja"),)
"""Options that every connector has: they say something of the source, not how it is read."""
SOURCES: dict[str, Connector] = {connector.name: connector for connector in _CONNECTORS}


def connector_named(name: str) -> Connector:
    """Raises InvalidInput naming the connectors there are."""
    if name not in SOURCES:
        raise InvalidInput(f"unknown connector {name[:40]!r}; known are {', '.join(sorted(SOURCES))}", field="connector")
    return SOURCES[name]


def specs() -> Mapping[str, ConnectorSpec]:
    """Every connector described as data, for those who may not import this package."""
    return {name: _spec(connector) for name, connector in SOURCES.items()}


def validate_options(connector: Connector, options: Mapping[str, str]) -> None:
    """Raise InvalidInput (field = name of the option) unless the connector can work with these options."""
    filled_options(connector, options)


def filled_options(connector: Connector, options: Mapping[str, str]) -> Options:
    """Checked options with the defaults filled in. Raises InvalidInput."""
    known = {spec.name for spec in (*connector.options, *COMMON)}
    for name in options:
        if name not in known:
            raise InvalidInput(f"{connector.name} has no option {name[:40]!r}; it has {', '.join(sorted(known))}", field=name[:80])
    given = {name: value.strip() for name, value in options.items() if value.strip()}
    for spec in connector.options:
        if spec.required and spec.name not in given:
            example = f", such as {spec.example}" if spec.example else ""
            raise InvalidInput(f"{connector.name} needs the option {spec.name}{example}", field=spec.name)
    defaults = {spec.name: spec.default for spec in connector.options if spec.default is not None}
    filled = Options(defaults | given)
    connector.check(filled)
    primary_language(filled.get("language"))
    return filled


def _spec(connector: Connector) -> ConnectorSpec:
    check = partial(validate_options, connector)
    return ConnectorSpec(connector.name, connector.description, (*connector.options, *COMMON), connector.every_seconds, check)
