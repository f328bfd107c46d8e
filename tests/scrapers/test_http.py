"""Pace, patience and bounds of the client that connectors use, against a real server."""

import gzip
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from core.network import ForbiddenAddress, guarded_client
from scrapers.http import Http, Pace, RetryLater, SourceRefused, retry_after
from tests.scrapers.servers import Asked, Reply, serving
from tests.scrapers.worlds import NO_AUTHORITIES

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class FakeClock:
    """Sleeping moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.seconds += seconds


def an_http(clock: FakeClock | None = None, *, most_bytes: int = 100_000, most_seconds: float = 5.0) -> Http:
    clock = clock or FakeClock()
    pace = Pace(clock.now, clock.sleep)
    return Http(
        guarded_client(["127.0.0.1"], verify=NO_AUTHORITIES), pace=pace, now=lambda: NOW, most_bytes=most_bytes, most_seconds=most_seconds
    )


def always(reply: Reply) -> Callable[[Asked], Reply]:
    return lambda asked: reply


def busy_once(server_wait: str) -> Callable[[Asked], Reply]:
    replies = iter([Reply(status=429, headers={"Retry-After": server_wait})])
    return lambda asked: next(replies, Reply(b"ready"))


def test_sends_who_it_is_and_what_was_given() -> None:
    with serving(always(Reply(b"hello"))) as server:
        fetched = an_http().get(server.url + "/feed", params={"q": "a b"}, headers={"Authorization": "Bearer x"})
    assert (fetched.body, server.asked[0].query) == (b"hello", {"q": "a b"})
    assert server.asked[0].headers["user-agent"].startswith("Koe/")
    assert server.asked[0].headers["authorization"] == "Bearer x"


def test_asks_with_validators_and_understands_not_modified() -> None:
    with serving(always(Reply(status=304))) as server:
        fetched = an_http().get(server.url, etag='"v1"', last_modified="Sun, 01 Mar 2026 00:00:00 GMT")
    assert (fetched.not_modified, fetched.body) == (True, b"")
    assert server.asked[0].headers["if-none-match"] == '"v1"'
    assert server.asked[0].headers["if-modified-since"] == "Sun, 01 Mar 2026 00:00:00 GMT"


def test_sends_a_burst_and_then_keeps_the_pace_of_the_host() -> None:
    clock = FakeClock()
    http = an_http(clock)
    with serving(always(Reply())) as server:
        for _ in range(8):
            http.get(server.url)
    assert clock.slept == [0.5, 0.5, 0.5]


def test_one_host_does_not_wait_for_another() -> None:
    clock = FakeClock()
    http = an_http(clock)
    with serving(always(Reply())) as one, serving(always(Reply())) as other:
        for server in (one, other):
            for _ in range(5):
                http.get(server.url)
    assert clock.slept == []


@pytest.mark.parametrize("wait", ["7", format_datetime(NOW + timedelta(seconds=7), usegmt=True)])
def test_waits_as_long_as_the_server_asks_when_that_is_short(wait: str) -> None:
    clock = FakeClock()
    with serving(busy_once(wait)) as server:
        assert an_http(clock).get(server.url).body == b"ready"
    assert clock.slept == [7.0]


def test_a_long_wait_ends_the_pull_and_says_until_when() -> None:
    with serving(busy_once("600")) as server:
        http = an_http()
        for _ in range(2):
            with pytest.raises(RetryLater, match="before 2026-03-01T12:10:00Z") as caught:
                http.get(server.url)
            assert caught.value.retry_at == NOW + timedelta(minutes=10)
        assert len(server.asked) == 1


def test_waits_once_only() -> None:
    with serving(always(Reply(status=503, headers={"Retry-After": "1"}))) as server:
        with pytest.raises(RetryLater, match="503"):
            an_http().get(server.url)
        assert len(server.asked) == 2


@pytest.mark.parametrize(("status", "says"), [(401, "token"), (403, "token"), (404, "address"), (410, "gone"), (422, "options")])
def test_a_refusal_says_what_to_check(status: int, says: str) -> None:
    with serving(always(Reply(status=status))) as server, pytest.raises(SourceRefused, match=says):
        an_http().get(server.url)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_busy_or_broken_server_is_asked_again_later(status: int) -> None:
    with serving(always(Reply(status=status))) as server, pytest.raises(RetryLater, match=str(status)):
        an_http().get(server.url)


def test_a_server_that_is_not_there_is_asked_again_later() -> None:
    with serving(always(Reply())) as server:
        url = server.url
    with pytest.raises(RetryLater, match="cannot be reached"):
        an_http().get(url)


def test_errors_show_no_password_and_no_query() -> None:
    with serving(always(Reply(status=500))) as server, pytest.raises(RetryLater) as caught:
        an_http().get(server.url.replace("://", "://ann:secret@") + "/feed?key=secret")
    assert "secret" not in str(caught.value)
    assert "/feed" in str(caught.value)


def redirecting(*locations: str) -> Callable[[Asked], Reply]:
    hops = iter(locations)
    return lambda asked: Reply(b"here") if asked.path == "/end" else Reply(status=302, headers={"Location": next(hops)})


def test_follows_redirects_and_says_where_it_arrived() -> None:
    with serving(redirecting("/a", "/b", "/end")) as server:
        fetched = an_http().get(server.url)
    assert (fetched.body, fetched.url) == (b"here", f"{server.url}/end")


def test_gives_up_after_five_redirects() -> None:
    with serving(redirecting(*["/again"] * 20)) as server:
        with pytest.raises(SourceRefused, match="more than 5 redirects"):
            an_http().get(server.url)
        assert len(server.asked) == 6


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/meta-data", "http://localhost/", "http://[::1]/", "http://10.0.0.1/"])
def test_refuses_a_redirect_to_a_private_address_at_any_hop(location: str) -> None:
    with serving(redirecting("/a", location)) as server, pytest.raises(ForbiddenAddress, match="KOE_ALLOWED_HOSTS"):
        an_http().get(server.url)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://example.com/x", "gopher://example.com"])
def test_refuses_a_redirect_to_another_protocol(location: str) -> None:
    with serving(redirecting(location)) as server, pytest.raises(SourceRefused, match="not http"):
        an_http().get(server.url)


def test_drops_the_token_on_the_way_to_another_host() -> None:
    with serving(always(Reply())) as other, serving(redirecting(other.url)) as server:
        an_http().get(server.url, headers={"Authorization": "Bearer secret"})
    assert "authorization" not in other.asked[0].headers


@pytest.mark.parametrize("url", ["not a url", "feed.xml", "http://", "http://[::1", "file:///etc/passwd", "http://ex ample/\x00"])
def test_refuses_what_is_no_web_address(url: str) -> None:
    with pytest.raises((SourceRefused, RetryLater)):
        an_http().get(url)


def endless(counter: list[int]) -> Iterator[bytes]:
    while counter[0] < 100_000_000:
        counter[0] += 10_000
        yield b"x" * 10_000


def test_stops_reading_a_body_that_has_no_end() -> None:
    sent = [0]
    with serving(lambda asked: Reply(endless(sent))) as server, pytest.raises(SourceRefused, match="more than 100,000 bytes"):
        an_http().get(server.url)
    assert sent[0] < 20_000_000


def test_a_gzip_bomb_is_stopped_by_its_decoded_size() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 100_000
    with serving(always(Reply(bomb, headers={"Content-Encoding": "gzip"}))) as server, pytest.raises(SourceRefused, match="more than"):
        an_http().get(server.url)


def test_reads_a_gzip_body_whole() -> None:
    body = bytes(range(256)) * 300
    with serving(always(Reply(gzip.compress(body), headers={"Content-Encoding": "gzip"}))) as server:
        assert an_http().get(server.url).body == body


def test_a_gzip_body_that_ends_early_is_asked_for_again() -> None:
    half = gzip.compress(bytes(range(256)) * 100)[:-20]
    with serving(always(Reply(half, headers={"Content-Encoding": "gzip"}))) as server, pytest.raises(RetryLater, match="gzip"):
        an_http().get(server.url)


def test_refuses_a_coding_it_did_not_ask_for() -> None:
    with serving(always(Reply(b"x", headers={"Content-Encoding": "br"}))) as server, pytest.raises(SourceRefused, match="'br'"):
        an_http().get(server.url)


def test_a_server_that_drips_is_left_in_time() -> None:
    def drip() -> Iterator[bytes]:
        for _ in range(100):
            time.sleep(0.05)
            yield b"."

    with serving(lambda asked: Reply(drip())) as server, pytest.raises(RetryLater, match="too long"):
        an_http(most_seconds=0.3).get(server.url)


@pytest.mark.parametrize("value", ["", "soon", "-5", "1e3", "Sun, 99 Mar 2026", "9" * 30])
def test_reads_no_wait_into_nonsense(value: str) -> None:
    assert retry_after(value, NOW) is None


def test_a_wait_is_never_negative_and_at_most_a_day() -> None:
    past = format_datetime(NOW - timedelta(hours=1), usegmt=True)
    assert (retry_after(past, NOW), retry_after("999999", NOW)) == (timedelta(0), timedelta(days=1))
