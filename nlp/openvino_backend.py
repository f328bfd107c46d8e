"""The bundled int8 body on CPU: OpenVINO with one stream per thread, so that single texts and batches both use the cores they may."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from nlp.encode import WordVectors
from nlp.packed_body import packed_body
from nlp.packing import Pack, packs

States = NDArray[np.float32]
CALLERS = 4  # who may come together: threads of the batcher, and of whoever opens a workspace's topics; more wait


class OpenVinoBackend:
    """int8 weights with activation ranges fixed at export: the answer of a window is the same alone and in any batch."""

    def __init__(self, body: Path, words: WordVectors, *, pad: int, threads: int, cache: Path | None) -> None:
        core = ov.Core()
        options = {
            "INFERENCE_NUM_THREADS": threads,
            # One thread a stream: two threads on one small matrix wait for each other, worst when the cores are busy.
            "NUM_STREAMS": threads,
            "PERFORMANCE_HINT": "THROUGHPUT",
            # bfloat16 where a CPU has it would make answers depend on the machine.
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
            "CPU_RUNTIME_CACHE_CAPACITY": 1024,
        }
        if cache is not None and _can_hold(cache):
            core.set_property({"CACHE_DIR": str(cache)})
        body_on_packs, self._longest = packed_body(body)
        model = core.compile_model(body_on_packs, "CPU", options)
        self._words, self._pad, self._streams = words, pad, threads
        self._paired = any("there" in port.get_names() for port in body_on_packs.inputs)
        # Twice as many as run at once: a stream finds its next pack ready, even while Python is busy elsewhere.
        self._threads = ThreadPoolExecutor(2 * threads, thread_name_prefix="koe-body")
        self._requests: SimpleQueue[ov.InferRequest] = SimpleQueue()
        # Some more than those threads use: a caller with a single pack runs it in its own thread, beside the hundred packs of another.
        for _ in range(2 * threads + CALLERS):
            self._requests.put(model.create_infer_request())

    @property
    def name(self) -> str:
        """Which engine."""
        return "openvino-int8"

    def states(self, windows: Sequence[Sequence[int]], *, by_token: bool = False) -> list[States]:
        """Token states (len(window), hidden) of each window, in order. Callers may come together: their packs wait in one queue."""
        if (longest := max(map(len, windows), default=0)) > self._longest:
            raise ValueError(f"a window has {longest} tokens, the body knows {self._longest} positions")
        found: dict[int, States] = {}
        # A token beside its copy is a pair of its own.
        copies = 2 if self._paired and by_token else 1
        asked = packs(windows, pad=self._pad, threads=self._streams, align=2 if self._paired else 1, copies=copies)
        for states in map(self._states_of, asked) if len(asked) == 1 else self._threads.map(self._states_of, asked):
            found.update(states)
        return [found[row][::copies] for row in range(len(windows))]

    def _states_of(self, pack: Pack) -> dict[int, States]:
        request = self._requests.get()
        try:
            request.infer(
                {
                    "vectors": self._words.rows(pack.ids)[np.newaxis],
                    "places": pack.places,
                    "slots": pack.slots,
                    "mask": pack.mask,
                    "back": pack.back,
                    **({"there": pack.there} if self._paired else {}),
                }
            )
            # The request's memory is used again by the next pack.
            states = request.get_output_tensor(0).data[0].copy()
        finally:
            self._requests.put(request)
        places = zip(pack.rows, pack.starts, pack.lengths, strict=True)
        return {row: states[start : start + length] for row, start, length in places}


def interface_of(body: Path) -> dict[str, int | None]:
    """Names of the inputs of a graph, and `states` for its output, with the size of their vectors; None where there are none.

    RuntimeError when it is no graph.
    """
    model = ov.Core().read_model(str(body))
    ports = [(port.any_name, port) for port in model.inputs] + [("states", port) for port in model.outputs]
    return {name: _vector_size(port.get_partial_shape()) for name, port in ports}


def _vector_size(shape: ov.PartialShape) -> int | None:
    return shape[2].get_length() if shape.rank.is_static and len(shape) == 3 and shape[2].is_static else None


def _can_hold(cache: Path) -> bool:
    """A folder that cannot be written costs a slower start, no answer."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(cache, os.W_OK | os.X_OK)
