"""RSS and Atom feeds: one page, fetched only when it changed; an entry whose date cannot be read is rejected, never dated by guess."""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin
from xml.parsers import expat

import feedparser
from feedparser.encodings import convert_to_utf8

from core.errors import InvalidInput
from core.times import parse_time
from scrapers.base import Batch, Options, Pull, Row, SourceChanged, check_web_address
from scrapers.http import Fetched, shown
from scrapers.markup import text_of
from store.intake import LONGEST
from store.records import KINDS, OptionSpec

_MAIL_DATE = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?\d{1,2}\s+[A-Za-z]{3,9}\s+\d{4}\s+\d{1,2}:\d{2}(?::\d{2})?"
    r"(?:\s+(?:[+-]\d{4}|GMT|UTC|UT|Z|EST|EDT|CST|CDT|MST|MDT|PST|PDT))?",
    re.ASCII,
)
"""RFC 822 with the zones it knows: of any other zone ("JST") nobody can say by how much it would be wrong."""

_MAIL_AUTHOR = re.compile(r"\S+@\S+\s+\((.+)\)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a feed as plain values."""

    id: str
    title: str
    html: str
    link: str
    author: str
    language: str
    dates: tuple[str, ...]


class Rss:
    """Any RSS or Atom feed. The first text of content, summary and title is the feedback; guid, id or a link of its own names it.

    An entry without any date gets the time when it was first seen.
    """

    name = "rss"
    description = "An RSS or Atom feed: blog comments, forum posts, reviews, support topics"
    options = (
        OptionSpec("url", "Address of the feed", required=True, example="https://forum.example.com/posts.rss"),
        OptionSpec("kind", f"What its entries are: {', '.join(KINDS)}", default="other", example="social"),
    )
    every_seconds = 900
    overlap = timedelta(0)
    reach: timedelta | None = None

    def check(self, options: Options) -> None:
        check_web_address(options, "url")
        if options["kind"] not in KINDS:
            raise InvalidInput(f"kind {options['kind'][:40]!r} is unknown; known are {', '.join(KINDS)}", field="kind")

    def series(self, options: Options) -> Sequence[str]:
        # A digest, so that validators of one address are never sent to another, and no key in the address lands in the cursor.
        return (sha256(options["url"].encode()).hexdigest()[:16],)

    def batches(self, pull: Pull) -> Iterator[Batch]:
        validators = pull.state.get("etag"), pull.state.get("last_modified")
        fetched = pull.http.get(pull.options["url"], etag=validators[0], last_modified=validators[1])
        if fetched.not_modified:
            yield Batch((), pull.state)
            return
        names = {"etag": "ETag", "last_modified": "Last-Modified"}
        state = {name: fetched.headers[header] for name, header in names.items() if header in fetched.headers}
        yield Batch(entries_of(fetched), state)

    def read(self, entry: object, pull: Pull) -> Row:
        assert isinstance(entry, Entry)  # noqa: S101 - batches() makes them
        text, title = text_of(entry.html), text_of(entry.title)
        if not (text or title):
            return None
        return {
            "text": text or title,
            "title": title if text else None,
            "external_id": name_of(entry, title, text),
            "created_at": first_date(entry.dates),
            "author": {"name": entry.author},
            "url": entry.link,
            "language": entry.language,
            "kind": pull.options["kind"],
        }


def entries_of(fetched: Fetched) -> list[Entry]:
    """The entries of a feed. Raises SourceChanged for what is no feed, or defines XML entities, as bombs do."""
    where = shown(fetched.url)
    headers = {"content-type": fetched.headers.get("Content-Type", "")}
    found: dict[str, Any] = {}
    body = convert_to_utf8(headers, fetched.body, found)
    refuse_entities(body, where)
    # A stream, for feedparser would open an address; and no base address, for ids must not change with the server's name.
    parsed = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    if not parsed.version:
        raise SourceChanged(f"{where} answered no RSS or Atom feed")
    language = str(dict.get(parsed.feed, "language", ""))
    return [_entry(dict(raw), fetched.url, language) for raw in parsed.entries]


def name_of(entry: Entry, title: str, text: str) -> str:
    """The external id: guid or id, else a digest of link, title and date, or of the text where there is no date.

    Nothing of it depends on the other entries, which come and go: an entry whose name changed would come again. A link alone is no name,
    for in a feed made by hand it may be that of the product.
    """
    if entry.id:
        if len(entry.id) <= LONGEST["external_id"]:
            return entry.id
        digest = sha256(entry.id.encode()).hexdigest()
        return f"{entry.id[: LONGEST['external_id'] - len(digest) - 1]}#{digest}"
    parts = (entry.link, title, entry.dates[0] if entry.dates else text)
    return f"sha256:{sha256(chr(0).join(parts).encode()).hexdigest()[:40]}"


def refuse_entities(body: bytes, where: str) -> None:
    """Raise SourceChanged when the document type declares entities: a kilobyte of them unfolds to gigabytes, and no feed needs one."""

    def declared(*_: object) -> None:
        raise SourceChanged(f"{where} declares XML entities, which can unfold without end; it was not read")

    def began(*_: object) -> None:
        raise StopIteration

    parser = expat.ParserCreate()
    parser.EntityDeclHandler, parser.StartElementHandler = declared, began
    try:
        parser.Parse(body, True)  # noqa: FBT003 - the name is positional in expat
    except StopIteration:
        return
    except expat.ExpatError:
        if b"<!ENTITY" in body:
            declared()


def first_date(dates: Sequence[str]) -> datetime | None:
    """The first date that can be read; None when there is none at all. Raises SourceChanged when there are some and none can be read."""
    for text in dates:
        moment = read_date(text)
        if moment is not None:
            return moment
    if dates:
        raise SourceChanged(f"no date that can be read: {dates[0][:40]!r} is neither RFC 822 nor ISO 8601")
    return None


def read_date(text: str) -> datetime | None:
    """RFC 822 or ISO 8601, UTC where no zone is given; None for anything else."""
    plain = " ".join(text.split())
    if _MAIL_DATE.fullmatch(plain):
        try:
            moment = parsedate_to_datetime(plain)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    try:
        return parse_time(plain)
    except InvalidInput:
        return None


def _entry(raw: dict[str, Any], base: str, language: str) -> Entry:
    content = next((dict(one) for one in raw.get("content", ()) if dict.get(one, "value")), None) or dict(raw.get("summary_detail") or {})
    html = str(content.get("value") or "")
    if content.get("type") == "text/plain":
        html = html.replace("&", "&amp;").replace("<", "&lt;")
    address_and_name = _MAIL_AUTHOR.fullmatch(str(raw.get("author") or ""))
    author = address_and_name[1] if address_and_name else dict(raw.get("author_detail") or {}).get("name") or raw.get("author") or ""
    dates = tuple(str(raw[name]) for name in ("published", "created", "updated") if raw.get(name))
    return Entry(
        id=str(raw.get("id") or ""),
        title=str(raw.get("title") or ""),
        html=html,
        link=_absolute(base, str(raw.get("link") or "")),
        author=str(author),
        language=str(content.get("language") or language),
        dates=dates,
    )


def _absolute(base: str, link: str) -> str:
    try:
        return urljoin(base, link) if link else ""
    except ValueError:
        return ""
