"""/v1/policies, /v1/schedules, /v1/oncall and quiet hours: what names nobody, or a zone that does not exist, is refused."""

from datetime import timedelta
from typing import Any

import pytest

from tests.api.client import Client
from tests.api.conftest import Clock

SCHEDULE: dict[str, Any] = {"name": "Tokyo", "time_zone": "Asia/Tokyo", "turn": "daily", "starts_on": "2026-03-01", "rotation": ["1", "2"]}
POLICY: dict[str, Any] = {"name": "Deliveries", "steps": [{"channels": ["1"]}, {"after_minutes": 15, "schedules": ["1"]}]}
NIGHTS: dict[str, Any] = {"time_zone": "Asia/Tokyo", "windows": [{"start": "20:00", "end": "07:00"}]}


@pytest.fixture
def manned(api: Client) -> Client:
    """Two channels and a schedule."""
    for name in ("Mai", "Ken"):
        assert api.post("/v1/channels", json={"name": name, "url": "https://hooks.example.invalid/"}).status_code == 201
    assert api.post("/v1/schedules", json=SCHEDULE).status_code == 201
    return api


def test_a_policy_comes_back_as_it_was_made_and_is_replaced_whole(manned: Client) -> None:
    made = manned.post("/v1/policies", json=POLICY | {"matchers": [{"name": "topic", "values": ["delivery"]}], "group_by": ["brand"]})
    assert made.status_code == 201
    assert made.json() == manned.get("/v1/policies/1").json() == manned.get("/v1/policies").json()["data"][0]
    assert made.json()["steps"][1] == {"after_minutes": 15, "channels": [], "schedules": ["1"]}
    replaced = manned.request("PUT", "/v1/policies/1", json=POLICY | {"name": "All", "repeat_minutes": 60}).json()
    assert (replaced["name"], replaced["matchers"], replaced["group_by"], replaced["repeat_minutes"]) == ("All", [], None, 60)
    assert manned.post("/v1/policies", json=POLICY | {"name": "All"}).status_code == 409
    assert [manned.delete("/v1/policies/1").status_code for _ in range(2)] == [204, 404]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"steps": []}, "at least 1"),
        ({"steps": [{"after_minutes": 5}]}, "needs a channel or a schedule"),
        ({"steps": [{"channels": ["9"]}]}, "there are 1, 2"),
        ({"steps": [{"schedules": ["9"]}]}, "unknown schedule '9'; there are 1"),
        ({"steps": [{"channels": ["1"]}, {"channels": ["2"]}]}, "must grow from step to step"),
        ({"group_by": ["topik"]}, "valid are brand, topic"),
        ({"matchers": [{"name": "topik", "values": ["x"]}]}, "valid are brand, topic"),
        ({"repeat_minutes": 1}, "greater than or equal to 5"),
    ],
)
def test_a_policy_that_could_reach_nobody_is_refused(manned: Client, change: dict[str, object], says: str) -> None:
    answer = manned.post("/v1/policies", json=POLICY | change)
    assert answer.status_code == 422
    assert says in answer.text


def test_a_body_that_is_no_object_is_refused_as_such(manned: Client) -> None:
    assert "Input should be a JSON object" in manned.post("/v1/policies", json=[POLICY]).text


def test_a_channel_or_schedule_that_somebody_counts_on_is_not_deleted(manned: Client) -> None:
    manned.post("/v1/policies", json=POLICY)
    refused = manned.delete("/v1/channels/1")
    assert refused.status_code == 409
    assert "channel 'Mai' is used by policy 'Deliveries', schedule 'Tokyo': take it out there first" in refused.json()["detail"]
    assert "is used by policy 'Deliveries'" in manned.delete("/v1/schedules/1").json()["detail"]
    assert [manned.delete(f"/v1/{path}/1").status_code for path in ("policies", "schedules", "channels")] == [204, 204, 204]


