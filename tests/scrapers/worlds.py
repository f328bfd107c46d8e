"""A fake outside world per connector: things are published there, it can fail or turn to rubbish, and the real connector pulls from it."""

import json
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

from core.errors import KoeError
from core.network import guarded_client
from core.times import to_rfc3339
from scrapers.http import Http, Pace
from scrapers.pull import Page, pull
from store.records import NewFeedback, RejectedRow, Source, SourceStatus
from tests.scrapers.servers import Asked, Reply, Server, serving

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Reading the certificates of the world takes a good part of a second, and no test needs them."""
SECRET = "s3cr3t-token"


@dataclass(slots=True)
class Post:
    """One thing that a customer wrote; `at` None is a date that is missing, `raw` is written in its place as it is."""

    id: int
    text: str
    at: datetime | None
    broken: bool = False


@dataclass(slots=True)
class World:
    """What was published, oldest first, and how the world behaves."""

    options: Mapping[str, str] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    folder: Path | None = None
    server: Server | None = None
    answers_left: int | None = None
    is_rubbish: bool = False
    wrote: Callable[[Post], None] = lambda post: None

    def publish(self, number: int, text: str = "", *, broken: bool = False) -> None:
        """Number 1 was written 100 minutes ago, each next one a minute later."""
        post = Post(1000 + number, text or f"Feedback {number}", NOW + timedelta(minutes=number - 100), broken)
        self.posts.append(post)
        self.wrote(post)

    def publish_many(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            self.publish(number)

    def behaving(self, answer: Callable[[Asked], Reply]) -> Callable[[Asked], Reply]:
        """`answer`, unless the world was told to fail or to talk rubbish."""

        def behave(asked: Asked) -> Reply:
            if self.answers_left is not None:
                self.answers_left -= 1
                if self.answers_left < 0:
                    return Reply(status=503)
            return Reply(b"<html>Down for maintenance</html>") if self.is_rubbish else answer(asked)

        return behave


@dataclass(slots=True)
class Pulled:
    """What a pull brought."""

    rows: list[NewFeedback] = field(default_factory=list)
    rejects: list[RejectedRow] = field(default_factory=list)
    pages: int = 0
    cursor: str | None = None
    error: KoeError | None = None

    @property
    def ids(self) -> list[str | None]:
        return [row.external_id for row in self.rows]

    @property
    def texts(self) -> list[str]:
        return sorted(row.text for row in self.rows)


def a_source(connector: str, options: Mapping[str, str], cursor: str | None = None) -> Source:
    never = SourceStatus(None, None, None, 0, 0)
    return Source(
        id="1", workspace_id="7", name="Our source", connector=connector, options=options, every_seconds=60, enabled=True,
        cursor=cursor, next_pull_at=NOW, created_at=NOW, status=never,
    )  # fmt: skip


def an_http() -> Http:
    return Http(guarded_client(["127.0.0.1"], verify=NO_AUTHORITIES), pace=Pace(sleep=lambda seconds: None), now=lambda: NOW)


def collect(connector: str, world: World, cursor: str | None = None, *, most_pages: int = 1000, now: datetime = NOW) -> Pulled:
    """Pull as the worker does, keeping what was stored when it fails; `most_pages` is where the worker dies."""
    pulled, http = Pulled(cursor=cursor), an_http()
    try:
        for page in pull(a_source(connector, world.options, cursor), http, now, folder=world.folder):
            _keep(pulled, page)
            if pulled.pages == most_pages:
                break
    except KoeError as error:
        pulled.error = error
    finally:
        http.close()
    return pulled


def _keep(pulled: Pulled, page: Page) -> None:
    pulled.pages += 1
    pulled.rows.extend(page.rows)
    pulled.rejects.extend(page.rejects)
    pulled.cursor = page.cursor


@contextmanager
def rss_world(tmp_path: Path) -> Iterator[World]:
    world = World()

    def answer(asked: Asked) -> Reply:
        entries = "".join(
            f"<item><guid>post-{post.id}</guid><description>{escape(post.text)}</description>"
            f"<pubDate>{'03/04/2026' if post.broken else post.at.strftime('%a, %d %b %Y %H:%M:%S GMT') if post.at else ''}</pubDate></item>"
            for post in reversed(world.posts)
        )
        return Reply(f"<?xml version='1.0'?><rss version='2.0'><channel><title>Forum</title>{entries}</channel></rss>".encode())

    with serving(world.behaving(answer)) as server:
        world.server, world.options = server, {"url": f"{server.url}/feed.xml"}
        yield world


@contextmanager
def mastodon_world(tmp_path: Path) -> Iterator[World]:
    world = World()

    def answer(asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {SECRET}":
            return Reply(status=401)
        low, high = int(asked.query.get("min_id", "0")), int(asked.query.get("max_id", "99999999"))
        within = [post for post in world.posts if low < post.id < high]
        page = within[:3][::-1] if low else within[-3:][::-1]
        base = f"{asked.headers['host']}{asked.path}?limit=3"
        links = f'<http://{base}&max_id={page[-1].id}>; rel="next", <http://{base}&min_id={page[0].id}>; rel="prev"' if page else ""
        return Reply(json.dumps([a_status(post) for post in page]).encode(), headers={"Link": links})

    with serving(world.behaving(answer)) as server:
        world.server, world.options = server, {"server": server.url, "hashtags": "#koe", "token": SECRET}
        yield world


def a_status(post: Post) -> dict[str, object]:
    status: dict[str, object] = {
        "id": str(post.id),
        "created_at": to_rfc3339(post.at) if post.at else None,
        "content": f"<p>{escape(post.text)}</p>",
        "language": "en",
        "url": f"https://social.example/@ana/{post.id}",
        "reblogs_count": 2,
        "account": {"id": "9", "acct": "ana", "followers_count": 12},
    }
    return {"id": str(post.id)} if post.broken else status


@contextmanager
def app_store_world(tmp_path: Path) -> Iterator[World]:
    world = World()

    def answer(asked: Asked) -> Reply:
        page = int(asked.path.split("page=")[1].split("/")[0])
        newest_first = world.posts[::-1][3 * (page - 1) : 3 * page]
        feed: dict[str, object] = {"id": {"label": asked.path}, "link": []}
        if newest_first:
            feed["entry"] = [a_review(post) for post in newest_first] if len(newest_first) > 1 else a_review(newest_first[0])
        return Reply(json.dumps({"feed": feed}).encode())

    with serving(world.behaving(answer)) as server:
        world.server, world.options = server, {"server": server.url, "app_id": "310633997", "countries": "jp"}
        yield world


def a_review(post: Post) -> dict[str, object]:
    review: dict[str, object] = {
        "id": {"label": str(post.id)},
        "author": {"uri": {"label": "https://itunes.apple.com/jp/reviews/id77"}, "name": {"label": "Ana"}, "label": ""},
        "title": {"label": "Title"},
        "content": {"label": post.text, "attributes": {"type": "text"}},
        "im:rating": {"label": "2"},
        "im:version": {"label": "7.1"},
        "link": {"attributes": {"rel": "related", "href": "https://itunes.apple.com/jp/review?id=310633997&type=Purple%20Software"}},
    }
    if post.at is not None:
        review["updated"] = {"label": post.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")}
    return {name: value for name, value in review.items() if name != "im:rating"} if post.broken else review


@contextmanager
def survey_world(tmp_path: Path) -> Iterator[World]:
    """Each publication is a row in a file of its own, dropped when it was written."""
    folder = tmp_path / "surveys" / "7"
    folder.mkdir(parents=True)
    world = World(folder=tmp_path / "surveys")

    def write(post: Post) -> None:
        assert post.at is not None
        path = folder / f"{post.id}.csv"
        path.write_text(f"comment,date\n{post.text},{'03/04/2026' if post.broken else to_rfc3339(post.at)}\n")
        if world.is_rubbish:
            path.write_bytes(b"\x00\x01\x02\x03" * 500)
        os.utime(path, (post.at.timestamp(), post.at.timestamp()))

    world.wrote = write
    yield world


WORLDS: dict[str, Callable[[Path], AbstractContextManager[World]]] = {
    "rss": rss_world,
    "mastodon": mastodon_world,
    "app_store": app_store_world,
    "survey_folder": survey_world,
}
