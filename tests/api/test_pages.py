"""Health, metrics, documents: what needs no key tells nothing of customers."""

from fastapi import FastAPI

from api.app import create_app
from core.errors import Misconfigured
from core.settings import Settings
from nlp.annotator import Annotator
from store.database import Database
from store.secrets import Vault
from tests.api.annotating import WordAnnotator
from tests.api.client import Client, client_of

KEY_TEXT = "A key of the workspace: `koe_...`. Scopes: classify, ingest, read, manage, admin"


def test_alive_and_ready(api: Client) -> None:
    plain = api.with_key(None)
    assert plain.get("/healthz").json() == {"status": "ok"}
    assert plain.get("/readyz").json() == {"status": "ready", "checks": {"database": "ok", "migrations": "ok", "model": "ok"}}


def app_with(database: Database, annotator: object) -> FastAPI:
    def load() -> Annotator:
        if isinstance(annotator, Exception):
            raise annotator
        assert isinstance(annotator, WordAnnotator)
        annotator.gate.wait(10)
        return annotator

    return create_app(Settings(auth="off"), database, annotator=load, vault=Vault("x" * 32), connectors={})


def test_while_the_model_is_loaded_classify_says_when_to_come_again(sqlite_database: Database) -> None:
    annotator = WordAnnotator()
    annotator.gate.clear()
    with client_of(app_with(sqlite_database, annotator)) as api:
        answer = api.post("/v1/classify", json={"texts": ["a"]})
        assert (answer.status_code, answer.headers["retry-after"], answer.json()["type"]) == (503, "2", "urn:koe:unavailable")
        assert (api.get("/readyz").status_code, api.get("/readyz").json()["checks"]["model"]) == (503, "loading")
        assert api.get("/v1/feedback").status_code == 200
        annotator.gate.set()
        api.wait_until_ready()
        assert api.post("/v1/classify", json={"texts": ["a"]}).status_code == 200


def test_a_model_that_cannot_be_loaded_stops_nothing_else(sqlite_database: Database) -> None:
    with client_of(app_with(sqlite_database, Misconfigured("no such folder: /secret/models"))) as api:
        while api.get("/readyz").json()["checks"]["model"] == "loading":
            pass
        assert api.get("/readyz").json()["checks"]["model"] == "failed"
        answer = api.post("/v1/classify", json={"texts": ["a"]})
        assert (answer.status_code, "/secret" in answer.text) == (503, False)
        assert api.post("/v1/feedback", json={"text": "a"}).status_code == 202


def test_a_database_that_is_away_is_a_503_without_its_address() -> None:
    away = Database("postgresql://koe:hidden@127.0.0.1:1/none")
    app = create_app(Settings(), away, annotator=WordAnnotator, vault=Vault("x" * 32), connectors={})
    with client_of(app, "koe_deadbeef_x") as api:
        assert api.get("/healthz").status_code == 200
        assert api.get("/readyz").json()["checks"]["database"] == "away"
        answer = api.get("/v1/feedback")
        assert (answer.status_code, "127.0.0.1" in answer.text, "retry-after" in answer.headers) == (503, False, True)
        assert api.get("/metrics").status_code == 200


def test_metrics_count_requests_by_route_and_what_waits(api: Client) -> None:
    api.post("/v1/feedback", json={"text": "a secret word", "source": "the secret source"})
    api.get("/v1/feedback/1")
    api.get("/v1/feedback/secret")
    api.get("/nothing/here/secret")
    metrics = api.with_key(None).get("/metrics").text
    assert 'koe_requests_total{method="GET",route="/v1/feedback/{feedback_id}",status="200"} 1.0' in metrics
    assert 'koe_requests_total{method="GET",route="(none)",status="404"} 1.0' in metrics
    assert "koe_feedback_unannotated 1.0" in metrics
    assert "koe_reannotations_active 0.0" in metrics
    assert "koe_reannotation_failed_texts 0.0" in metrics
    assert 'koe_feedback_rows_total{status="created"} 1.0' in metrics
    assert "secret" not in metrics
    assert "acme" not in metrics


def test_the_documents_come_from_this_server_alone(api: Client) -> None:
    page = api.with_key(None).get("/docs")
    assert "http" not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for name, kind in (("swagger-ui-bundle.js", "text/javascript"), ("swagger-ui.css", "text/css"), ("start.js", "text/javascript")):
        answer = api.with_key(None).get(f"/docs/{name}")
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, kind)
    assert api.get("/docs/__init__.py").status_code == 404
    assert api.get("/").headers["location"] == "/docs"


def test_the_openapi_document_names_keys_scopes_problems_and_examples(api: Client) -> None:
    document = api.with_key(None).get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert document["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer", "description": KEY_TEXT}
    assert {"Problem", "FeedbackIn", "AnnotationOut"} <= schemas.keys()
    assert "HTTPValidationError" not in schemas
    calls = [call for path, methods in document["paths"].items() if path.startswith("/v1/") for call in methods.values()]
    assert all("Scope: `" in call["description"] and call["security"] == [{"key": []}] for call in calls)
    assert all(set(call["responses"]["422"]["content"]) == {"application/problem+json"} for call in calls)
    assert len({call["operationId"] for call in calls}) == len(calls)
