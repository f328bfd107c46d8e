"""App Store reviews: pages in the format that Apple publishes, written by us."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import InvalidInput
from scrapers.base import SourceChanged
from scrapers.table import connector_named, validate_options
from store.records import Author, NewFeedback, Rating
from tests.scrapers.servers import Asked, Reply, serving
from tests.scrapers.worlds import NOW, Post, Pulled, World, a_review, app_store_world, collect

PAGE = """{"feed": {"author": {"name": {"label": "iTunes Store"}, "uri": {"label": "http://www.apple.com/uk/itunes/"}}, "entry": [
  {"author": {"uri": {"label": "https://itunes.apple.com/gb/reviews/id4711"}, "name": {"label": "tea_and_rain"}, "label": ""},
   "updated": {"label": "2026-02-27T03:12:45-07:00"}, "im:rating": {"label": "2"}, "im:version": {"label": "26.7.1"},
   "id": {"label": "12345678901"}, "title": {"label": "Used to be good"},
   "content": {"label": "Every update moves the buttons.\\n\\nPlease stop & listen <3", "attributes": {"type": "text"}},
   "link": {"attributes": {"rel": "related", "href": "https://itunes.apple.com/gb/review?id=310633997&type=Purple%20Software"}},
   "im:voteSum": {"label": "3"},
   "im:contentType": {"attributes": {"term": "Application", "label": "Application"}}, "im:voteCount": {"label": "4"}}
 ], "updated": {"label": "2026-03-01T01:00:00-07:00"}, "rights": {"label": "Copyright 2008 Apple Inc."},
 "title": {"label": "iTunes Store: Customer Reviews"}, "icon": {"label": "http://itunes.apple.com/favicon.ico"},
 "link": [{"attributes": {"rel": "alternate", "type": "text/html", "href": "https://music.apple.com/WebObjects/"}}],
 "id": {"label": "https://mzstoreservices-int-st.itunes.apple.com/gb/rss/customerreviews/id=310633997/json"}}}"""
EMPTY = '{"feed": {"id": {"label": "x"}, "link": []}}'


def pulled_from(*pages: str, countries: str = "gb") -> Pulled:
    with serving(in_order(*pages)) as server:
        return collect("app_store", World({"server": server.url, "app_id": "310633997", "countries": countries}))


def in_order(*pages: str) -> Callable[[Asked], Reply]:
    left = iter(pages)
    return lambda asked: Reply(next(left, EMPTY).encode())


def test_reads_a_page_as_apple_writes_it() -> None:
    (row,) = pulled_from(PAGE).rows
    assert row == NewFeedback(
        text="Every update moves the buttons.\n\nPlease stop & listen <3",
        created_at=datetime(2026, 2, 27, 10, 12, 45, tzinfo=UTC),
        source="Our source",
        external_id="12345678901",
        title="Used to be good",
        author=Author(id="4711", name="tea_and_rain"),
        url="https://itunes.apple.com/gb/review?id=310633997&type=Purple%20Software",
        country="GB",
        kind="review",
        rating=Rating(2, 5),
        attributes={"version": "26.7.1"},
    )


def test_asks_for_ten_pages_of_each_country_and_no_more() -> None:
    page = json.dumps({"feed": {"entry": [a_review(Post(1, "Late", NOW)), a_review(Post(2, "Later", NOW))]}})
    with serving(lambda asked: Reply(page.encode())) as server:
        collect("app_store", World({"server": server.url, "app_id": "310633997", "countries": "gb, JP"}))
    assert server.paths() == [
        f"/{country}/rss/customerreviews/page={page}/id=310633997/sortby=mostrecent/json"
        for country in ("gb", "jp")
        for page in range(1, 11)
    ]


def test_an_empty_feed_is_nothing_new() -> None:
    for page in (EMPTY, '{"feed": {"entry": []}}', ""):
        pulled = pulled_from(page)
        assert (pulled.rows, pulled.rejects, pulled.error) == ([], [], None)


def test_a_lone_review_comes_as_an_object() -> None:
    lone = json.loads(PAGE)
    lone["feed"]["entry"] = lone["feed"]["entry"][0]
    assert pulled_from(json.dumps(lone)).ids == ["12345678901"]


def test_the_app_itself_is_no_review() -> None:
    old = json.loads(PAGE)
    old["feed"]["entry"].insert(0, {"im:name": {"label": "Our app"}, "id": {"label": "https://itunes.apple.com/app/id310633997"}})
    pulled = pulled_from(json.dumps(old))
    assert (len(pulled.rows), pulled.rejects) == (1, [])


def test_a_review_without_a_date_is_not_dated() -> None:
    page = json.dumps({"feed": {"entry": [a_review(Post(1, "Late", None)), a_review(Post(2, "Later", NOW - timedelta(days=1)))]}})
    assert [(row.dated, row.created_at) for row in pulled_from(page).rows] == [(False, NOW), (True, NOW - timedelta(days=1))]


def test_stops_at_the_first_page_older_than_since_minus_the_overlap(tmp_path: Path) -> None:
    with app_store_world(tmp_path) as world:
        world.publish_many(1, 30)
        for number, post in enumerate(world.posts):
            post.at = NOW - timedelta(days=30 - number)
        first = collect("app_store", world)
        assert world.server is not None
        world.server.asked.clear()
        second = collect("app_store", world, first.cursor)
        # Since is one day ago; three days of overlap reach into page two, so page three is where it stops.
        assert (len(first.rows), len(second.rows), len(world.server.asked)) == (30, 9, 3)


def test_one_country_that_fails_does_not_hold_back_the_others() -> None:
    good = json.dumps({"feed": {"entry": [a_review(Post(1, "Late", NOW))]}}).encode()

    def answer(asked: Asked) -> Reply:
        return Reply(status=502) if asked.path.startswith("/us/") else Reply(good if "page=1/" in asked.path else EMPTY.encode())

    with serving(answer) as server:
        pulled = collect("app_store", World({"server": server.url, "app_id": "310633997", "countries": "us, jp"}))
    assert ([row.country for row in pulled.rows], "502" in str(pulled.error)) == (["JP"], True)


def test_a_rating_that_is_none_is_a_broken_review() -> None:
    odd = json.loads(PAGE)
    odd["feed"]["entry"].append({**odd["feed"]["entry"][0], "im:rating": {"label": "11"}})
    pulled = pulled_from(json.dumps(odd))
    assert (len(pulled.rows), pulled.rejects[0].line, "1 to 5" in pulled.rejects[0].reason) == (1, 2, True)


@pytest.mark.parametrize(
    "page", ["<html>", "[]", "{}", '{"feed": []}', '{"feed": {"entry": [{"x": 1}]}}', '{"feed": {"entry": [null, 5]}}']
)
def test_another_shape_says_that_the_source_changed(page: str) -> None:
    pulled = pulled_from(page)
    assert isinstance(pulled.error, SourceChanged)
    assert "app_store" in str(pulled.error)


@pytest.mark.parametrize(
    ("options", "field"), [({"app_id": "id5"}, "app_id"), ({"countries": "us, jpn"}, "countries"), ({"server": "x"}, "server")]
)
def test_refuses_options_that_cannot_work(options: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate_options(connector_named("app_store"), {"app_id": "310633997", **options})
    assert caught.value.field == field
