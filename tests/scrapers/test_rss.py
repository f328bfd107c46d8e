"""RSS and Atom: conditional requests against real static servers, dates, names, markup and bombs."""

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import InvalidInput
from scrapers.base import SourceChanged
from scrapers.rss import read_date
from scrapers.table import connector_named, validate_options
from tests.scrapers.servers import Asked, Reply, serving
from tests.scrapers.worlds import NOW, Pulled, World, collect

ITEM = (
    "<item><guid>1</guid><description>Late &lt;b&gt;again&lt;/b&gt;</description><pubDate>Sun, 01 Mar 2026 09:00:00 +0900</pubDate></item>"
)


def rss(items: str, *, before: str = "") -> bytes:
    return f"<?xml version='1.0'?>{before}<rss version='2.0'><channel><language>en-us</language>{items}</channel></rss>".encode()


def pulled_from(body: bytes, *, content_type: str = "application/xml") -> Pulled:
    with serving(lambda asked: Reply(body, headers={"Content-Type": content_type})) as server:
        return collect("rss", World({"url": f"{server.url}/feed", "kind": "review"}))


@contextmanager
def static_files(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The standard library's file server, which honours If-Modified-Since; and the status of each of its answers."""
    statuses: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            statuses.append(str(int(code)))

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", statuses
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_static_server_is_asked_for_changes_only(tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_bytes(rss(ITEM))
    with static_files(tmp_path) as (url, statuses):
        world = World({"url": f"{url}/feed.xml"})
        first = collect("rss", world)
        second = collect("rss", world, first.cursor)
        third = collect("rss", world, second.cursor)
    assert (statuses, len(first.rows), second.rows, third.rows) == (["200", "304", "304"], 1, [], [])


def test_an_etag_is_sent_back_and_a_new_one_kept() -> None:
    def answer(asked: Asked) -> Reply:
        version = f'"v{len(asked_for) // 2}"'
        asked_for.append(asked.headers.get("if-none-match"))
        return Reply(status=304) if asked_for[-1] == version else Reply(rss(ITEM), headers={"ETag": version})

    asked_for: list[str | None] = []
    with serving(answer) as server:
        cursor = None
        for _ in range(4):
            cursor = collect("rss", World({"url": server.url}), cursor).cursor
    assert asked_for == [None, '"v0"', '"v0"', '"v1"']


def test_validators_of_one_address_are_never_sent_to_another() -> None:
    with serving(lambda asked: Reply(rss(ITEM), headers={"ETag": '"v1"'})) as server:
        cursor = collect("rss", World({"url": server.url + "/a"})).cursor
        collect("rss", World({"url": server.url + "/b"}), cursor)
    assert "if-none-match" not in server.asked[1].headers


def test_reads_an_rss_item() -> None:
    item = (
        "<item><guid>g-1</guid><title>Parcel</title><link>https://shop.example/1</link><author>ana@shop.example (Ana)</author>"
        "<description>&lt;p&gt;Late &amp;amp; wet.&lt;/p&gt;&lt;script&gt;x()&lt;/script&gt;&lt;p&gt;Again.&lt;/p&gt;</description>"
        "<pubDate>Sun, 01 Mar 2026 09:00:00 +0900</pubDate></item>"
    )
    (row,) = pulled_from(rss(item)).rows
    assert (row.text, row.title, row.external_id, row.url) == ("Late & wet.\n\nAgain.", "Parcel", "g-1", "https://shop.example/1")
    assert (row.created_at, row.language, row.kind) == (datetime(2026, 3, 1, tzinfo=UTC), "en", "review")
    assert row.author is not None
    assert row.author.name == "Ana"


def test_reads_an_atom_entry() -> None:
    entry = (
        "<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>urn:1</id><title type='text'>1 &lt; 2</title>"
        "<content type='text'>a &lt;b&gt; c</content><updated>2026-03-01T09:00:00Z</updated><published>2026-02-01T09:00:00Z</published>"
        "<author><name>Ana</name></author></entry></feed>"
    )
    (row,) = pulled_from(entry.encode()).rows
    assert (row.text, row.external_id, row.created_at.month) == ("a <b> c", "urn:1", 2)


def test_an_item_without_words_is_no_feedback_and_one_with_a_title_only_is() -> None:
    pulled = pulled_from(rss("<item><guid>1</guid></item><item><guid>2</guid><title>Late again</title></item>"))
    assert [(row.text, row.title) for row in pulled.rows] == [("Late again", None)]
    assert pulled.rejects == []


PAGE = "<link>https://shop.example/kettle</link>"
DATED = "<pubDate>Sun, 01 Mar 2026 09:00:00 GMT</pubDate>"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{PAGE}<title>Late</title>", f"{PAGE}<title>Wet</title>"),
        (f"{PAGE}<title>Late</title>{DATED}", f"{PAGE}<title>Late</title>{DATED.replace('09:', '10:')}"),
        (f"{PAGE}<title>Late</title><description>Two weeks</description>", f"{PAGE}<title>Late</title><description>Three</description>"),
        (f"<title>Late</title>{DATED}", f"<link>https://shop.example/mug</link><title>Late</title>{DATED}"),
    ],
)
def test_an_item_without_guid_has_a_name_of_its_own_whatever_stands_beside_it(one: str, other: str) -> None:
    one, other = f"<item>{one}</item>", f"<item>{other}</item>"
    alone, together, gone, of_the_feed = (pulled_from(rss(items)).ids for items in (one, other + one, other, PAGE + one))
    assert together == [*gone, *alone]
    assert of_the_feed == alone
    assert len({*alone, *gone}) == 2
    assert all(str(name).startswith("sha256:") for name in together)


