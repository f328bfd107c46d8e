"""What a workspace adds to the shared model shows in its answers within seconds, and costs a call of the model no wait for the database."""

import asyncio

import pytest

from api.remembered import FRESH_SECONDS, STALE_SECONDS
from api.workspace_models import WorkspaceModels
from core.errors import TransientError
from nlp.adaptation import adaptation_content
from nlp.heads import Calibration
from nlp.workspace_model import PLAIN, open_workspace_model
from store.adaptations import add_adaptation
from store.database import Database
from store.records import Workspace
from tests.api.client import Client
from tests.builders import NOW

AWAY = "postgresql://nobody@127.0.0.1:1/none"


def adapt(database: Database, workspace_id: str) -> None:
    content = adaptation_content({}, Calibration({}, (), 0.5))
    with database.write() as connection:
        add_adaptation(connection, workspace_id, weights="words", content=content, now=NOW)


def classified_by(client: Client) -> str:
    return str(client.post("/v1/classify", json={"texts": ["it came late"]}).json()["results"][0]["model"])


def test_answers_come_from_the_model_of_the_caller_s_workspace(
    api: Client, stranger: Client, database: Database, workspace: Workspace
) -> None:
    adapt(database, workspace.id)
    assert (classified_by(api), classified_by(stranger)) == ("words-1+a1", "words-1")
    stored = api.post("/v1/feedback?wait=true", json={"text": "it came late"}).json()["results"][0]
    assert stored["annotation"]["model"] == "words-1+a1"


class Ticks:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_change_shows_within_seconds_and_nobody_waits_for_it(sqlite_database: Database) -> None:
    from store.workspaces import create_workspace

    ticks = Ticks()
    with sqlite_database.write() as connection:
        workspace = create_workspace(connection, "acme", NOW)

    async def scenario() -> None:
        models = WorkspaceModels(sqlite_database, ticks, open_workspace_model)
        assert await models.find(workspace.id, "words") is PLAIN
        adapt(sqlite_database, workspace.id)
        assert await models.find(workspace.id, "words") is PLAIN
        ticks.now += FRESH_SECONDS
        assert await models.find(workspace.id, "words") is PLAIN  # serves once more, and is looked up beside the request
        await models.settle()
        found = (await models.find(workspace.id, "words")).adaptation
        assert found is not None
        assert found.number == 1

    asyncio.run(scenario())


def test_a_database_that_is_away_keeps_no_known_workspace_waiting(sqlite_database: Database) -> None:
    ticks = Ticks()

    async def scenario() -> None:
        models = WorkspaceModels(sqlite_database, ticks, open_workspace_model)
        await models.find("1", "words")
        models._database = Database(AWAY)
        ticks.now += STALE_SECONDS - 1
        assert await models.find("1", "words") is PLAIN
        await models.settle()
        with pytest.raises(TransientError):
            await models.find("2", "words")

    asyncio.run(scenario())
