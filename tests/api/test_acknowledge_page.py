"""The page behind the link in an alert: looking acknowledges nothing, a press of the button does, once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from insights.message import message
from store.alerts import get_alert, resolve_alert
from store.channels import create_channel
from store.database import Database
from store.deliveries import enqueue, list_deliveries
from store.links import seal_link
from store.records import CustomTopic, TopicShare, Workspace
from store.secrets import Vault
from store.topics import add_topic
from tests.api.client import Client
from tests.api.conftest import Clock
from tests.api.test_alerts import surge
from tests.builders import NOW

VAULT = Vault("a secret for tests alone")


@pytest.fixture
def link(api: Client, database: Database, workspace: Workspace) -> str:
    """Where the alert of a Japanese channel leads; whoever follows it has no key."""
    surge(database, workspace.id, source="<i>shop</i>")
    with database.write() as connection:
        secrets = {"url": "https://a.example", "signing_secret": "s"}
        channel = create_channel(
            connection, workspace.id, name="ja", kind="webhook", target="x", secrets=secrets, now=NOW, vault=VAULT, language="ja"
        )
        alert = replace(get_alert(connection, workspace.id, "1"), top_topics=(TopicShare("loyalty", 9),))
        enqueue(connection, alert, "alert.opened", [channel.id], message(alert, "alert.opened"), NOW)
        [delivery] = list_deliveries(connection, workspace.id).rows
    assert api.key is not None
    return f"/acknowledge/{seal_link(VAULT, delivery)}"


def test_looking_changes_nothing(api: Client, link: str) -> None:
    page = api.with_key(None).get(link)
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert "&lt;i&gt;shop&lt;/i&gt;からの否定的な声 42件" in page.text
    assert '<form method="post"><button>対応する</button></form>' in page.text
    assert api.get("/v1/alerts/1").json()["state"] == "open"


def test_the_page_calls_topics_of_the_workspace_by_their_names(api: Client, link: str, database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        add_topic(connection, workspace.id, CustomTopic("loyalty", None, (("en", "Loyalty"), ("ja", "<b>ポイント")), (), ()), NOW)
    assert "主な話題は&lt;b&gt;ポイント（" in api.get(link).text


def test_the_button_acknowledges_in_the_name_of_the_channel_and_once(api: Client, link: str) -> None:
    done = api.with_key(None).post(link)
    assert (done.status_code, "ありがとうございます" in done.text) == (200, True)
    alert = api.get("/v1/alerts/1").json()
    assert (alert["state"], alert["history"][-1]["actor"]) == ("acknowledged", "channel 1")
    again = api.with_key(None).post(link)
    assert (again.status_code, "使用済み" in again.text) == (409, True)
    assert "<form" not in api.with_key(None).get(link).text


def test_what_is_over_cannot_be_taken(api: Client, link: str, database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        resolve_alert(connection, workspace.id, "1", actor="x", now=NOW)
    assert "<form" not in api.get(link).text
    assert api.post(link).status_code == 409
    assert api.get("/v1/alerts/1").json()["state"] == "resolved"


def test_an_old_or_forged_link_leads_nowhere(api: Client, link: str, clock: Clock) -> None:
    assert [api.get(f"/acknowledge/{token}").status_code for token in ("x", "1.1.9999999999.x", link[-20:])] == [404, 404, 404]
    clock.move(timedelta(days=8))
    assert [api.get(link).status_code, api.post(link).status_code] == [404, 404]
    assert api.get("/v1/alerts/1").json()["state"] == "open"


def test_one_press_takes_all_that_was_told_and_is_not_over(api: Client, link: str, database: Database, workspace: Workspace) -> None:
    surge(database, workspace.id, source="web")
    surge(database, workspace.id, source="app")
    with database.write() as connection:
        alerts = [get_alert(connection, workspace.id, number) for number in ("1", "2", "3")]
        enqueue(connection, alerts[0], "alert.extended", ["1"], message(alerts[0], "alert.extended", group=alerts), NOW)
        delivery = list_deliveries(connection, workspace.id).rows[0]
        resolve_alert(connection, workspace.id, "1", actor="x", now=NOW)
    link = f"/acknowledge/{seal_link(VAULT, delivery)}"
    page = api.with_key(None).get(link).text
    assert "否定的な声の急増3件" in page
    assert "<li>【高】&lt;i&gt;shop&lt;/i&gt;からの否定的な声 42件" in page
    assert "<button>対応する</button>" in page
    assert api.with_key(None).post(link).status_code == 200
    assert [api.get(f"/v1/alerts/{number}").json()["state"] for number in (1, 2, 3)] == ["resolved", "acknowledged", "acknowledged"]
