"""What koe serve runs: a durable broker on a socket of its own, and children that read the settings in force."""

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from cli.children import environment_of, serve, tiers_of
from cli.valkey import valkey
from core.errors import Misconfigured
from core.settings import LONGEST_SOCKET_PATH, Settings


class Broker:
    """The Valkey child, run by hand."""

    def __init__(self, settings: Settings) -> None:
        self.child = valkey(settings)
        self.client = redis.Redis(unix_socket_path=str(settings.broker_socket()))
        self.process = subprocess.Popen(self.child.command)
        deadline = time.monotonic() + 10
        while not self.ready():
            assert time.monotonic() < deadline, "Valkey did not start"
            time.sleep(0.05)

    def ready(self) -> bool:
        async def ask() -> bool:
            return self.child.gate is not None and await self.child.gate()

        return asyncio.run(ask())

    def kill(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def brokers() -> Iterator[list[Broker]]:
    started: list[Broker] = []
    yield started
    for broker in started:
        broker.kill()


def test_valkey_keeps_what_it_was_told_over_kill_9(tmp_path: Path, brokers: list[Broker]) -> None:
    settings = Settings(home=tmp_path)
    brokers.append(Broker(settings))
    brokers[0].client.set("nudge", "annotate")
    time.sleep(1.2)  # appendfsync everysec
    brokers[0].kill()
    brokers.append(Broker(settings))
    assert brokers[1].client.get("nudge") == b"annotate"


def test_valkey_listens_on_a_socket_of_this_user_alone(tmp_path: Path, brokers: list[Broker]) -> None:
    settings = Settings(home=tmp_path)
    brokers.append(Broker(settings))
    assert settings.broker_socket().stat().st_mode & 0o077 == 0
    assert brokers[0].client.config_get("port") == {"port": "0"}
    assert brokers[0].client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_deep_data_folder_gets_a_short_socket(tmp_path: Path, brokers: list[Broker], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings = Settings(home=tmp_path / ("deep" * 30))
    settings.home.mkdir()
    brokers.append(Broker(settings))
    assert len(os.fsencode(settings.broker_socket())) <= LONGEST_SOCKET_PATH
    assert settings.broker_socket().parent.stat().st_mode & 0o077 == 0


def test_a_socket_folder_open_to_others_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings = Settings(home=tmp_path / ("deep" * 30))
    settings.broker_socket().parent.mkdir()
    settings.broker_socket().parent.chmod(0o755)
    with pytest.raises(Misconfigured, match="choose a shorter KOE_HOME"):
        valkey(settings)


def test_a_second_koe_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    import fcntl

    with (tmp_path / "koe.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Misconfigured, match="already running"):
            serve(Settings(home=tmp_path))


def test_children_read_the_settings_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Settings(home=tmp_path, port=8123, languages=("ja", "en"), secret=SecretStr("s" * 40), workers=3)
    for name, value in environment_of(chosen).items():
        monkeypatch.setenv(name, value)
    assert Settings() == chosen


def test_children_keep_few_arenas_of_memory_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    assert environment_of(Settings(home=tmp_path))["MALLOC_ARENA_MAX"] == "2"
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")
    assert environment_of(Settings(home=tmp_path))["MALLOC_ARENA_MAX"] == "8"


def test_children_start_with_the_broker_and_end_with_the_schedule(tmp_path: Path) -> None:
    names = [[child.name for child in tier] for tier in tiers_of(Settings(home=tmp_path, workers=2))]
    assert names == [["valkey"], ["api"], ["annotate-1", "annotate-2", "stages"], ["beat"]]


def test_no_valkey_is_run_beside_a_broker_that_was_named(tmp_path: Path) -> None:
    names = [child.name for tier in tiers_of(Settings(home=tmp_path, broker_url="redis://broker/0")) for child in tier]
    assert "valkey" not in names
