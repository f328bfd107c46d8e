"""A real Valkey for each test that asks for one."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from cli.valkey import valkey
from core.settings import Settings
from tests.workers.waiting import wait_until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[redis.Redis]:
    """A client of the Valkey that `Settings(home=tmp_path)` speaks to."""
    settings = Settings(home=tmp_path)
    process = subprocess.Popen(valkey(settings).command)
    client = redis.Redis(unix_socket_path=str(settings.broker_socket()))

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    wait_until(answers, seconds=10)
    yield client
    client.close()
    process.kill()
    process.wait()
