"""Shares one model between many requests: prepared texts wait in a bounded queue, and a single thread takes as many as fit a batch.

Where nobody else waits, a few texts go to that thread as they are: one change of threads instead of two.

The design is that of text-embeddings-inference: prepare before queueing, no timer, a batch is a budget of padded tokens, a full queue
says so at once, and an error reaches every waiter of its batch while the loop lives on.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from core.errors import Overloaded, TransientError
from nlp.annotator import Annotator, Prepared, TextInput
from nlp.workspace_model import PLAIN, WorkspaceModel
from store.records import Annotation, StoredWorkspaceModel

CHUNK, CHUNK_LETTERS = 16, 20_000  # texts and code points prepared in one go: a request for 256 leaves the threads to others in between
PREPARERS = 2
AT_ONCE = 2_000  # code points that are prepared in a millisecond: for so long the model's thread may be kept from the model
RATE_MEMORY = 0.8  # weight of the past in the measured rate
LONGEST_WAIT = 60.0  # seconds; whoever is told more than that gives up


class _Request:
    """The texts of one caller: those that wait, and the answers that have come."""

    def __init__(self, prepared: Sequence[Prepared], done: "asyncio.Future[list[Annotation]]") -> None:
        # Texts of like length run together with the least padding.
        self.waiting = deque(sorted(enumerate(prepared), key=lambda one: one[1].padded_tokens))
        self.answers: dict[int, Annotation] = {}
        self.count = len(prepared)
        self.done = done

    def give(self, index: int, annotation: Annotation) -> None:
        self.answers[index] = annotation
        if len(self.answers) == self.count and not self.done.done():
            self.done.set_result([self.answers[index] for index in range(self.count)])

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


_Batch = list[tuple[_Request, int, Prepared]]


@dataclass(frozen=True, slots=True)
class _Few:
    """Texts of one caller that are prepared by the thread of the model, because they came while it had nothing to do."""

    texts: Sequence[TextInput]
    topics: frozenset[str] | None
    workspace: WorkspaceModel
    done: "asyncio.Future[list[Annotation]]"


class Batcher:
    """Annotates for many callers of one event loop; the model runs in a thread of its own, and callers take turns."""

    def __init__(
        self, annotator: Annotator, *, max_waiting_texts: int, max_padded_tokens: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`max_waiting_texts` bounds what waits or runs; `max_padded_tokens` is the size of one batch; `clock` gives seconds."""
        self._annotator, self._clock = annotator, clock
        self._most, self._budget = max_waiting_texts, max_padded_tokens
        self._requests: deque[_Request] = deque()
        self._few: _Few | None = None
        self._wake = asyncio.Event()
        self._preparers = ThreadPoolExecutor(PREPARERS, thread_name_prefix="koe-prepare")
        self._model = ThreadPoolExecutor(1, thread_name_prefix="koe-model")
        # A text larger than a batch takes seconds: what comes meanwhile is answered beside it, for the backend takes packs in turn.
        self._long = ThreadPoolExecutor(1, thread_name_prefix="koe-long")
        self._answering_long: asyncio.Task[None] | None = None
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        self.waiting_texts = 0
        """Texts accepted and not answered yet."""
        self.rate = 0.0
        """Texts the model answers in a second, as measured lately; 0 before the first batch."""

    @property
    def weights(self) -> str:
        """`Annotator.weights`."""
        return self._annotator.weights

    @property
    def finds_topics(self) -> bool:
        """`Annotator.finds_topics`."""
        return self._annotator.finds_topics

    def open(self, stored: StoredWorkspaceModel) -> WorkspaceModel:
        """`Annotator.open`; a call that may take as long as the model takes for the texts of a workspace's topics."""
        return self._annotator.open(stored)

    @property
    def queued_texts(self) -> int:
        """Texts that are prepared and not in the model yet."""
        return sum(len(request.waiting) for request in self._requests)

    async def start(self) -> None:
        """Begin to answer. Call it once, in the event loop of the callers."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Refuse new requests, answer those accepted, end the threads."""
        self._stopping = True
        self._wake.set()
        if self._loop is not None:
            await self._loop
        for threads in (self._preparers, self._model, self._long):
            threads.shutdown()

    async def annotate(
        self, texts: Sequence[TextInput], topics: frozenset[str] | None = None, *, workspace: WorkspaceModel = PLAIN
    ) -> list[Annotation]:
        """One annotation per text, in order; cancel it and its texts that still wait cost the model nothing.

        Raises Overloaded (with the seconds after which the queue should have room) when the queue is full, TransientError while
        stopping, InvalidInput for an unknown topic, and whatever made the model fail on a batch that held one of the texts.
        """
        if self._stopping:
            raise TransientError("the server is stopping: ask again in a moment")
        if self.waiting_texts and self.waiting_texts + len(texts) > self._most:
            raise Overloaded(
                f"{self.waiting_texts} texts wait for the model, at most {self._most} may", retry_after=self._seconds_to_wait()
            )
        idle = self.waiting_texts == 0
        self.waiting_texts += len(texts)
        try:
            if idle and 0 < len(texts) <= CHUNK and sum(len(given.text) for given in texts) <= AT_ONCE:
                return await self._ask_at_once(texts, topics, workspace)
            prepared = await self._prepare(texts, topics, workspace)
            return await self._ask(prepared) if prepared else []
        finally:
            self.waiting_texts -= len(texts)
            self._wake.set()

    def _seconds_to_wait(self) -> float:
        return min(max(self.waiting_texts / self.rate, 1.0), LONGEST_WAIT) if self.rate else 1.0

    async def _prepare(self, texts: Sequence[TextInput], topics: frozenset[str] | None, workspace: WorkspaceModel) -> list[Prepared]:
        loop = asyncio.get_running_loop()
        prepared: list[Prepared] = []
        for chunk in _chunks(texts):
            prepare = partial(self._annotator.prepare, chunk, topics=topics, workspace=workspace)
            prepared += await loop.run_in_executor(self._preparers, prepare)
        return prepared

    async def _ask(self, prepared: Sequence[Prepared]) -> list[Annotation]:
        request = _Request(prepared, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        self._wake.set()
        return await request.done

    async def _ask_at_once(self, texts: Sequence[TextInput], topics: frozenset[str] | None, workspace: WorkspaceModel) -> list[Annotation]:
        self._few = _Few(texts, topics, workspace, asyncio.get_running_loop().create_future())
        self._wake.set()
        return await self._few.done

    async def _run(self) -> None:
        while not (self._stopping and self.waiting_texts == 0):
            self._wake.clear()
            if self._few is not None:
                few, self._few = self._few, None
                await self._answer_at_once(few)
            elif batch := self._take():
                if self._is_long(batch[0][2]):
                    self._answering_long = asyncio.create_task(self._answer(batch, self._long))
                    self._answering_long.add_done_callback(self._end_long)
                else:
                    await self._answer(batch, self._model)
            else:
                await self._wake.wait()

    def _take(self) -> _Batch:
        """Texts for one batch: one of each request in turn, so that a single text never waits behind hundreds of another caller.

        A text larger than the budget is a batch of its own, while none is computed."""
        batch: _Batch = []
        tokens = passed = 0
        while passed < len(self._requests):
            request = self._requests[0]
            if request.done.done() or not request.waiting:  # failed, hung up, or wholly in the model
                self._requests.popleft()
                continue
            index, prepared = request.waiting[0]
            is_long = self._is_long(prepared)
            if is_long and (batch or self._answering_long is not None):
                self._requests.rotate(-1)
                passed += 1
                continue
            if batch and tokens + prepared.padded_tokens > self._budget:
                break
            request.waiting.popleft()
            self._requests.rotate(-1)
            batch.append((request, index, prepared))
            tokens += prepared.padded_tokens
            passed = 0
            if is_long:
                break
        return batch

    def _is_long(self, prepared: Prepared) -> bool:
        return prepared.padded_tokens > self._budget

    def _end_long(self, _: "asyncio.Task[None]") -> None:
        self._answering_long = None
        self._wake.set()

    async def _answer(self, batch: _Batch, threads: ThreadPoolExecutor) -> None:
        texts = [prepared for _, _, prepared in batch]
        try:
            annotations = await self._compute(len(texts), lambda: self._annotator.answer(texts), threads)
            for (request, index, _), annotation in zip(batch, annotations, strict=True):
                request.give(index, annotation)
        except Exception as error:  # the edge of a batch: whatever broke it is the answer to everyone in it
            for request, _, _ in batch:
                request.fail(error)

    async def _answer_at_once(self, few: _Few) -> None:
        def prepare_and_answer() -> list[Annotation]:
            return self._annotator.answer(self._annotator.prepare(few.texts, topics=few.topics, workspace=few.workspace))

        if few.done.done():  # hung up
            return
        try:
            annotations = await self._compute(len(few.texts), prepare_and_answer, self._model)
        except Exception as error:  # the edge of a batch, as above
            if not few.done.done():
                few.done.set_exception(error)
        else:
            if not few.done.done():
                few.done.set_result(annotations)

    async def _compute(self, texts: int, work: Callable[[], list[Annotation]], threads: ThreadPoolExecutor) -> list[Annotation]:
        started = self._clock()
        annotations = await asyncio.get_running_loop().run_in_executor(threads, work)
        self._measure(texts, self._clock() - started)
        return annotations

    def _measure(self, texts: int, seconds: float) -> None:
        rate = texts / max(seconds, 1e-6)
        self.rate = RATE_MEMORY * self.rate + (1 - RATE_MEMORY) * rate if self.rate else rate


def _chunks(texts: Sequence[TextInput]) -> Iterator[Sequence[TextInput]]:
    start = letters = 0
    for at, given in enumerate(texts):
        if at > start and (at - start == CHUNK or letters + len(given.text) > CHUNK_LETTERS):
            yield texts[start:at]
            start, letters = at, 0
        letters += len(given.text)
    if texts:
        yield texts[start:]