def test_who_is_on_call_now_and_next(manned: Client, clock: Clock) -> None:
    assert manned.get("/v1/oncall").json()["data"] == [
        {
            "schedule": "1",
            "schedule_name": "Tokyo",
            "now": {
                "channel": "1", "channel_name": "Mai", "since": "2026-03-01T00:00:00Z", "until": "2026-03-02T00:00:00Z", "override": None,
            },
            "next": {
                "channel": "2", "channel_name": "Ken", "since": "2026-03-02T00:00:00Z", "until": "2026-03-03T00:00:00Z", "override": None,
            },
        }
    ]  # fmt: skip
    clock.move(timedelta(days=1))
    assert manned.get("/v1/oncall").json()["data"][0]["now"]["channel_name"] == "Ken"
    assert manned.get("/v1/oncall?at=2026-03-01T12:00:00Z").json()["data"][0]["now"]["channel_name"] == "Mai"
    assert manned.get("/v1/oncall?at=noon").status_code == 422


def test_an_override_stands_in_until_it_is_deleted(manned: Client) -> None:
    body = {"channel": "2", "starts_at": "2026-03-01T11:00:00Z", "ends_at": "2026-03-01T13:00:00Z"}
    assert manned.post("/v1/schedules/1/overrides", json=body).json() == body | {"id": "1"}
    shift = manned.get("/v1/oncall").json()["data"][0]["now"]
    assert (shift["channel"], shift["override"], shift["until"]) == ("2", "1", "2026-03-01T13:00:00Z")
    assert len(manned.get("/v1/schedules/1").json()["overrides"]) == 1
    assert manned.delete("/v1/schedules/1/overrides/1").status_code == 204
    assert manned.get("/v1/oncall").json()["data"][0]["now"]["channel"] == "1"
    assert manned.post("/v1/schedules/1/overrides", json=body | {"ends_at": "2026-03-01"}).status_code == 422


def test_a_schedule_is_replaced_whole(manned: Client) -> None:
    replaced = manned.request("PUT", "/v1/schedules/1", json=SCHEDULE | {"turn": "weekly", "handover": "18:30"}).json()
    assert (replaced["turn"], replaced["handover"], replaced["rotation"]) == ("weekly", "18:30", ["1", "2"])
    assert manned.delete("/v1/schedules/1").status_code == 204


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"time_zone": "Asia/Tokio"}, "Asia/Tokyo"),
        ({"handover": "25:00"}, "00:00 to 23:59"),
        ({"starts_on": "1st"}, "starts_on"),
        ({"rotation": []}, "at least 1"),
        ({"rotation": ["9"]}, "there are 1, 2"),
        ({"turn": "monthly"}, "'daily' or 'weekly'"),
    ],
)
def test_a_schedule_that_says_nothing_sensible_is_refused(manned: Client, change: dict[str, object], says: str) -> None:
    answer = manned.post("/v1/schedules", json=SCHEDULE | {"name": "other"} | change)
    assert answer.status_code == 422
    assert says in answer.text


def test_a_channel_says_when_it_sleeps(manned: Client) -> None:
    assert manned.get("/v1/channels/1/quiet-hours").status_code == 404
    said = manned.request("PUT", "/v1/channels/1/quiet-hours", json=NIGHTS | {"pass_to": ["2"]}).json()
    assert said["quiet_until"] == "2026-03-01T22:00:00Z"
    assert (said["breaks_through"], said["pass_to"], len(said["windows"][0]["days"])) == ("critical", ["2"], 7)
    assert manned.get("/v1/channels/1/quiet-hours").json() == said
    assert [manned.delete("/v1/channels/1/quiet-hours").status_code for _ in range(2)] == [204, 404]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"time_zone": "Mars/Base"}, "IANA"),
        ({"windows": [{"start": "22:00", "end": "7"}]}, "00:00 to 23:59"),
        ({"windows": [{"start": "00:00", "end": "00:00"}]}, "never end"),
        ({"windows": [{"days": ["someday"], "start": "22:00", "end": "07:00"}]}, "'mon'"),
        ({"pass_to": ["1"]}, "to itself"),
        ({"pass_to": ["9"]}, "there are 1, 2"),
    ],
)
def test_quiet_hours_that_never_end_or_name_nobody_are_refused(manned: Client, change: dict[str, object], says: str) -> None:
    answer = manned.request("PUT", "/v1/channels/1/quiet-hours", json=NIGHTS | change)
    assert answer.status_code == 422
    assert says in answer.text
