"""Requests drawn from the OpenAPI document, valid and broken: none is a 500, and every answer is one that the document names."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from api.app import create_app
from core.settings import Settings
from store.database import Database
from store.keys import create_key
from store.secrets import Vault
from store.workspaces import create_workspace
from tests.api.annotating import WordAnnotator
from tests.api.connectors import CONNECTORS
from tests.api.counted import put, said
from tests.api.live import served
from tests.api.test_alerts import surge
from tests.builders import NOW

EXAMPLES = 12
LONGEST_ADDRESS = 65_000
"""Bytes: uvicorn answers 400 to a longer one before the application sees it."""
CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
    schemathesis.checks.response_headers_conformance,
    schemathesis.checks.unsupported_method,
]


def document() -> dict[str, Any]:
    """What /openapi.json says; it depends on no database and no model."""
    nowhere = Database("sqlite:////nowhere/koe.sqlite3")
    return create_app(Settings(), nowhere, annotator=WordAnnotator, vault=Vault("x" * 32), connectors=CONNECTORS).openapi()


@schemathesis.serializer("application/x-ndjson")
def as_lines(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode()


schema = schemathesis.openapi.from_dict(document()).exclude(path="/v1/alerts/stream")  # it has no end to wait for


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[dict[str, Any]]:
    """How to call a live app that has one of everything in its database."""
    path = tmp_path_factory.mktemp("schemathesis") / "koe.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    with database.write() as connection:
        workspace = create_workspace(connection, "acme", NOW)
        _, key = create_key(connection, workspace.id, name="test", scopes=("admin",), now=NOW)
    put(database, workspace.id, [said(f"it came late {number}", "negative", "delivery", at=NOW) for number in range(3)])
    surge(database, workspace.id)
    app = create_app(
        Settings(home=path.parent, max_upload_mb=1), database, annotator=WordAnnotator, vault=Vault("x" * 32), connectors=CONNECTORS
    )
    with served(app) as port:
        yield {"base_url": f"http://127.0.0.1:{port}", "headers": {"Authorization": f"Bearer {key}"}}
    database.dispose()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_every_answer_is_one_that_the_document_names(live: dict[str, Any], case: schemathesis.Case[Any]) -> None:
    answer = case.call(**live)
    if len(str(answer.request.url)) > LONGEST_ADDRESS:
        return
    case.validate_response(answer, checks=CHECKS)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == ["application/problem+json"]
        assert answer.json()["status"] == answer.status_code
