"""A worker killed between the receiver's yes and our note of it: the next one sends again, under the same id."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from store.database import Database
from store.records import Workspace
from tests.builders import NOW
from tests.workers.letters import a_desk
from tests.workers.receiver import Request, a_receiver
from workers.deliver import LEASE, Delivered

ROOT = Path(__file__).parents[2]
# argv: the URL of the database. Delivers once, as a worker does.
PROGRAM = """
import random, sys
from core.network import guarded_client
from nlp.topics import load_taxonomy
from store.database import Database
from tests.builders import NOW
from tests.workers.letters import VAULT
from workers import deliver
from workers.letters import Outside
with guarded_client(["127.0.0.1"]) as client:
    office = deliver.Office(Database(sys.argv[1]), VAULT, Outside(client, ("127.0.0.1",)), load_taxonomy())
    deliver.run(office, clock=lambda: NOW, rng=random.Random(1), enough=lambda: False)
"""


def test_what_was_taken_before_the_kill_comes_again_with_the_same_id(database: Database, workspace: Workspace) -> None:
    with a_receiver() as receiver:
        desk = a_desk(database, workspace, "webhook", {"url": receiver.url, "signing_secret": "s" * 20})
        workers: list[subprocess.Popen[bytes]] = []

        def kill_and_take(_: Request) -> tuple[int, bytes]:
            os.kill(workers[0].pid, signal.SIGKILL)
            workers[0].wait()
            return 200, b""

        desk.enqueue("alert.opened")
        receiver.reply = kill_and_take
        url = database.url.render_as_string(hide_password=False)
        workers.append(subprocess.Popen([sys.executable, "-c", PROGRAM, url], cwd=ROOT))
        assert workers[0].wait(60) == -signal.SIGKILL
        receiver.reply = lambda _: (200, b"")
        assert desk.run() == Delivered(0, 0, 0)
        desk.now = NOW + LEASE + timedelta(seconds=1)
        assert desk.run() == Delivered(1, 0, 0)
        assert [request.headers["webhook-id"] for request in receiver.requests] == [f"alert-{desk.alert.id}-1"] * 2
        assert len(receiver.requests) == 2
