"""The product as a user has it: one command, real processes, real texts, an alert on a real webhook, and nothing left behind."""

import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.shared import shared_file

ROOT = Path(__file__).parents[1]
COMPLAINTS = (
    "My parcel is two weeks late and nobody answers, this is unacceptable.",
    "Das Paket ist immer noch nicht da, die Lieferung dauert ewig. Unverschämt!",
    "配送が二週間も遅れています。最悪です。",
    "El pedido no ha llegado y el envío lleva diez días de retraso. Fatal.",
    "La livraison a trois semaines de retard, je suis furieux.",
)
PRAISE = (
    "Lovely shop, everything arrived on time.",
    "Sehr gute Qualität, gerne wieder.",
    "とても満足しています。ありがとうございます。",
    "The app is easy to use and the price is fair.",
    "Muy buena atención, volveré a comprar.",
)


@dataclass
class Receiver:
    """A webhook: what came, and with which headers."""

    url: str
    events: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    def named(self, event: str) -> list[dict[str, Any]]:
        return [json.loads(body) for headers, body in self.events if headers["X-Koe-Event"] == event]


@dataclass
class Koe:
    """A running `koe serve`."""

    process: subprocess.Popen[str]
    environment: dict[str, str]
    url: str
    key: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        response = httpx.request(method, self.url + path, json=body, headers=headers, timeout=60)
        assert response.status_code < 300, (response.status_code, response.text)
        return response.json() if response.content else None

    def command(self, *arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "cli.main", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=280, cwd=ROOT, check=False)
        assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def processes(self) -> list[int]:
        """Everything that was started with this data folder."""
        mark = f"KOE_HOME={self.environment['KOE_HOME']}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except (OSError, ValueError):
                continue
        return found


