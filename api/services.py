"""What the routes work with, built once at the edge of the process and passed on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from api.metrics import Metrics
from api.model import Model
from core.nudges import Nudge
from core.settings import Settings
from nlp.topics import Taxonomy
from store.database import Database
from store.records import ConnectorSpec
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
    metrics: Metrics


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


With = Annotated[Services, Depends(_services)]
"""How a route asks for them: `def list_brands(services: With, ...)`."""
