"""What the routes work with, built once at the edge of the process and passed on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from api.metrics import Metrics
from api.model import Model
from api.workspace_models import WorkspaceModels
from core.nudges import Nudge
from core.settings import Settings
from nlp.annotator import TextInput
from nlp.topics import Taxonomy
from store.database import Database
from store.records import Annotation, ConnectorSpec
from store.secrets import Vault


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

    async def annotate(self, workspace_id: str, texts: Sequence[TextInput], topics: frozenset[str] | None = None) -> list[Annotation]:
        """Annotations of a workspace's texts by its model, in order. Raises NotReady, and what the batcher raises."""
        batcher = self.model.batcher
        return await batcher.annotate(texts, topics, workspace=await self.workspace_models.find(workspace_id, self.model.weights))


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


With = Annotated[Services, Depends(_services)]
"""How a route asks for them: `def list_brands(services: With, ...)`."""
