"""Clients as they are: they hang up, keep connections, send without end or very slowly."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from core.settings import Settings
from store.database import Database
from store.secrets import Vault
from tests.api.annotating import WordAnnotator
from tests.api.live import served


@pytest.fixture
def app(sqlite_database: Database, annotator: WordAnnotator, tmp_path: Path) -> FastAPI:
    settings = Settings(home=tmp_path, auth="off", max_upload_mb=2)
    return create_app(settings, sqlite_database, annotator=lambda: annotator, vault=Vault("x" * 32), connectors={})


@pytest.fixture
def port(app: FastAPI) -> Iterator[int]:
    with served(app) as port:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            wait_for(lambda: http.get("/readyz").status_code == 200)
        yield port


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.02)


def request_head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *headers, "", ""]).encode()


def test_texts_of_a_client_that_hung_up_are_not_read_by_the_model(port: int, app: FastAPI, annotator: WordAnnotator) -> None:
    annotator.gate.clear()
    first, second = (json.dumps({"texts": [name]}).encode() for name in ("first", "second"))
    with socket.create_connection(("127.0.0.1", port)) as patient, socket.create_connection(("127.0.0.1", port)) as impatient:
        patient.sendall(request_head("POST", "/v1/classify", f"Content-Length: {len(first)}") + first)
        assert annotator.asked.wait(10)
        impatient.sendall(request_head("POST", "/v1/classify", f"Content-Length: {len(second)}") + second)
        wait_for(lambda: app.state.services.model.waiting_texts == 2)
        impatient.close()
        wait_for(lambda: app.state.services.model.waiting_texts == 1)
        annotator.gate.set()
        assert patient.recv(12) == b"HTTP/1.1 200"
    assert annotator.texts == ["first"]


def test_an_upload_that_breaks_off_leaves_nothing(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(request_head("POST", "/v1/imports?filename=a.csv", "Content-Length: 2000000") + b"x" * 1_100_000)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            wait_for(lambda: len(http.get("/v1/imports").json()["data"]) == 1)
            client.close()
            wait_for(lambda: http.get("/v1/imports").json()["data"] == [])


@pytest.mark.parametrize("path", ["/v1/imports?filename=a.csv", "/v1/feedback", "/v1/brands", "/v1/classify"])
def test_half_a_gigabyte_is_refused_before_it_is_sent(port: int, path: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request_head("POST", path, "Content-Length: 524288000"))
        answer = client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"application/problem+json" in answer


def test_one_connection_serves_many_requests_after_an_error_too(port: int) -> None:
    bodies: list[dict[str, list[str]]] = [{"texts": ["a"]}, {"texts": []}, {"texts": ["b"]}]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", limits=httpx.Limits(max_connections=1)) as http:
        codes = [http.post("/v1/classify", json=body).status_code for body in bodies]
        assert codes == [200, 422, 200]


def test_a_client_that_sends_half_a_body_and_stays_blocks_nobody(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(request_head("POST", "/v1/feedback", "Content-Length: 100") + b'{"text"')
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
            assert [http.post("/v1/feedback", json={"text": "a"}).status_code for _ in range(20)] == [202] * 20


def test_what_is_no_http_is_answered_and_the_server_lives(port: int) -> None:
    for rubbish in (b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/feedback HTTP/1.1\r\nContent-Length: -5\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(rubbish)
            client.shutdown(socket.SHUT_WR)
            client.recv(4096)
    assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
