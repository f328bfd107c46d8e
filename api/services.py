"""What the routes work with, built once at the edge of the process and passed on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from anyio import to_thread
from fastapi import Depends, Request
from sqlalchemy import Connection

from api.alert_feed import AlertFeed
from api.metrics import Metrics
from api.model import Model
from api.workspace_models import WorkspaceModels
from core.nudges import Nudge
from core.settings import Settings
from nlp.annotator import TextInput
from nlp.topics import Taxonomy, described
from store.database import Database
from store.records import Annotation, ConnectorSpec, StoredWorkspaceModel, WorkspaceTaxonomy
from store.secrets import Vault
from store.topics import workspace_taxonomy


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    database: Database
    vault: Vault
    nudge: Nudge
    clock: Callable[[], datetime]
    connectors: Mapping[str, ConnectorSpec]
    taxonomy: Taxonomy
    model: Model
    workspace_models: WorkspaceModels
    metrics: Metrics
    feed: AlertFeed

    async def annotate(self, workspace_id: str, texts: Sequence[TextInput], topics: frozenset[str] | None = None) -> list[Annotation]:
        """Annotations of a workspace's texts by its model, in order. Raises NotReady, and what the batcher raises."""
        batcher = self.model.batcher
        return await batcher.annotate(texts, topics, workspace=await self.workspace_models.find(workspace_id, self.model.weights))

    async def own_topics(self, workspace_id: str) -> frozenset[str]:
        """Ids of the topics that the workspace added, without asking the database when they are known. Raises NotReady."""
        topics = (await self.workspace_models.find(workspace_id, self.model.weights)).topics
        return frozenset() if topics is None else topics.ids

    async def annotate_with(self, workspace_id: str, taxonomy: WorkspaceTaxonomy, texts: Sequence[TextInput]) -> list[Annotation]:
        """The same as if these were the workspace's topics."""
        present = await self.workspace_models.find(workspace_id, self.model.weights)
        opened = await to_thread.run_sync(self.model.open, StoredWorkspaceModel(taxonomy=taxonomy))
        return await self.model.batcher.annotate(texts, workspace=replace(present, topics=opened.topics))

    def topics_of(self, connection: Connection, workspace_id: str) -> Taxonomy:
        """The topics of a workspace: the built-in ones that it does not hide, and its own."""
        return described(self.taxonomy, workspace_taxonomy(connection, workspace_id))


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


With = Annotated[Services, Depends(_services)]
"""How a route asks for them: `def list_brands(services: With, ...)`."""
