"""A workspace's own topics: added, tried, changed, deleted and hidden, found from then on, and nobody else's."""

from typing import Any

import pytest

from tests.api.client import Client

CARD = {"id": "loyalty", "name": {"en": "Loyalty card"}, "description": {"en": "Points"}, "examples": ["points"]}


def add(client: Client, **changes: Any) -> Any:
    return client.post("/v1/taxonomy/topics", json=CARD | changes)


def found(client: Client, text: str) -> tuple[list[str], str]:
    said = client.post("/v1/classify", json={"texts": [text]}).json()["results"][0]
    return [topic["id"] for topic in said["topics"]], said["taxonomy"]


def test_a_topic_is_found_as_soon_as_it_is_added(api: Client, stranger: Client) -> None:
    assert add(api).status_code == 201
    assert found(api, "no points, and late") == (["delivery", "loyalty"], "1+t1")
    assert found(stranger, "no points, and late") == (["delivery"], "1")
    stored = api.post("/v1/feedback?wait=true", json={"text": "where are my points"}).json()["results"][0]["annotation"]
    assert (stored["topics"][0]["id"], stored["taxonomy"]) == ("loyalty", "1+t1")
    assert [row["text"] for row in api.get("/v1/feedback?topic=loyalty").json()["data"]] == ["where are my points"]
    assert stranger.get("/v1/feedback?topic=loyalty").status_code == 422


def test_the_taxonomy_shows_it_beside_the_built_in_ones(api: Client, stranger: Client) -> None:
    add(api)
    shown = api.get("/v1/taxonomy").json()
    assert shown["version"] == "1+t1"
    assert shown["topics"][-1] == {**CARD, "parent": None, "hidden": False}
    assert all(topic["examples"] is None for topic in shown["topics"][:-1])
    assert stranger.get("/v1/taxonomy").json()["version"] == "1"


def test_a_topic_changes_and_goes(api: Client) -> None:
    add(api)
    changed = {"name": {"ja": "ポイント"}, "examples": ["miles"], "parent": "price"}
    assert api.request("PUT", "/v1/taxonomy/topics/loyalty", json=changed).json()["examples"] == ["miles"]
    assert found(api, "my miles") == (["loyalty"], "1+t2")
    assert api.delete("/v1/taxonomy/topics/loyalty").status_code == 204
    assert found(api, "my miles") == ([], "1+t3")
    assert api.delete("/v1/taxonomy/topics/loyalty").status_code == 404
    assert api.request("PUT", "/v1/taxonomy/topics/loyalty", json=changed).status_code == 404


def test_built_in_topics_can_be_hidden_and_shown_again(api: Client, stranger: Client) -> None:
    shown = api.request("PUT", "/v1/taxonomy/hidden", json={"hidden": ["delivery"]}).json()
    assert [topic["id"] for topic in shown["topics"] if topic["hidden"]] == ["delivery"]
    assert found(api, "late") == ([], "1+t1")
    assert found(stranger, "late") == (["delivery"], "1")
    assert api.request("PUT", "/v1/taxonomy/hidden", json={"hidden": ["delivery"]}).json()["version"] == "1+t1"
    assert api.request("PUT", "/v1/taxonomy/hidden", json={"hidden": []}).json()["version"] == "1+t2"
    assert found(api, "late") == (["delivery"], "1+t2")


def test_a_draft_is_tried_on_given_texts_and_on_stored_ones_and_is_not_kept(api: Client) -> None:
    api.post("/v1/feedback?wait=true", json={"feedback": [{"text": "my points"}, {"text": "late"}]})
    given = api.post("/v1/taxonomy/preview", json={"topic": CARD, "texts": ["nothing", "points?"]}).json()
    assert (given["matched"], [row["text"] for row in given["results"]]) == (1, ["points?", "nothing"])
    assert given["results"][1]["mention"] is None
    stored = api.post("/v1/taxonomy/preview", json={"topic": CARD}).json()
    first = stored["results"][0]
    assert (first["text"], first["feedback_id"], first["mention"]["confidence"]) == ("my points", "1", 0.9)
    assert api.get("/v1/taxonomy").json()["version"] == "1"
    assert found(api, "my points") == ([], "1")


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"id": "delivery"}, 409, "built in"),
        ({"id": "Loyalty Card"}, 422, "id"),
        ({"name": {}}, 422, "name"),
        ({"name": {"en": "  "}}, 422, "name"),
        ({"name": {"not a code": "x"}}, 422, "no code of a language"),
        ({"parent": "nowhere"}, 422, "valid are"),
        ({"examples": ["x"] * 65}, 422, "examples"),
        ({"examples": ["x" * 1001]}, 422, "examples"),
        ({"examples": [" "]}, 422, "white space"),
        ({"colour": "red"}, 422, "colour"),
    ],
)
def test_refuses_what_is_no_topic_and_says_what_would_be(api: Client, changes: dict[str, Any], status: int, says: str) -> None:
    answer = add(api, **changes)
    assert (answer.status_code, says in answer.text) == (status, True)
    assert api.get("/v1/taxonomy").json()["version"] == "1"


def test_the_same_id_twice_clashes(api: Client) -> None:
    add(api)
    assert add(api).status_code == 409
    assert api.delete("/v1/taxonomy/topics/delivery").status_code == 409
    assert api.get("/v1/taxonomy").json()["version"] == "1+t1"
    assert api.request("PUT", "/v1/taxonomy/hidden", json={"hidden": ["loyalty"]}).status_code == 422
