"""Mastodon hashtags (and servers that speak like it): first some days back from the newest, then upwards from the last post stored."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from urllib.parse import parse_qs, quote, urlsplit

from core.errors import InvalidInput
from scrapers.base import Batch, Options, Pull, Row, SourceChanged, check_web_address, optional_text, parse_json, part, text_part
from scrapers.markup import text_of
from store.records import OptionSpec

PAGE_SIZE = 40
"""The most that Mastodon gives."""
_LINK = re.compile(r'<([^>]{1,2000})>\s*;\s*rel="?(next|prev)"?')
_TAG = re.compile(r"[^\W]+(?:[·・‿-]\w+)*")


class Mastodon:
    """Public posts under hashtags. A boost is the boosted text again, with the post it repeats as its parent."""

    name = "mastodon"
    description = "Public posts under hashtags on a Mastodon server"
    options = (
        OptionSpec("server", "Address of the server", required=True, example="https://mastodon.social", receives_secrets=True),
        OptionSpec("hashtags", "Hashtags without #, comma separated", required=True, example="koe, voiceofcustomer"),
        OptionSpec("token", "Access token with read:statuses, for servers that ask for one", secret=True),
    )
    every_seconds = 120
    overlap = timedelta(0)
    reach: timedelta | None = timedelta(days=7)

    def check(self, options: Options) -> None:
        check_web_address(options, "server")
        for tag in hashtags(options):
            if not _TAG.fullmatch(tag):
                raise InvalidInput(
                    f"hashtag {tag[:40]!r} has characters that hashtags cannot have; give words such as koe", field="hashtags"
                )

    def series(self, options: Options) -> Sequence[str]:
        return tuple(f"{urlsplit(options['server']).netloc}#{tag}" for tag in hashtags(options))

    def batches(self, pull: Pull) -> Iterator[Batch]:
        min_id = pull.state.get("min_id")
        yield from self._upwards(pull, min_id) if min_id else self._back(pull)

    def _upwards(self, pull: Pull, min_id: str) -> Iterator[Batch]:
        """Pages of posts right above `min_id`, oldest page first: each can be gone on from."""
        while True:
            posts, links = self._page(pull, {"min_id": min_id})
            if not posts:
                return
            above = links.get("prev", {}).get("min_id") or text_part(posts[0], "id")
            if above == min_id:
                return
            min_id = above
            yield Batch(posts, {"min_id": min_id}, resumable=True)

    def _back(self, pull: Pull) -> Iterator[Batch]:
        """Pages from the newest post back; only when the last is stored may the newest be remembered."""
        newest, place = "", dict[str, str]()
        while True:
            posts, links = self._page(pull, place)
            if not posts:
                return
            newest = newest or text_part(posts[0], "id")
            yield Batch(posts, {"min_id": newest})
            below = links.get("next", {}).get("max_id")
            if not below or below == place.get("max_id"):
                return
            place = {"max_id": below}

    def _page(self, pull: Pull, place: Mapping[str, str]) -> tuple[list[object], dict[str, dict[str, str]]]:
        tag = pull.series.rpartition("#")[2]
        url = f"{pull.options['server'].rstrip('/')}/api/v1/timelines/tag/{quote(tag, safe='')}"
        token = pull.options.get("token")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        fetched = pull.http.get(url, params={"limit": str(PAGE_SIZE), **place}, headers=headers)
        posts = parse_json(fetched)
        if not isinstance(posts, list):
            raise SourceChanged(f"{url} answered no list of posts")
        return posts, read_links(fetched.headers.get("Link", ""))

    def read(self, entry: object, pull: Pull) -> Row:
        boosted = entry.get("reblog") if isinstance(entry, Mapping) else None
        post = boosted or entry
        text = text_of(text_part(post, "content"))
        if not text:
            return None  # a picture without words
        account = part(entry, "account")
        followers = account.get("followers_count") if isinstance(account, Mapping) else None
        boosts = optional_text(post, "reblogs_count")
        return {
            "text": text,
            "title": optional_text(post, "spoiler_text"),
            "external_id": text_part(entry, "id"),
            "created_at": text_part(entry, "created_at"),
            "url": optional_text(entry, "url") or optional_text(entry, "uri"),
            "language": optional_text(post, "language"),
            "kind": "social",
            "author": {"id": text_part(account, "id"), "name": optional_text(account, "acct"), "followers": followers},
            "parent_id": text_part(boosted, "id") if boosted else optional_text(post, "in_reply_to_id"),
            "attributes": {"boosts": boosts} if boosts not in {None, "0"} else {},
        }


def hashtags(options: Options) -> tuple[str, ...]:
    """The tags of the option, without #."""
    return tuple(dict.fromkeys(tag.lstrip("#＃") for tag in options.listed("hashtags")))


def read_links(header: str) -> dict[str, dict[str, str]]:
    """Relation -> query of a Link header. Only the place is taken from it: the address stays ours, and with it the token."""
    return {
        relation: {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()} for url, relation in _LINK.findall(header)
    }
