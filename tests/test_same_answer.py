"""A stored text gets one answer, whether the API annotates it as it comes or a worker does it later."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from api.app import create_app
from core.settings import Settings
from store.database import Database
from store.feedback import load_annotated
from store.keys import create_key
from store.records import Annotation, Workspace
from store.secrets import Vault
from store.sources import create_source
from store.workspaces import create_workspace
from tests.api.client import client_of
from tests.builders import NOW
from tests.nlp.fakes import fake_annotator
from workers import annotate

JSON = {"Content-Type": "application/json"}
VAULT = Vault("a secret for tests alone")
ROWS: list[dict[str, Any]] = [
    {"text": "商品が届きません", "source": "shop", "author": {"id": "ken"}},
    {"text": "良好", "source": "shop", "author": {"id": "ken"}},
    {"text": "良好", "source": "shop", "author": {"id": "wei"}},
    {"text": "良好", "source": "shop", "country": "JP"},
    {"text": "良好", "source": "survey"},
    {"text": "良好", "question": "商品はいかがでしたか"},
    {"text": "super", "country": "DE"},
    {"text": "The parcel came late.", "country": "JP", "source": "survey"},
    {"text": "a\x00b \ud800 late", "language": "en"},
]


def test_the_api_and_a_worker_agree(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    annotator = fake_annotator()
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
        for place in (workspace, other):
            create_source(
                connection, place.id, name="survey", connector="rss", options={"language": "ja"}, every_seconds=60, now=NOW, vault=VAULT
            )
        keys = {place.id: create_key(connection, place.id, name="test", scopes=("admin",), now=NOW)[1] for place in (workspace, other)}
    settings = Settings(home=tmp_path)
    app = create_app(
        settings, database, annotator=lambda: annotator, vault=VAULT, connectors={}, nudge=lambda stage: None, clock=lambda: NOW
    )
    body = json.dumps({"feedback": [{**row, "external_id": str(number)} for number, row in enumerate(ROWS)]})
    with client_of(app, keys[workspace.id]) as client:
        client.wait_until_ready()
        now = client.post("/v1/feedback?wait=true", content=body, headers=JSON).json()["results"]
        later = client.with_key(keys[other.id]).post("/v1/feedback", content=body, headers=JSON).json()["results"]
    annotate.run(database, annotator, clock=lambda: NOW, lease=timedelta(minutes=1), enough=lambda: False)
    by_api, by_worker = (annotations(database, *pair) for pair in ((workspace, now), (other, later)))
    assert by_api == by_worker
    assert [one.language.code for one in by_api] == ["ja", "ja", "zh", "ja", "ja", "ja", "de", "en", "en"]


def annotations(database: Database, workspace: Workspace, results: list[dict[str, Any]]) -> list[Annotation]:
    with database.read() as connection:
        found = load_annotated(connection, workspace.id, [int(one["id"]) for one in results])
    return [one.annotation for one in found if one.annotation]