def a_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(what: str, happened: Any, seconds: float) -> Any:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = happened()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {seconds} s")


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    received = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.events.append((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    received.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield received
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def koe(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Koe]:
    home = tmp_path_factory.mktemp("koe")
    port = a_free_port()
    ours = {"KOE_HOME": str(home), "KOE_PORT": str(port), "KOE_ALLOWED_HOSTS": "127.0.0.1", "PYTHONUNBUFFERED": "1"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KOE_")} | ours
    log = (home / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "serve"], env=environment, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, bufsize=1
    )
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(iter(process.stdout.readline, "")) if process.stdout else None, daemon=True)
    reader.start()
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for("the API is ready", lambda: answers(url), 150)
        found = wait_for("the key is printed", lambda: re.search(r"koe_[0-9a-f]+_[\w-]{43}", "".join(said)), 30)
        yield Koe(process, environment, url, found.group())
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        log.close()
        if process.stdout:
            process.stdout.close()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def ordinary_days(path: Path, now: datetime) -> int:
    """Six days before now: a row every twelve minutes, every sixth one about a late delivery."""
    rows = []
    for number in range(6 * 24 * 5):
        text = COMPLAINTS[number % len(COMPLAINTS)] if number % 6 == 0 else PRAISE[number % len(PRAISE)]
        written = now - timedelta(days=6) + timedelta(minutes=12 * number)
        rows.append(
            {"external_id": f"old-{number}", "created_at": written.isoformat(), "text": f"{text} #{number}", "attributes": {"shop": "Kumo"}}
        )
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    return len(rows)


def test_history_is_imported_once_and_pages_nobody(koe: Koe, tmp_path: Path) -> None:
    koe.call("PATCH", "/v1/workspace", {"dimensions": ["shop"]})
    file = tmp_path / "history.jsonl"
    rows = ordinary_days(file, datetime.now(UTC) - timedelta(minutes=5))
    first = json.loads(koe.command("import", str(file), "--json"))
    again = json.loads(koe.command("import", str(file), "--json"))
    assert (first["created"], again["created"], again["unchanged"]) == (rows, 0, rows)
    assert koe.call("GET", "/v1/alerts")["data"] == []


def test_a_surge_opens_one_alert_that_reaches_the_webhook_signed(koe: Koe, receiver: Receiver) -> None:
    channel = koe.call("POST", "/v1/channels", {"name": "on call", "kind": "webhook", "url": receiver.url})
    rule = koe.call("GET", "/v1/rules")["data"][0]
    koe.call("PATCH", f"/v1/rules/{rule['id']}", {"channels": [channel["id"]]})
    now = datetime.now(UTC)
    rows = [
        {"text": f"{COMPLAINTS[n % 5]} ({n})", "external_id": f"new-{n}", "created_at": now.isoformat(), "attributes": {"shop": "Kumo"}}
        for n in range(80)
    ]
    answer = koe.call("POST", "/v1/feedback", {"feedback": rows})
    assert {row["status"] for row in answer["results"]} == {"created"}
    wait_for("an alert is delivered", lambda: receiver.named("alert.opened"), 120)
    (alert,) = koe.call("GET", "/v1/alerts?state=open")["data"]
    assert alert["observed"] > alert["interval"][1] > alert["expected"]
    headers, body = receiver.events[0]
    stamp, given = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["X-Koe-Signature"]).groups()  # type: ignore[union-attr]
    expected = hmac.new(channel["signing_secret"].encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(given, expected)


def test_classify_answers_meanwhile(koe: Koe) -> None:
    texts = [COMPLAINTS[2], "The staff were wonderful and very helpful."]
    answer = koe.call("POST", "/v1/classify", {"texts": texts})
    late, kind = answer["results"]
    assert (late["language"]["code"], late["sentiment"]["label"], kind["sentiment"]["label"]) == ("ja", "negative", "positive")
    assert "delivery" in [topic["id"] for topic in late["topics"]]
    assert all(0 <= span["start"] < span["end"] <= len(texts[0]) for topic in late["topics"] for span in topic["evidence"])


def test_trends_and_themes_show_what_happened(koe: Koe) -> None:
    hours = koe.call("GET", "/v1/trends?interval=1h&group=topic&attributes.shop=Kumo")["data"]
    assert {"start", "group", "count", "effective", "negative", "negative_share"} <= set(hours[0])
    assert max((row["count"], row["group"]["topic"]) for row in hours)[1] == "delivery"
    themes = koe.call("GET", "/v1/themes")["data"]
    delivery = next(theme for theme in themes if theme["topic"] == "delivery")
    assert delivery["negative_share"] > 0.5
    assert {"ja", "de", "en"} <= set(delivery["languages"])
    assert delivery["quotes"]


def test_each_change_is_delivered_once(koe: Koe, receiver: Receiver) -> None:
    time.sleep(5)
    ids = [headers["X-Koe-Delivery"] for headers, _ in receiver.events]
    assert len(ids) == len(set(ids))
    assert len(receiver.named("alert.opened")) == 1


def test_the_doctor_finds_nothing_wrong(koe: Koe) -> None:
    report = json.loads(koe.command("doctor", "--json"))
    assert "fail" not in json.dumps(report)


def test_real_tweets_are_stored_once_and_their_surges_are_found(koe: Koe) -> None:
    stream = shared_file("streams/airline_tweets.jsonl.gz")
    koe.call("PATCH", "/v1/workspace", {"dimensions": ["shop", "airline"]})
    first = json.loads(koe.command("import", str(stream), "--json"))
    again = json.loads(koe.command("import", str(stream), "--json"))
    assert (first["created"], again["created"]) == (14_485, 0)
    days = koe.call("GET", "/v1/trends?interval=1d&group=attributes.airline&from=2015-02-16&to=2015-02-25")["data"]
    assert sum(row["count"] for row in days) == 14_485
    question = {"measure": "negative", "split_by": ["attributes.airline"], "from": "2015-02-16T00:00:00Z", "to": "2015-02-25T00:00:00Z"}
    # The rule on everything that a workspace begins with sees that storm too, and would stand for the airline that it hits first.
    rules = [rule["id"] for rule in koe.call("GET", "/v1/rules")["data"]]
    for rule in rules:
        koe.call("PATCH", f"/v1/rules/{rule}", {"enabled": False})
    found = koe.call("POST", "/v1/rules/backtest", question)["alerts"]
    for rule in rules:
        koe.call("PATCH", f"/v1/rules/{rule}", {"enabled": True})
    during = {
        alert["scope"]["attributes"]["airline"]
        for alert in found
        if alert["started_at"] < "2015-02-23" and alert["ended_at"] > "2015-02-22T06"
    }
    assert during == {"Delta", "US Airways"}
    assert all(alert["observed"] > alert["interval"][1] and alert["p_value"] < 1e-3 and alert["top_topics"] for alert in found)
    assert all(alert["state"] == "resolved" or alert["started_at"] > "2016" for alert in koe.call("GET", "/v1/alerts")["data"])


def test_ctrl_c_stops_everything_and_leaves_no_process_behind(koe: Koe) -> None:
    assert len(koe.processes()) >= 5
    koe.process.send_signal(signal.SIGINT)
    assert koe.process.wait(timeout=60) == 0
    wait_for("every process has ended", lambda: not koe.processes(), 10)
