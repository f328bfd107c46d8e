"""The backbone as it came, before any training of ours: the embeddings that ours are fitted to and held against.

Used as its authors mean it: a prefix before the text ("query: " where both sides are alike), the mean over all token states, length one.
Source: Wang et al., "Multilingual E5 Text Embeddings" (2024).
"""

# torch may be absent where types are checked: its classes are then unknown.
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from models.training.export import MAX_TOKENS, body_of
from nlp.backend import padded_batches
from nlp.bundle import EMBEDDINGS, TOKENIZER
from nlp.encode import Tokenizer, WordVectors

PREFIX = "query: "


class PlainBackbone:
    """Float32 in OpenVINO, which is quicker on a CPU than torch is."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        self._tokenizer = Tokenizer((folder / TOKENIZER).read_bytes())
        body = body_of(folder, {f"body.{name}": value for name, value in load_file(str(folder / "body.safetensors")).items()})
        self._words = WordVectors(folder / EMBEDDINGS, vocabulary=self._tokenizer.size, hidden=body.positions.shape[1])
        example = (torch.zeros(2, 16, self._words.hidden), torch.ones(2, 16, dtype=torch.long))
        with torch.no_grad():
            model = ov.convert_model(body, example_input=example, input=[("vectors", [-1, -1, self._words.hidden]), ("mask", [-1, -1])])
        options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": threads, "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}
        self._model = ov.Core().compile_model(model, "CPU", options)

    def embeddings(self, texts: Sequence[str], prefix: str = PREFIX) -> NDArray[np.float32]:
        """(n, hidden) vectors of length one, in order; a text is cut at MAX_TOKENS."""
        encoded = self._tokenizer.encode([prefix + text for text in texts])
        windows = [[self._tokenizer.bos, *ids[: MAX_TOKENS - 2], self._tokenizer.eos] for ids in encoded]
        means = np.zeros((len(texts), self._words.hidden), np.float32)
        queue = ov.AsyncInferQueue(self._model)

        def keep(request: ov.InferRequest, job: tuple[tuple[int, ...], NDArray[np.int64]]) -> None:
            rows, mask = job
            states = request.get_output_tensor(0).data
            means[list(rows)] = (states * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)

        queue.set_callback(keep)
        for batch in padded_batches(windows, self._tokenizer.pad):
            queue.start_async({0: self._words.rows(batch.ids), 1: batch.mask}, (batch.rows, batch.mask))
        queue.wait_all()
        units: NDArray[np.float32] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return units
