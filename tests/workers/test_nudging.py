"""Nudges reach their queue, never block, never raise, and many are one."""

import json
import socket
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

from core.errors import Misconfigured, TransientError
from core.nudges import STAGES, Stage
from core.settings import Settings
from workers.celery_app import WAITING_ENOUGH, create_celery, ping_broker, send
from workers.nudging import Nudger, Quiet, make_nudge
from workers.schedule import EVERY, take_due, wake_stages


def test_a_nudge_waits_in_the_queue_of_its_stage_without_a_payload(tmp_path: Path, broker: redis.Redis) -> None:
    app = create_celery(Settings(home=tmp_path))
    for stage in STAGES:
        send(app, stage)
    assert (broker.llen("annotate"), broker.llen("stages")) == (1, len(STAGES) - 1)
    message = json.loads(broker.lrange("annotate", 0, 0)[0])
    assert message["headers"]["task"] == "koe.annotate"
    assert (message["headers"]["argsrepr"], message["headers"]["kwargsrepr"]) == ("()", "{}")
    assert datetime.fromisoformat(message["headers"]["expires"]) > datetime.now(UTC)


def test_a_queue_of_an_absent_worker_does_not_grow_for_ever(tmp_path: Path, broker: redis.Redis) -> None:
    app = create_celery(Settings(home=tmp_path))
    for _ in range(WAITING_ENOUGH + 5):
        send(app, "annotate")
    assert broker.llen("annotate") == WAITING_ENOUGH


def test_without_a_broker_sending_fails_soon_and_says_so(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(TransientError, match="the broker does not answer"):
        send(create_celery(Settings(home=tmp_path)), "annotate")
    assert time.monotonic() - begun < 3


def test_a_broker_that_is_full_is_one_that_does_not_answer(tmp_path: Path, broker: redis.Redis) -> None:
    broker.config_set("maxmemory", "1mb")
    with pytest.raises(TransientError, match="command not allowed"):
        send(create_celery(Settings(home=tmp_path)), "annotate")


def test_a_broker_on_another_machine_is_reached_by_its_url(tmp_path: Path, broker: redis.Redis) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    broker.config_set("port", port)
    settings = Settings(home=tmp_path / "elsewhere", broker_url=f"redis://127.0.0.1:{port}/3")
    ping_broker(settings)
    send(create_celery(settings), "annotate")
    assert redis.Redis(port=port, db=3).llen("annotate") == 1


def test_sending_works_again_once_the_broker_is_back(tmp_path: Path, broker: redis.Redis) -> None:
    app = create_celery(Settings(home=tmp_path))
    send(app, "annotate")
    broker.client_kill_filter(_type="normal", skipme=True)
    send(app, "annotate")
    assert broker.llen("annotate") == 2


def test_a_nudge_without_a_broker_returns_at_once_and_warns_once_a_minute(tmp_path: Path) -> None:
    now = [0.0]
    quiet = Quiet(lambda stage: send(create_celery(Settings(home=tmp_path)), stage), clock=lambda: now[0])
    with capture_logs() as logs:
        for second in (0, 1, 59, 60):
            now[0] = second
            quiet("annotate")
    assert [entry["event"] for entry in logs] == ["nudge.lost", "nudge.lost"]


def test_a_nudge_of_the_api_is_sent_from_a_thread(tmp_path: Path, broker: redis.Redis) -> None:
    nudge = make_nudge(Settings(home=tmp_path))
    nudge("annotate")
    assert isinstance(nudge, Nudger)
    assert nudge.flush(5.0)
    assert broker.llen("annotate") == 1


def test_many_nudges_at_once_are_one_and_the_last_is_never_lost() -> None:
    sent: list[Stage] = []
    busy = threading.Event()

    def deliver(stage: Stage) -> None:
        sent.append(stage)
        busy.wait(5)

    nudger = Nudger(deliver)
    nudger("annotate")
    while not sent:
        time.sleep(0.01)
    for _ in range(100):
        nudger("annotate")
    busy.set()
    assert nudger.flush(5.0)
    assert sent == ["annotate", "annotate"]


def test_doctor_learns_whether_the_broker_answers(tmp_path: Path, broker: redis.Redis) -> None:
    ping_broker(Settings(home=tmp_path))
    with pytest.raises(TransientError, match="is the server at KOE_BROKER_URL up"):
        ping_broker(Settings(home=tmp_path, broker_url=f"redis+socket://{tmp_path}/nothing.sock"))


def test_a_broker_that_is_none_of_ours_is_refused_with_what_is_valid(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="redis://host:port/0"):
        create_celery(Settings(home=tmp_path, broker_url="amqp://guest@localhost"))


def test_the_schedule_wakes_each_stage_in_its_rhythm() -> None:
    due = dict.fromkeys(EVERY, 0.0)
    woken = [stage for second in range(60) for stage in take_due(due, second)]
    assert {stage: woken.count(stage) for stage in EVERY} == {stage: 60 / every for stage, every in EVERY.items()}


def test_after_the_machine_slept_each_stage_is_woken_once() -> None:
    due = dict.fromkeys(EVERY, 0.0)
    assert sorted(take_due(due, 3600.0)) == sorted(EVERY)
    assert take_due(due, 3601.0) == []


def test_the_schedule_runs_until_it_is_stopped() -> None:
    stop, woken = threading.Event(), list[Stage]()
    thread = threading.Thread(target=wake_stages, args=(woken.append,), kwargs={"clock": time.monotonic, "stop": stop})
    thread.start()
    time.sleep(0.2)
    stop.set()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert sorted(woken) == sorted(EVERY)
