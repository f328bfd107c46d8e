"""`koe serve`: a key at the very first start and never again, ready soon, stopped in order; and what keeps it from starting."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cli.serve import first_key, url_of, with_a_free_port
from core.errors import Misconfigured
from core.settings import Settings
from store.database import Database
from store.keys import create_key
from store.rules import list_rules
from store.workspaces import find_workspace
from tests.builders import NOW
from tests.cli.conftest import Koe, environment

READY = re.compile(r"Koe is ready at (http://\S+)")


def test_a_port_that_is_taken_is_one_line_that_says_what_to_do(koe: Koe, home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        outcome = koe("serve", "--port", str(other.getsockname()[1]))
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert "cannot be used: give another with --port" in outcome.err
    assert not home.exists()


def test_port_zero_becomes_a_free_one() -> None:
    settings = with_a_free_port(Settings(port=0))
    assert settings.port > 0
    assert url_of(settings) == f"http://127.0.0.1:{settings.port}"


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(Misconfigured, match=r"port 0 of 192\.0\.2\.1 cannot be used"):
        with_a_free_port(Settings(host="192.0.2.1", port=0))


def test_a_server_that_listens_everywhere_is_found_on_loopback() -> None:
    assert url_of(Settings(host="0.0.0.0", port=80)) == "http://127.0.0.1:80"  # noqa: S104 # no bind
    assert url_of(Settings(host="::", port=80)) == "http://[::1]:80"


def test_the_first_key_comes_with_the_default_rule_and_only_once(database: Database) -> None:
    first, second = first_key(database), first_key(database)
    with database.read() as connection:
        workspace = find_workspace(connection, "default")
        assert workspace is not None
        assert [rule.name for rule in list_rules(connection, workspace.id)] == ["Negative feedback"]
    assert first is not None
    assert second is None


def test_a_key_without_admin_rights_does_not_take_the_place_of_the_first_key(database: Database) -> None:
    first_key(database)
    with database.write() as connection:
        rival = find_workspace(connection, "default")
        assert rival is not None
        create_key(connection, rival.id, name="feed", scopes=("ingest",), now=NOW)
    assert first_key(database) is None


@contextmanager
def serving(home: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    """`koe serve` on a free port: its process, its address once it is ready, and where its standard output goes."""
    out, err = folder / "out", folder / "err"
    command = [sys.executable, "-m", "cli.main", "serve", "--port", "0"]
    with out.open("w") as to, err.open("w") as errors:
        process = subprocess.Popen(command, stdout=to, stderr=errors, text=True, env=environment(home, {"KOE_WORKERS": "0"}), cwd=folder)
    try:
        while (ready := READY.search(err.read_text())) is None:
            assert process.poll() is None, err.read_text()
            time.sleep(0.2)
        yield process, ready[1], out
    finally:
        process.kill()
        process.wait()


def test_the_first_start_prints_the_key_and_the_second_does_not(home: Path, tmp_path: Path) -> None:
    with serving(home, tmp_path) as (process, url, out):
        key = re.search(r"koe_[0-9a-f]{8}_\S{43}", out.read_text())
        assert key is not None
        assert f"{url}/docs" in out.read_text()
        answer = httpx.get(f"{url}/v1/brands", headers={"Authorization": f"Bearer {key[0]}"}, timeout=30)
        assert answer.json() == {"data": [], "next": None}
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    with serving(home, tmp_path) as (process, _, out):
        assert out.read_text() == ""
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
