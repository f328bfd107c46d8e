"""Mastodon hashtags: against the real mastodon-mock server, and paging against a timeline of ours."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from mastodon_mock.config import FaultConfig, MastodonMockConfig, SeedAccount, SeedConfig
from mastodon_mock.testing.server import MockServer

from core.errors import InvalidInput
from core.times import utcnow
from scrapers.http import SourceRefused
from scrapers.mastodon import read_links
from scrapers.table import connector_named, validate_options
from tests.scrapers.servers import Asked, Reply, serving
from tests.scrapers.worlds import NO_AUTHORITIES, NOW, SECRET, Pulled, World, collect, mastodon_world

ANA, BO = "ana-token", "bo-token"


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    accounts = [SeedAccount(username="ana", access_token=ANA), SeedAccount(username="bo", access_token=BO)]
    config = MastodonMockConfig(seed=SeedConfig(accounts=accounts), faults=FaultConfig(enabled=True))
    with MockServer(config=config) as server:
        yield server


def say(mock: MockServer, path: str, token: str = ANA, **sent: Any) -> Any:
    """A call as a client of the server makes it."""
    with httpx.Client(trust_env=False, verify=NO_AUTHORITIES) as client:
        return client.post(mock.base_url + path, headers={"Authorization": f"Bearer {token}"}, **sent).raise_for_status().json()


def posted(mock: MockServer, text: str, *, token: str = ANA, **more: str) -> str:
    return str(say(mock, "/api/v1/statuses", token, data={"status": text, "visibility": "public", **more})["id"])


def pulled_from(mock: MockServer, tags: str, cursor: str | None = None) -> Pulled:
    return collect("mastodon", World({"server": mock.base_url, "hashtags": tags, "token": BO}), cursor, now=utcnow())


def test_reads_what_a_real_server_says_of_a_post(mock: MockServer) -> None:
    number = posted(mock, "Mein Paket ist <weg> &\nniemand hilft #first", language="de", spoiler_text="Ärger")
    pulled = pulled_from(mock, "first")
    assert pulled.error is None
    (row,) = pulled.rows
    assert "Mein Paket ist <weg> &" in row.text
    assert "#first" in row.text
    assert (row.external_id, row.language, row.kind, row.title) == (number, "de", "social", "Ärger")
    assert row.author is not None
    assert (row.author.name, row.author.followers) == ("ana", 0)
    assert str(row.url).startswith("http")
    assert utcnow() - row.created_at < timedelta(minutes=5)


def test_goes_on_from_the_last_post_of_a_real_server(mock: MockServer) -> None:
    old = [posted(mock, f"Number {number} #paging") for number in range(41)]
    first = pulled_from(mock, "paging")
    new = [posted(mock, f"Number {number} #paging") for number in range(41, 82)]
    second = pulled_from(mock, "paging", first.cursor)
    third = pulled_from(mock, "paging", second.cursor)
    assert (sorted(map(str, first.ids)), sorted(map(str, second.ids)), third.rows) == (sorted(old), sorted(new), [])


def test_every_hashtag_has_a_cursor_of_its_own(mock: MockServer) -> None:
    posted(mock, "One #tagone")
    first = pulled_from(mock, "tagone, tagtwo")
    posted(mock, "Two #tagtwo")
    posted(mock, "Three #tagone")
    second = pulled_from(mock, "tagone, tagtwo", first.cursor)
    assert (len(first.rows), sorted(text.split()[0] for text in second.texts)) == (1, ["Three", "Two"])


def test_a_boost_repeats_the_words_under_its_own_id(mock: MockServer) -> None:
    number = posted(mock, "Lost again #boosted")
    say(mock, f"/api/v1/statuses/{number}/reblog", BO)
    (row,) = pulled_from(mock, "boosted").rows
    assert row.attributes == {"boosts": "1"}


def test_a_server_that_limits_is_asked_later(mock: MockServer) -> None:
    rule = {"match": {"path": "/api/v1/timelines/tag/busy"}, "effect": {"type": "status", "status": 429, "headers": {"Retry-After": "600"}}}
    say(mock, "/api/v1/_mock/faults", json=rule)
    assert "429" in str(pulled_from(mock, "busy").error)


def timeline(posts: list[dict[str, object]]) -> Pulled:
    replies = iter([Reply(json.dumps(posts).encode())])
    with serving(lambda asked: next(replies, Reply(b"[]"))) as server:
        return collect("mastodon", World({"server": server.url, "hashtags": "koe"}))


def a_post(**more: object) -> dict[str, object]:
    account = {"id": "9", "acct": "ana@other.example", "followers_count": 12}
    return {"id": "1", "created_at": "2026-03-01T10:00:00.000Z", "content": "<p>Late</p>", "account": account, **more}


def test_a_boost_in_a_timeline_has_the_boosted_words_and_its_parent() -> None:
    (row,) = timeline([a_post(id="2", content="", reblog=a_post(id="1", content="<p>Lost</p>", language="fr"))]).rows
    assert (row.external_id, row.text, row.parent_id, row.language) == ("2", "Lost", "1", "fr")


def test_a_picture_without_words_is_no_feedback() -> None:
    pulled = timeline([a_post(content="<p></p>"), a_post(id="2")])
    assert (len(pulled.rows), pulled.rejects) == (1, [])


def test_what_a_server_gets_wrong_beside_the_words_is_left_out() -> None:
    odd = a_post(language="x-klingon!", url="javascript:alert(1)", account={"id": "9", "acct": "a" * 900, "followers_count": -5})
    (row,) = timeline([odd]).rows
    assert (row.text, row.language, row.url, row.author) == ("Late", None, None, None)


def test_the_first_pull_goes_back_a_week_only(tmp_path: Path) -> None:
    with mastodon_world(tmp_path) as world:
        world.publish_many(1, 30)
        for post in world.posts[:20]:
            post.at = NOW - timedelta(days=8)
        pulled = collect("mastodon", world)
        assert world.server is not None
        assert (len(pulled.rows), len(world.server.asked)) == (15, 5)  # the page that spans the border, and the first behind it


def test_a_link_to_another_host_never_gets_the_token(tmp_path: Path) -> None:
    page = json.dumps([a_post()]).encode()
    with serving(lambda asked: Reply(page)) as thief:
        link = {"Link": f'<{thief.url}/steal?max_id=7>; rel="next"'}
        replies = iter([Reply(page, headers=link)])
        with serving(lambda asked: next(replies, Reply(b"[]"))) as server:
            collect("mastodon", World({"server": server.url, "hashtags": "koe", "token": SECRET}))
        assert (thief.asked, server.asked[1].query["max_id"]) == ([], "7")


def test_a_server_that_ignores_the_place_is_not_asked_for_ever() -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(
            json.dumps([a_post()]).encode(),
            headers={"Link": '<https://x.example/?max_id=5>; rel="next", <https://x.example/?min_id=1>; rel="prev"'},
        )

    with serving(answer) as server:
        world = World({"server": server.url, "hashtags": "koe"})
        collect("mastodon", world, collect("mastodon", world).cursor)
    assert len(server.asked) <= 4


def test_a_token_that_is_refused_says_what_to_check(tmp_path: Path) -> None:
    with mastodon_world(tmp_path) as world:
        world.options = {**world.options, "token": "wrong"}
        error = collect("mastodon", world).error
    assert isinstance(error, SourceRefused)
    assert "token" in str(error)


def test_hashtags_of_any_script_are_quoted() -> None:
    with serving(lambda asked: Reply(b"[]")) as server:
        collect("mastodon", World({"server": server.url + "/", "hashtags": "#声, #Café"}))
    assert server.paths() == ["/api/v1/timelines/tag/%E5%A3%B0", "/api/v1/timelines/tag/Caf%C3%A9"]


@pytest.mark.parametrize(
    ("options", "field"), [({"server": "mastodon.social"}, "server"), ({"hashtags": "a b"}, "hashtags"), ({"hashtags": "../x"}, "hashtags")]
)
def test_refuses_options_that_cannot_work(options: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate_options(connector_named("mastodon"), {"server": "https://mastodon.social", "hashtags": "koe", **options})
    assert caught.value.field == field


def test_reads_links() -> None:
    header = '<https://x.example/a?limit=40&max_id=5>; rel="next", <https://x.example/a?min_id=9>; rel="prev"'
    assert read_links(header) == {"next": {"limit": "40", "max_id": "5"}, "prev": {"min_id": "9"}}
    assert read_links("nonsense") == {}
