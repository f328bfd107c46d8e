"""The PostgreSQL of the tests gets past what a killed run or a restarted machine left behind."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import postgres


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.fixture
def alive() -> Iterator[subprocess.Popen[bytes]]:
    """Somebody else's process."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of the sight of this run's other processes, which remove such folders too."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def left_over(run: str, server: int) -> Path:
    """The folder of a run whose server was killed before it could remove it."""
    folder = postgres.folder_of(run)
    folder.mkdir()
    (folder / "postmaster.pid").write_text(f"{server}\n{folder}\n1795934253\n5432\n{folder}\n\n  2441486         9\nready   \n")
    return folder


def test_a_server_that_died_with_its_run_is_no_hindrance(apart: None, dead: int) -> None:
    folder = left_over(str(dead), server=dead)
    postgres.stop_left_over()
    assert not folder.exists()
    assert not folder.with_suffix(".lock").exists()


def test_a_process_that_took_the_number_of_a_dead_server_lives_on(apart: None, dead: int, alive: subprocess.Popen[bytes]) -> None:
    folder = left_over(str(dead), server=alive.pid)
    postgres.stop_left_over()
    assert not folder.exists()
    assert alive.poll() is None


def test_a_server_starts_where_one_of_the_same_number_died(postgres_server: str, dead: int) -> None:
    run = f"{dead}-again"
    left_over(run, server=dead)
    try:
        with psycopg.connect(postgres.start_server(run)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        postgres.stop_server(run)
    assert not postgres.folder_of(run).exists()
