"""The bundled int8 body on CPU: OpenVINO with one stream per thread, so that single texts and batches both use the cores they may."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from nlp.backend import PaddedBatch, padded_batches
from nlp.encode import WordVectors


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
            "CPU_RUNTIME_CACHE_CAPACITY": 256,
        }
        if cache is not None and _can_hold(cache):
            core.set_property({"CACHE_DIR": str(cache)})
        self._model = core.compile_model(str(body), "CPU", options)
        self._queue = ov.AsyncInferQueue(self._model, threads)
        self._queue.set_callback(_keep_states)
        self._words, self._pad = words, pad

    @property
    def name(self) -> str:
        """Which engine."""
        return "openvino-int8"

    def states(self, windows: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """Token states (len(window), hidden) of each window, in order. One caller at a time."""
        found: dict[int, NDArray[np.float32]] = {}
        for batch in padded_batches(windows, self._pad):
            self._queue.start_async({"vectors": self._words.rows(batch.ids), "mask": batch.mask}, (batch, found))
        self._queue.wait_all()
        return [found[row][: len(window)] for row, window in enumerate(windows)]


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


def _keep_states(request: ov.InferRequest, job: tuple[PaddedBatch, dict[int, NDArray[np.float32]]]) -> None:
    batch, found = job
    # The request's memory is used again by the next batch.
    states = request.get_output_tensor(0).data.copy()
    found.update(zip(batch.rows, states, strict=True))
