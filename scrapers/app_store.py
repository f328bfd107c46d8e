"""Apple's public feed of App Store reviews: up to ten pages per country, newest first; best effort, for Apple promises nothing."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from core.errors import InvalidInput
from scrapers.base import Batch, Options, Pull, Row, SourceChanged, check_web_address, optional_text, parse_json, part, text_part
from scrapers.http import shown
from store.records import OptionSpec

PAGES = 10
"""Apple serves no more: about 500 reviews per country."""


class AppStore:
    """Customer reviews of one app. Their time is that of the last edit, the only one Apple tells; without it, when they were first seen."""

    name = "app_store"
    description = "App Store reviews of an app, by country, from Apple's public feed"
    options = (
        OptionSpec("app_id", "The digits after id in the app's address", required=True, example="310633997"),
        OptionSpec("countries", "Storefronts as two-letter codes, comma separated", default="us", example="us, jp, de"),
        OptionSpec("server", "Address of the feed's server, for a mirror", default="https://itunes.apple.com"),
    )
    every_seconds = 3600
    overlap = timedelta(days=3)
    reach: timedelta | None = None

    def check(self, options: Options) -> None:
        check_web_address(options, "server")
        if not (options["app_id"].isascii() and options["app_id"].isdigit()):
            raise InvalidInput(f"app_id {options['app_id'][:40]!r} is not a number such as 310633997", field="app_id")
        for country in options.listed("countries"):
            if not (len(country) == 2 and country.isascii() and country.isalpha()):
                raise InvalidInput(f"country {country[:40]!r} is not a code of two letters such as us or jp", field="countries")

    def series(self, options: Options) -> Sequence[str]:
        return tuple(f"{options['app_id']}/{country.lower()}" for country in options.listed("countries"))

    def batches(self, pull: Pull) -> Iterator[Batch]:
        app_id, _, country = pull.series.partition("/")
        for page in range(1, PAGES + 1):
            server = pull.options["server"].rstrip("/")
            url = f"{server}/{country}/rss/customerreviews/page={page}/id={app_id}/sortby=mostrecent/json"
            fetched = pull.http.get(url)
            feed = part(parse_json(fetched), "feed") if fetched.body.strip() else {}
            if not isinstance(feed, Mapping):
                raise SourceChanged(f"'feed' is no object in {shown(url)}")
            reviews = entries_of(feed)
            if not reviews:
                return
            yield Batch(reviews)

    def read(self, entry: object, pull: Pull) -> Row:
        if optional_text(entry, "im:name", "label") and not optional_text(entry, "im:rating", "label"):
            return None  # the app itself, which old answers put first
        title, words = optional_text(entry, "title", "label"), text_part(entry, "content", "label").strip()
        if not (words or title):
            return None
        version = optional_text(entry, "im:version", "label")
        return {
            "text": words or title,
            "title": title if words else None,
            "external_id": text_part(entry, "id", "label"),
            "created_at": optional_text(entry, "updated", "label"),
            "author": {"id": author_id(entry), "name": optional_text(entry, "author", "name", "label")},
            "url": optional_text(entry, "link", "attributes", "href"),
            "country": pull.series.partition("/")[2],
            "kind": "review",
            "rating": {"value": stars(entry), "scale": 5},
            "attributes": {"version": version} if version else {},
        }


def entries_of(feed: Mapping[str, object]) -> list[object]:
    """The reviews of a page; Apple sends a lone one as an object instead of a list, and none by leaving `entry` out."""
    entry = feed.get("entry", [])
    return list(entry) if isinstance(entry, list) else [entry]


def stars(entry: object) -> int:
    """The rating, 1 to 5. Raises SourceChanged."""
    text = text_part(entry, "im:rating", "label")
    if text not in {"1", "2", "3", "4", "5"}:
        raise SourceChanged(f"rating {text[:20]!r} is not 1 to 5")
    return int(text)


def author_id(entry: object) -> str | None:
    """The number at the end of the author's address (.../reviews/id123456)."""
    address = optional_text(entry, "author", "uri", "label") or ""
    number = address.rpartition("/id")[2]
    return number if number.isascii() and number.isdigit() else None
