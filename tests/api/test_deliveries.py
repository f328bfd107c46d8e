"""/v1/deliveries: what died is listed and sent again, in the order of its alert."""

from datetime import timedelta

import pytest

from core.nudges import Stage
from store.alerts import get_alert
from store.database import Database
from store.deliveries import claim_due, enqueue, mark_delivered, mark_failed
from store.records import DeliveryEvent, Workspace
from tests.api.client import Client
from tests.api.conftest import Clock
from tests.api.test_alerts import surge
from tests.builders import NOW

HOOK = {"name": "on-call", "url": "https://hooks.example.invalid/koe"}
LEASE = timedelta(seconds=60)


@pytest.fixture
def tell(api: Client, database: Database, workspace: Workspace) -> None:
    """Two changes of alert 1 on their way to channel 1; the first was refused, the second taken."""
    surge(database, workspace.id)
    api.post("/v1/channels", json=HOOK)
    events: tuple[DeliveryEvent, ...] = ("alert.opened", "alert.resolved")
    with database.write() as connection:
        alert = get_alert(connection, workspace.id, "1")
        for event in events:
            enqueue(connection, alert, event, ["1"], "{}", NOW)
        mark_failed(connection, claim_due(connection, limit=1, now=NOW, lease=LEASE)[0], "answered 410", None, NOW, refused=True)
        mark_delivered(connection, claim_due(connection, limit=1, now=NOW, lease=LEASE)[0], NOW, answer="200")


@pytest.mark.usefixtures("tell")
def test_what_died_is_listed_by_channel_and_by_alert(api: Client) -> None:
    [dead] = api.get("/v1/deliveries?state=dead&channel=1&alert=1").json()["data"]
    assert (dead["event"], dead["last_error"], dead["channel_id"]) == ("alert.opened", "answered 410", "1")
    assert len(api.get("/v1/deliveries").json()["data"]) == 2
    assert [api.get(f"/v1/deliveries?state=dead&{other}").json()["data"] for other in ("channel=2", "alert=2")] == [[], []]
    assert api.get("/v1/deliveries?state=lost").json()["errors"][0]["field"] == "state"


@pytest.mark.usefixtures("tell")
def test_a_dead_change_is_sent_again_and_the_later_ones_of_its_alert_after_it(api: Client, nudges: list[Stage], clock: Clock) -> None:
    clock.move(timedelta(days=5))
    again = api.post("/v1/deliveries/1/resend")
    assert (again.status_code, again.json()["state"], again.json()["event_id"]) == (200, "pending", "alert-1-1")
    assert again.json()["resent_at"] == "2026-03-06T12:00:00Z"
    assert [one["state"] for one in api.get("/v1/deliveries").json()["data"]] == ["pending", "pending"]
    assert nudges[-1] == "deliver"
    assert api.post("/v1/deliveries/99/resend").status_code == 404


@pytest.mark.usefixtures("tell")
def test_everything_that_died_on_the_way_to_a_channel_is_sent_again_at_once(api: Client) -> None:
    assert api.post("/v1/channels/1/resend").json() == {"resent": 1}
    assert api.get("/v1/deliveries?state=dead").json()["data"] == []
    assert api.post("/v1/channels/1/resend").json() == {"resent": 0}
    assert api.post("/v1/channels/2/resend").status_code == 404
