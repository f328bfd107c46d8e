"""What each workspace adds to the shared model, remembered for seconds: a call of the model does not wait for the database."""

from collections.abc import Callable

from api.remembered import Remembered
from nlp.workspace_model import WorkspaceModel
from store.database import Database
from store.records import StoredWorkspaceModel
from store.workspace_models import workspace_model


class WorkspaceModels:
    """By workspace and shared model. One event loop uses it; a change reaches every process within 30 seconds."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float],
        open_model: Callable[[StoredWorkspaceModel], WorkspaceModel],
    ) -> None:
        """`open_model` makes what is stored ready; it is called in a thread, and may ask the model."""
        self._database, self._open = database, open_model
        self._models = Remembered[tuple[str, str], WorkspaceModel]("workspace_models", clock)

    async def find(self, workspace_id: str, weights: str) -> WorkspaceModel:
        """What a workspace adds to the shared model of these weights.

        Raises TransientError when the database is away and none is remembered.
        """
        return await self._models.find((workspace_id, weights), lambda: self._read(workspace_id, weights))

    def forget(self) -> None:
        """Look every one up again: one was changed."""
        self._models.forget()

    async def settle(self) -> None:
        """Wait for look-ups under way, at the end of the process."""
        await self._models.settle()

    def _read(self, workspace_id: str, weights: str) -> WorkspaceModel:
        with self._database.read() as connection:
            stored = workspace_model(connection, workspace_id, weights)
        return self._open(stored)
