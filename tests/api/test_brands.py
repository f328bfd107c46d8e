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
