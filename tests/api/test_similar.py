"""The nearest by meaning: of the same workspace, in the stretch asked, without the feedback itself."""

from tests.api.client import Client


def store(client: Client, *texts: str) -> list[str]:
    rows = [{"text": text} for text in texts]
    return [row["id"] for row in client.post("/v1/feedback?wait=true", json={"feedback": rows}).json()["results"]]


def test_the_nearest_come_first_and_never_the_feedback_itself(api: Client) -> None:
    asked, both, same, other = store(api, "late again", "late and rude", "too late", "I love it")
    answer = api.get(f"/v1/feedback/{asked}/similar").json()
    assert [row["feedback"]["id"] for row in answer["data"]] == [same, both, other]
    assert [row["similarity"] for row in answer["data"]] == sorted((row["similarity"] for row in answer["data"]), reverse=True)
    assert answer["data"][0]["similarity"] == 1.0
    assert answer["compared"] == 4
    assert [row["feedback"]["id"] for row in api.get(f"/v1/feedback/{asked}/similar?limit=1").json()["data"]] == [same]


def test_what_is_erased_or_another_s_is_not_found(api: Client, stranger: Client) -> None:
    asked, erased = store(api, "late again", "too late")
    store(stranger, "late, too")
    api.delete(f"/v1/feedback/{erased}")
    assert api.get(f"/v1/feedback/{asked}/similar").json()["data"] == []
    assert stranger.get(f"/v1/feedback/{asked}/similar").status_code == 404


def test_the_stretch_narrows(api: Client) -> None:
    asked, _ = store(api, "late again", "too late")
    assert api.get(f"/v1/feedback/{asked}/similar?to=2020-01-01").json() == {"data": [], "compared": 0}
    assert api.get(f"/v1/feedback/{asked}/similar?from=2026-02-01&to=2026-01-01").status_code == 422


def test_what_waits_for_the_model_says_so(api: Client) -> None:
    waiting = api.post("/v1/feedback", json={"text": "late again"}).json()["results"][0]["id"]
    answer = api.get(f"/v1/feedback/{waiting}/similar")
    assert (answer.status_code, "waits for the model" in answer.json()["detail"]) == (409, True)


def test_classify_answers_the_embedding_when_asked(api: Client) -> None:
    texts = {"texts": ["too late", "I love it"]}
    plain, asked = (api.post("/v1/classify", json=texts | more).json()["results"] for more in ({}, {"embedding": True}))
    assert all("embedding" not in one for one in plain)
    assert asked[0]["embedding"] == [0.9999, 0.01, 0.01]
    assert [{name: part for name, part in one.items() if name != "embedding"} for one in asked] == plain
