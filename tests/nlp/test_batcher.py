"""Many callers share one model: each promise of the batcher is one test, with a real event loop and real threads."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import cache

import pytest

from core.errors import InvalidInput, Overloaded, TransientError
from nlp.annotator import Annotator, Prepared, TextInput
from nlp.batcher import AT_ONCE, CHUNK, CHUNK_LETTERS, Batcher
from nlp.bundle import Bundle
from nlp.language import LanguageDetector, open_detector
from nlp.topics import Taxonomy, load_taxonomy
from nlp.workspace_model import PLAIN, WorkspaceModel
from store.records import Annotation
from tests.nlp.fakes import FakeBackend, fake_annotator, fake_bundle

SHORT = 16  # padded tokens of a short text


def texts(count: int, word: str = "parcel") -> list[TextInput]:
    return [TextInput(f"{word} {number}", language="en") for number in range(count)]


@cache
def a_bundle() -> Bundle:
    return fake_bundle()


class Watched(Annotator):
    """Remembers which threads prepared texts."""

    def __init__(self, bundle: Bundle, backend: FakeBackend, detector: LanguageDetector, taxonomy: Taxonomy) -> None:
        super().__init__(bundle, backend, detector, taxonomy)
        self.prepared_by: list[str] = []

    def prepare(
        self, texts: Sequence[TextInput], *, topics: frozenset[str] | None = None, workspace: WorkspaceModel = PLAIN
    ) -> list[Prepared]:
        self.prepared_by.append(threading.current_thread().name)
        return super().prepare(texts, topics=topics, workspace=workspace)


@asynccontextmanager
async def a_batcher(
    backend: FakeBackend, *, waiting: int = 1_000, tokens: int = 4 * SHORT, clock: Callable[[], float] | None = None
) -> AsyncIterator[Batcher]:
    annotator = fake_annotator(backend, bundle=a_bundle())
    batcher = Batcher(annotator, max_waiting_texts=waiting, max_padded_tokens=tokens, **({"clock": clock} if clock else {}))
    await batcher.start()
    try:
        yield batcher
    finally:
        backend.gate.set()
        await batcher.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def held_up(backend: FakeBackend, batcher: Batcher, count: int = 1) -> "asyncio.Task[list[Annotation]]":
    """A request whose batch is in the model and stays there until the gate opens."""
    backend.gate.clear()
    backend.running.clear()
    task = asyncio.create_task(batcher.annotate(texts(count, "held")))
    await until(backend.running.is_set)
    return task


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(test())


def test_gives_every_caller_the_answers_of_the_annotator_in_order() -> None:
    async def test() -> None:
        async with a_batcher(FakeBackend()) as batcher:
            found = await asyncio.gather(
                *(batcher.annotate(texts(count, word)) for count, word in [(1, "a"), (9, "b"), (30, "c"), (0, "d")])
            )
        annotator = fake_annotator(bundle=a_bundle())
        assert found == [annotator.annotate(texts(count, word)) for count, word in [(1, "a"), (9, "b"), (30, "c"), (0, "d")]]

    run(test)


def test_callers_share_a_batch_up_to_the_budget_of_padded_tokens() -> None:
    async def test() -> None:
        backend = FakeBackend()
        async with a_batcher(backend) as batcher:
            first = await held_up(backend, batcher)
            others = [asyncio.create_task(batcher.annotate(texts(1, f"w{number}"))) for number in range(6)]
            await until(lambda: batcher.queued_texts == 6)
            backend.gate.set()
            await asyncio.gather(first, *others)
        assert [len(call) for call in backend.calls] == [1, 4, 2]

    run(test)


def test_a_text_larger_than_the_budget_is_a_batch_of_its_own() -> None:
    async def test() -> None:
        async with a_batcher(FakeBackend(), tokens=1) as batcher:
            assert len(await batcher.annotate([TextInput("late parcel " * 500), TextInput("ok")])) == 2

    run(test)


def test_an_idle_model_answers_at_once_without_waiting_for_others() -> None:
    async def test() -> None:
        backend = FakeBackend()
        async with a_batcher(backend) as batcher:
            await batcher.annotate(texts(1))
            await batcher.annotate(texts(1))
        assert [len(call) for call in backend.calls] == [1, 1]

    run(test)


def test_few_texts_for_an_idle_model_are_prepared_by_its_own_thread_and_many_beside_it() -> None:
    async def test() -> None:
        annotator = Watched(a_bundle(), FakeBackend(), open_detector("py3langid"), load_taxonomy())
        batcher = Batcher(annotator, max_waiting_texts=1_000, max_padded_tokens=4 * SHORT)
        await batcher.start()
        for asked in (texts(3), texts(CHUNK + 1), [TextInput("late " * AT_ONCE)]):
            assert len(await batcher.annotate(asked)) == len(asked)
        await batcher.stop()
        assert [name.rpartition("_")[0] for name in annotator.prepared_by] == ["koe-model", *["koe-prepare"] * 3]

    run(test)


def test_who_hangs_up_before_an_idle_model_began_costs_it_nothing() -> None:
    async def test() -> None:
        backend = FakeBackend()
        async with a_batcher(backend) as batcher:
            gone = asyncio.create_task(batcher.annotate(texts(1, "gone")))
            await asyncio.sleep(0)
            gone.cancel()
            assert len(await batcher.annotate(texts(2, "stays"))) == 2
        assert [len(call) for call in backend.calls] == [2]

    run(test)


def test_a_full_queue_says_when_to_come_again() -> None:
    async def test() -> None:
        backend = FakeBackend()
        moments = iter(range(0, 1_000_000, 2))
        async with a_batcher(backend, waiting=20, clock=lambda: float(next(moments))) as batcher:
            await batcher.annotate(texts(4))
            assert batcher.rate == 2.0
            first = await held_up(backend, batcher, 20)
            with pytest.raises(Overloaded, match="20 texts wait for the model, at most 20 may") as refused:
                await batcher.annotate(texts(1))
            assert refused.value.retry_after == 10.0
            backend.gate.set()
            assert len(await first) == 20
            assert len(await batcher.annotate(texts(1))) == 1

    run(test)


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits() -> None:
    async def test() -> None:
        async with a_batcher(FakeBackend(), waiting=5) as batcher:
            assert len(await batcher.annotate(texts(12))) == 12

    run(test)


def test_a_failing_batch_reaches_all_its_waiters_and_the_loop_lives() -> None:
    async def test() -> None:
        backend = FakeBackend()
        async with a_batcher(backend) as batcher:
            backend.broken = True
            failed = await asyncio.gather(*(batcher.annotate(texts(2)) for _ in range(3)), return_exceptions=True)
            assert [str(error) for error in failed] == ["the model broke"] * 3
            assert batcher.waiting_texts == 0
            backend.broken = False
            assert len(await batcher.annotate(texts(2))) == 2

    run(test)


def test_who_hangs_up_costs_the_model_nothing() -> None:
    async def test() -> None:
        backend = FakeBackend()
        async with a_batcher(backend) as batcher:
            first = await held_up(backend, batcher)
            gone, stays = (asyncio.create_task(batcher.annotate(texts(3, word))) for word in ("gone", "stays"))
            await until(lambda: batcher.queued_texts == 6)
            gone.cancel()
            await until(gone.done)
            assert batcher.waiting_texts == 4
            backend.gate.set()
            await asyncio.gather(first, stays)
        assert [len(call) for call in backend.calls] == [1, 3]

    run(test)


def test_a_single_text_does_not_wait_for_hundreds_of_another_caller() -> None:
    async def test() -> None:
        backend = FakeBackend()
        async with a_batcher(backend) as batcher:
            first = await held_up(backend, batcher)
            many = asyncio.create_task(batcher.annotate(texts(256, "many")))
            await until(lambda: batcher.queued_texts == 256)
            single = asyncio.create_task(batcher.annotate(texts(1, "single")))
            await until(lambda: batcher.queued_texts == 257)
            backend.gate.set()
            await single
            assert len(backend.calls) <= 3
            assert len(await many) == 256
            await first

    run(test)


def test_what_comes_while_a_long_text_is_computed_is_answered_beside_it() -> None:
    async def test() -> None:
        backend = FakeBackend()
        async with a_batcher(backend) as batcher:
            backend.held = 5
            backend.gate.clear()
            long = [asyncio.create_task(batcher.annotate([TextInput("late parcel " * 500, "en")])) for _ in range(2)]
            await until(backend.running.is_set)
            for number in range(3):
                assert len(await batcher.annotate(texts(2, f"w{number}"))) == 2
            assert not any(task.done() for task in long)
            backend.gate.set()
            assert [len(await task) for task in long] == [1, 1]
        assert sorted(len(call) for call in backend.calls)[:3] == [2, 2, 2]

    run(test)


def test_long_texts_are_prepared_one_by_one() -> None:
    async def test() -> None:
        annotator = Watched(a_bundle(), FakeBackend(), open_detector("py3langid"), load_taxonomy())
        batcher = Batcher(annotator, max_waiting_texts=1_000, max_padded_tokens=4 * SHORT)
        await batcher.start()
        assert len(await batcher.annotate([TextInput("late " * (CHUNK_LETTERS // 5), "en")] * 3)) == 3
        await batcher.stop()
        assert len(annotator.prepared_by) == 3

    run(test)


def test_a_caller_of_hundreds_is_not_starved_by_single_texts() -> None:
    async def test() -> None:
        backend = FakeBackend()
        async with a_batcher(backend) as batcher:
            many = asyncio.create_task(batcher.annotate(texts(30, "many")))
            while not many.done():
                await asyncio.gather(*(batcher.annotate(texts(1, f"w{number}")) for number in range(8)))
            assert len(await many) == 30

    run(test)


def test_stopping_answers_what_was_accepted_and_refuses_the_rest() -> None:
    async def test() -> None:
        backend = FakeBackend()
        async with a_batcher(backend) as batcher:
            first = await held_up(backend, batcher)
            accepted = asyncio.create_task(batcher.annotate(texts(40)))
            await asyncio.sleep(0)
            stopping = asyncio.create_task(batcher.stop())
            await asyncio.sleep(0)
            with pytest.raises(TransientError, match="stopping"):
                await batcher.annotate(texts(1))
            backend.gate.set()
            await stopping
            assert [len(await task) for task in (first, accepted)] == [1, 40]

    run(test)


def test_a_wrong_topic_is_refused_before_it_waits() -> None:
    async def test() -> None:
        async with a_batcher(FakeBackend()) as batcher:
            with pytest.raises(InvalidInput, match="no topic 'prize'"):
                await batcher.annotate(texts(1), frozenset({"prize"}))
            assert batcher.waiting_texts == 0

    run(test)


def test_each_caller_gets_the_topics_it_asked_for() -> None:
    async def test() -> None:
        async with a_batcher(FakeBackend()) as batcher:
            asked: list[Awaitable[list[Annotation]]] = [batcher.annotate(texts(8), topics) for topics in (None, frozenset({"price"}))]
            every, price = await asyncio.gather(*asked)
        assert {topic.id for one in price for topic in one.topics} <= {"price"}
        assert len({topic.id for one in every for topic in one.topics}) > 1

    run(test)