def test_an_edit_keeps_the_name_of_a_dated_item_without_guid() -> None:
    first, edited = (pulled_from(rss(f"<item>{PAGE}<title>A</title>{DATED}<description>{text}</description></item>")).ids for text in "xy")
    assert first == edited


def test_long_guids_that_begin_alike_are_told_apart() -> None:
    start = "https://shop.example/" + "x" * 235
    ids = [
        str(one)
        for one in pulled_from(rss("".join(f"<item><guid>{start}{end}</guid><title>A</title></item>" for end in ("", "1", "2")))).ids
    ]
    assert (ids[0], [len(one) for one in ids], len(set(ids))) == (start, [256, 256, 256], 3)
    assert ids[1].startswith(start[:191] + "#")


def test_an_item_without_a_date_is_not_dated() -> None:
    (row,) = pulled_from(rss("<item><guid>1</guid><title>Late</title></item>")).rows
    assert (row.created_at, row.dated) == (NOW, False)


def test_an_unreadable_date_is_rejected_and_a_readable_second_one_taken() -> None:
    items = (
        "<item><guid>1</guid><title>A</title><pubDate>03/04/2026</pubDate></item>"
        "<item><guid>2</guid><title>B</title><pubDate>yesterday</pubDate>"
        "<dc:date xmlns:dc='http://purl.org/dc/elements/1.1/'>2026-02-28T10:00:00Z</dc:date></item>"
    )
    pulled = pulled_from(rss(items))
    assert [(row.external_id, row.created_at.day) for row in pulled.rows] == [("2", 28)]
    assert "03/04/2026" in pulled.rejects[0].reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 01 Mar 2026 09:00:00 +0900", "2026-03-01T00:00:00+00:00"),
        ("1 Mar 2026 09:00 GMT", "2026-03-01T09:00:00+00:00"),
        ("Sun, 01 Mar 2026 09:00:00 EST", "2026-03-01T14:00:00+00:00"),
        ("Sun, 01 Mar 2026 09:00:00", "2026-03-01T09:00:00+00:00"),
        ("2026-03-01T09:00:00-05:00", "2026-03-01T14:00:00+00:00"),
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("Sun, 01 Mar 2026 09:00:00 JST", None),
        ("Sun, 31 Feb 2026 09:00:00 GMT", None),
        ("03/04/2026", None),
        ("01-03-2026 09:00", None),
        ("March 1, 2026", None),
        ("2026", None),
        ("now", None),
    ],
)
def test_a_date_is_read_for_certain_or_not_at_all(text: str, expected: str | None) -> None:
    moment = read_date(text)
    assert (moment.isoformat() if moment else None) == expected


BILLION = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
LAUGHS = f"<!DOCTYPE rss [<!ENTITY l0 'lol'>{BILLION}]>"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp037"])
def test_refuses_a_billion_laughs_in_any_encoding(encoding: str) -> None:
    bomb = rss("<item><guid>1</guid><title>&l9;</title></item>", before=LAUGHS).decode()
    declared = bomb.replace("version='1.0'", f"version='1.0' encoding='{encoding}'")
    error = pulled_from(declared.encode(encoding), content_type=f"application/xml; charset={encoding}").error
    assert isinstance(error, SourceChanged)
    assert "entities" in str(error)


def test_refuses_a_bomb_in_a_document_that_is_not_well_formed() -> None:
    bomb = b"<?xml version='1.0'?><oops<!DOCTYPE rss [<!ENTITY a 'x'>]><rss version='2.0'><channel><title>&a;</title></channel></rss>"
    assert isinstance(pulled_from(bomb).error, SourceChanged)


def test_an_entity_in_the_words_of_a_customer_is_text() -> None:
    (row,) = pulled_from(rss("<item><guid>1</guid><description><![CDATA[<!ENTITY x 'y'> in my XML]]></description></item>")).rows
    assert "in my XML" in row.text


def test_an_outside_document_type_is_not_fetched() -> None:
    with serving(lambda asked: Reply(b"")) as other:
        pulled = pulled_from(rss(ITEM, before=f"<!DOCTYPE rss SYSTEM '{other.url}/x.dtd'>"))
        assert (len(pulled.rows), other.asked) == (1, [])


def test_a_feed_that_is_not_well_formed_is_read_as_far_as_it_goes() -> None:
    assert len(pulled_from(rss(ITEM)[:-20]).rows) == 1


@pytest.mark.parametrize("body", [b"", b"<html><body>hello</body></html>", b'{"version": "1"}', b"\x00\x01\x02", b"<?xml version='1.0'?>"])
def test_what_is_no_feed_says_so(body: bytes) -> None:
    error = pulled_from(body).error
    assert isinstance(error, SourceChanged)
    assert "no RSS or Atom feed" in str(error)


def test_a_feed_without_items_is_nothing_new() -> None:
    pulled = pulled_from(rss(""))
    assert (pulled.rows, pulled.error) == ([], None)


@pytest.mark.parametrize(
    ("options", "field"), [({"url": "ftp://x.example/f"}, "url"), ({"url": "https://x.example", "kind": "blog"}, "kind")]
)
def test_refuses_options_that_cannot_work(options: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate_options(connector_named("rss"), options)
    assert caught.value.field == field
