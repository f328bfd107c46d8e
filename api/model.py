"""The model inside the API: loaded in a thread while the server starts, and asked through the batcher."""

import asyncio
from collections.abc import Callable

from api.errors import NotReady
from core.logs import get_logger
from nlp.annotator import Annotator
from nlp.batcher import Batcher
from nlp.workspace_model import WorkspaceModel
from store.records import StoredWorkspaceModel

log = get_logger(__name__)
PADDED_TOKENS = 2048
"""Size of one batch: long enough to fill the cores, short enough that a single text waits little."""


class Model:
    """Loads the annotator and holds the batcher around it. Use it in one event loop."""

    def __init__(self, load: Callable[[], Annotator], *, max_waiting_texts: int) -> None:
        self._load = load
        self._max_waiting_texts = max_waiting_texts
        self._loading: asyncio.Task[None] | None = None
        self._batcher: Batcher | None = None
        self.failure: str | None = None

    async def start(self) -> None:
        """Begin to load; returns at once."""
        self._loading = asyncio.create_task(self._open())

    async def stop(self) -> None:
        """Finish the batch at hand and end."""
        if self._loading is not None:
            await asyncio.gather(self._loading, return_exceptions=True)
        if self._batcher is not None:
            await self._batcher.stop()
            self._batcher = None

    @property
    def ready(self) -> bool:
        return self._batcher is not None

    @property
    def waiting_texts(self) -> int:
        return 0 if self._batcher is None else self._batcher.waiting_texts

    @property
    def batcher(self) -> Batcher:
        """Raises NotReady while the model is loaded, or when it could not be."""
        if self._batcher is None:
            raise NotReady(self.failure or "The model is being loaded")
        return self._batcher

    @property
    def weights(self) -> str:
        """What the adaptation of a workspace must have been fitted on. Raises NotReady."""
        return self.batcher.weights

    def open(self, stored: StoredWorkspaceModel) -> WorkspaceModel:
        """What a workspace adds, ready for use. Raises NotReady."""
        return self.batcher.open(stored)

    async def _open(self) -> None:
        try:
            annotator = await asyncio.to_thread(self._load)
            batcher = Batcher(annotator, max_waiting_texts=self._max_waiting_texts, max_padded_tokens=PADDED_TOKENS)
            await batcher.start()
        except Exception as error:  # whatever a model's files or libraries raise: the rest of the API serves on and says so
            self.failure = "The model could not be loaded; the server's log says why"
            log.exception("model.failed", error=type(error).__name__)
            return
        self._batcher = batcher
        log.info("model.ready", model=annotator.model)
