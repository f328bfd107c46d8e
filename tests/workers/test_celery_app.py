"""What Celery promises us on a real Valkey: a nudge outlives a killed worker, a signal lets a task end, an absent broker is waited for."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import redis

from cli.valkey import valkey
from core.settings import Settings
from tests.workers.waiting import wait_until
from workers.celery_app import create_celery, send
from workers.schedule import Queue

ROOT = Path(__file__).parents[2]
# `detect` and `annotate` note when they begin and end, and last as many seconds as the file `seconds` says.
WORKER = """
import pathlib, sys, time
from core.settings import Settings
from workers.celery_app import create_celery, run_tasks
folder, queue = pathlib.Path(sys.argv[1]), sys.argv[2]
app = create_celery(Settings(home=folder))
def note(what):
    with (folder / "notes").open("a") as notes:
        notes.write(f"{what}\\n")
def stage():
    note("begin")
    time.sleep(float((folder / "seconds").read_text()))
    note("end")
for name in ("koe.annotate", "koe.detect"):
    app.task(stage, name=name)
sys.exit(run_tasks(app, queue, on_stop=lambda: note("asked to stop")))
"""


class Worker:
    """A worker process and what its tasks noted."""

    def __init__(self, folder: Path, queue: Queue) -> None:
        self.folder = folder
        self.process = subprocess.Popen([sys.executable, "-c", WORKER, str(folder), queue], cwd=ROOT, start_new_session=True)

    def notes(self) -> list[str]:
        path = self.folder / "notes"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def wait_for(self, what: str, count: int = 1, seconds: float = 30.0) -> None:
        wait_until(lambda: self.notes().count(what) >= count, seconds)


def nothing_unfinished(client: redis.Redis) -> bool:
    return client.hlen("unacked") == 0


Start = Callable[[Queue], Worker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Worker] = []

    def begin(queue: Queue) -> Worker:
        running.append(Worker(tmp_path, queue))
        return running[-1]

    (tmp_path / "seconds").write_text("0")
    yield begin
    for worker in running:
        worker.process.kill()
        worker.process.wait()


def test_a_nudge_outlives_the_worker_that_was_killed_with_it(tmp_path: Path, broker: redis.Redis, start: Start) -> None:
    (tmp_path / "seconds").write_text("60")
    send(create_celery(Settings(home=tmp_path)), "annotate")
    worker = start("annotate")
    worker.wait_for("begin")
    worker.process.kill()
    begun = time.monotonic()
    (tmp_path / "seconds").write_text("0")
    start("annotate").wait_for("end", seconds=45)
    assert time.monotonic() - begun < 45
    wait_until(lambda: broker.hlen("unacked") == 0)


@pytest.mark.parametrize("queue", ["annotate", "stages"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_running_task_end(
    tmp_path: Path, broker: redis.Redis, start: Start, queue: Queue, number: signal.Signals
) -> None:
    (tmp_path / "seconds").write_text("2")
    send(create_celery(Settings(home=tmp_path)), "annotate" if queue == "annotate" else "detect")
    worker = start(queue)
    worker.wait_for("begin")
    os.kill(worker.process.pid, number)
    worker.process.wait(timeout=30)
    assert worker.notes() == ["begin", "asked to stop", "end"]
    assert broker.hlen("unacked") == 0


@pytest.mark.parametrize("queue", ["annotate", "stages"])
def test_an_idle_worker_ends_within_seconds(tmp_path: Path, broker: redis.Redis, start: Start, queue: Queue) -> None:
    worker = start(queue)
    send(create_celery(Settings(home=tmp_path)), "annotate" if queue == "annotate" else "detect")
    worker.wait_for("end")
    worker.process.terminate()
    worker.process.wait(timeout=30)


def test_stages_do_not_wait_for_one_another(tmp_path: Path, broker: redis.Redis, start: Start) -> None:
    (tmp_path / "seconds").write_text("20")
    worker = start("stages")
    for _ in range(3):
        send(create_celery(Settings(home=tmp_path)), "detect")
    worker.wait_for("begin", 3, seconds=19)


@pytest.mark.parametrize("queue", ["annotate", "stages"])
def test_a_worker_waits_for_a_broker_that_starts_later_or_again(tmp_path: Path, start: Start, queue: Queue) -> None:
    settings = Settings(home=tmp_path)
    worker = start(queue)
    time.sleep(2)
    for times in (1, 2):
        process = subprocess.Popen(valkey(settings).command)
        client = redis.Redis(unix_socket_path=str(settings.broker_socket()))
        wait_until(settings.broker_socket().exists)
        send(create_celery(settings), "annotate" if queue == "annotate" else "detect")
        worker.wait_for("end", times)
        wait_until(partial(nothing_unfinished, client))
        client.close()
        process.kill()
        process.wait()
        settings.broker_socket().unlink()


@pytest.mark.parametrize("queue", ["annotate", "stages"])
def test_a_signal_ends_a_worker_that_waits_for_its_broker(tmp_path: Path, start: Start, queue: Queue) -> None:
    worker = start(queue)
    time.sleep(3)
    worker.process.terminate()
    worker.process.wait(timeout=30)
