"""/v1/brands: saved queries, refused with what is valid when they cannot be read."""

import pytest

from core.nudges import Stage
from tests.api.client import Client

DELTA = {"name": "Delta", "query": '"delta air" OR @delta NOT river'}


def test_a_brand_is_made_changed_and_deleted_and_all_is_counted_again(api: Client, nudges: list[Stage]) -> None:
    assert api.post("/v1/brands", json=DELTA).json() == {"id": "1", **DELTA, "created_at": "2026-03-01T12:00:00Z"}
    assert api.patch("/v1/brands/1", json={"query": "attributes.airline:Delta"}).json()["query"] == "attributes.airline:Delta"
    assert [brand["name"] for brand in api.get("/v1/brands").json()["data"]] == ["Delta"]
    assert [api.delete("/v1/brands/1").status_code, api.get("/v1/brands/1").status_code] == [204, 404]
    assert nudges == ["roll_up"] * 3


def test_a_brand_that_an_enabled_rule_names_is_not_deleted(api: Client) -> None:
    api.post("/v1/brands", json=DELTA)
    api.post("/v1/rules", json={"name": "Delta burns", "scope": {"brand": "1"}})
    refused = api.delete("/v1/brands/1")
    assert (refused.status_code, "rule 'Delta burns'" in refused.json()["detail"]) == (409, True)
    assert api.patch("/v1/rules/1", json={"enabled": False}).status_code == 200
    assert api.delete("/v1/brands/1").status_code == 204
    assert api.patch("/v1/rules/1", json={"enabled": True}).status_code == 422


def test_a_dimension_that_an_enabled_rule_splits_by_is_kept(api: Client) -> None:
    api.patch("/v1/workspace", json={"dimensions": ["airline", "tier"]})
    api.post("/v1/rules", json={"name": "By airline", "split_by": ["attributes.airline"]})
    refused = api.patch("/v1/workspace", json={"dimensions": ["tier"]})
    assert (refused.status_code, "rule 'By airline'" in refused.json()["detail"]) == (409, True)
    assert api.patch("/v1/workspace", json={"dimensions": ["airline"]}).json()["dimensions"] == ["airline"]


@pytest.mark.parametrize(
    "query", ["(delta", "delta AND", "planet:earth", '"open', "delta^2 ~", "[1 TO 2]", "/re+/", "(" * 500 + "a" + ")" * 500]
)
def test_a_query_that_cannot_be_read_is_told_what_is_valid(api: Client, query: str) -> None:
    answer = api.post("/v1/brands", json={"name": "Delta", "query": query})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert len(answer.json()["detail"]) > 20


def test_a_name_is_taken_once(api: Client) -> None:
    api.post("/v1/brands", json=DELTA)
    assert api.post("/v1/brands", json=DELTA).status_code == 409
