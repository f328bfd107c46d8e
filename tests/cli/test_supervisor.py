"""The supervisor with real processes: what dies comes back, what stops stops in order, and nothing outlives it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Each child writes its name and pid when it starts, and its name when it is asked to end.
CHILD = """
import os, pathlib, signal, sys, time
name, folder, ending = sys.argv[1], pathlib.Path(sys.argv[2]), float(sys.argv[3])
def note(what):
    with (folder / "notes").open("a") as notes:
        notes.write(f"{what} {name} {os.getpid()}\\n")
def end(*_):
    time.sleep(ending)
    note("ended")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
note("started")
while True:
    time.sleep(60)
"""
# child(name, ending=0.0) in `tiers` is one of the above; the rest is what koe serve does.
SUPERVISOR = """
import asyncio, os, pathlib, sys
from cli.supervisor import Child, GaveUp, Patience, answers, supervise
folder = pathlib.Path(sys.argv[1])
def child(name, ending=0.0, grace=10.0):
    return Child(name, (sys.executable, "-c", (folder / "child.py").read_text(), name, str(folder), str(ending)), grace=grace)
def broken(name):
    return Child(name, (sys.executable, "-c", "raise SystemExit(7)"), advice="Look at the cable.")
async def main():
    tiers = {tiers}
    return await supervise(tiers, environment=dict(os.environ), patience=Patience(first=0.05, failures=3),
                           on_ready=lambda: (folder / "ready").touch())
try:
    sys.exit(asyncio.run(main()))
except GaveUp as error:
    sys.exit(f"gave up: {{error}}")
"""


class Supervised:
    """A running supervisor and the notes of its children."""

    def __init__(self, folder: Path, tiers: str) -> None:
        self.folder = folder
        (folder / "child.py").write_text(CHILD)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR.format(tiers=tiers), str(folder)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def notes(self) -> list[tuple[str, str, int]]:
        path = self.folder / "notes"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(what, name, int(pid)) for what, name, pid in (line.split() for line in lines)]

    def told(self, what: str) -> list[str]:
        return [name for said, name, _ in self.notes() if said == what]

    def pids(self) -> list[int]:
        return [pid for what, _, pid in self.notes() if what == "started"]

    def wait_for_start(self, count: int) -> None:
        wait_until(lambda: len(self.told("started")) >= count)

    def end(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


Start = Callable[[str], Supervised]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Supervised] = []

    def begin(tiers: str) -> Supervised:
        running.append(Supervised(tmp_path, tiers))
        return running[-1]

    yield begin
    for supervised in running:
        supervised.process.kill()
        supervised.process.communicate()


def test_stops_the_last_tier_first_and_ends_with_success(start: Start) -> None:
    supervised = start('[[child("broker")], [child("api")], [child("worker", ending=0.5)]]')
    supervised.wait_for_start(3)
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.end()[0] == 0
    assert supervised.told("ended") == ["worker", "api", "broker"]


def test_a_running_task_may_finish_while_the_broker_still_serves_it(start: Start) -> None:
    supervised = start('[[child("broker")], [child("worker", ending=1.5)]]')
    supervised.wait_for_start(2)
    supervised.process.terminate()
    time.sleep(1.0)
    assert supervised.told("ended") == []
    assert supervised.end()[0] == 0
    assert supervised.told("ended") == ["worker", "broker"]


def test_a_second_signal_kills_what_is_still_busy(start: Start) -> None:
    supervised = start('[[child("broker")], [child("worker", ending=60.0, grace=60.0)]]')
    supervised.wait_for_start(2)
    supervised.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.end()[0] == 130
    assert supervised.told("ended") == []
    assert not any(alive(pid) for pid in supervised.pids())


def test_a_child_that_ignores_its_grace_is_killed(start: Start) -> None:
    supervised = start('[[child("stubborn", ending=60.0, grace=0.5)]]')
    supervised.wait_for_start(1)
    supervised.process.terminate()
    assert supervised.end()[0] == 0
    assert not any(alive(pid) for pid in supervised.pids())


def test_a_killed_child_comes_back(start: Start) -> None:
    supervised = start('[[child("broker"), child("worker")]]')
    supervised.wait_for_start(2)
    os.kill({name: pid for _, name, pid in supervised.notes()}["worker"], signal.SIGKILL)
    supervised.wait_for_start(3)
    assert supervised.told("started")[-1] == "worker"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the watching tether needs a second")
def test_no_process_outlives_a_killed_supervisor(start: Start) -> None:
    supervised = start('[[child("broker")], [child("worker", ending=60.0)]]')
    supervised.wait_for_start(2)
    supervised.process.kill()
    wait_until(lambda: not any(alive(pid) for pid in supervised.pids()), seconds=5)


def test_gives_up_on_a_child_that_never_stays_up_and_says_what_to_do(start: Start) -> None:
    supervised = start('[[child("broker")], [broken("api")]]')
    code, errors = supervised.end()
    assert code == 1
    assert "gave up: api ended 3 times in a row, last with exit code 7. Look at the cable." in errors
    assert supervised.told("ended") == ["broker"]


def test_the_next_tier_waits_for_a_gate(start: Start) -> None:
    start_when_file_is_there = 'Child("gate", child("gate").command, gate=lambda: asyncio.sleep(0, (folder / "open").exists()))'
    supervised = start(f'[[{start_when_file_is_there}], [child("worker")]]')
    supervised.wait_for_start(1)
    time.sleep(0.7)
    assert supervised.told("started") == ["gate"]
    (supervised.folder / "open").touch()
    supervised.wait_for_start(2)
    wait_until((supervised.folder / "ready").exists)


def test_says_that_it_is_ready_when_every_child_is(start: Start) -> None:
    ready_when_file_is_there = 'Child("api", child("api").command, ready=lambda: asyncio.sleep(0, (folder / "open").exists()))'
    supervised = start(f'[[{ready_when_file_is_there}], [child("worker")]]')
    supervised.wait_for_start(2)
    time.sleep(0.5)
    assert not (supervised.folder / "ready").exists()
    (supervised.folder / "open").touch()
    wait_until((supervised.folder / "ready").exists)


def test_a_signal_during_the_start_stops_what_has_started(start: Start) -> None:
    supervised = start('[[Child("gate", child("gate").command, gate=lambda: asyncio.sleep(0, False))], [child("worker")]]')
    supervised.wait_for_start(1)
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.end()[0] == 0
    assert supervised.told("ended") == ["gate"]


def test_the_watching_tether_ends_its_child_with_the_parent(tmp_path: Path) -> None:
    """What macOS uses; it runs here as well."""
    script = (
        "import subprocess, sys, time; sys.path.insert(0, sys.argv[1]); from cli import tether\n"
        "command = [sys.executable, '-c', sys.argv[2], 'kept', sys.argv[3], '0']\n"
        "watcher = 'import os, sys; from cli import tether; sys.exit(tether.watch(os.getppid(), sys.argv[1:]))'\n"
        "subprocess.Popen([sys.executable, '-c', watcher, *command], cwd=sys.argv[1], process_group=0); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(ROOT), CHILD, str(tmp_path)])
    notes = tmp_path / "notes"
    wait_until(notes.exists)
    pid = int(notes.read_text().split()[-1])
    parent.kill()
    parent.wait()
    wait_until(lambda: not alive(pid), seconds=5)
