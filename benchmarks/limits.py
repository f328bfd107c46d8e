"""What the cores could do at all: the rate of plain matrix products in int8 and float32, and how many operations a text needs."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nlp.body_weights import BodyWeights

SIDE, ROWS, LAYERS, RUNS = 1024, 256, 16, 24
"""A chain of int8 layers of SIDE x SIDE on ROWS rows: the weights of one fit the second-level cache, and the rows of a batch are ours."""
FLOAT_SIDE, FLOAT_RUNS = 1536, 6
WORK = {"int8": 2.0 * SIDE**2 * ROWS * LAYERS * RUNS, "float32": 2.0 * FLOAT_SIDE**3 * FLOAT_RUNS}
"""Operations of one round."""


def work(limit: str, threads: int) -> Callable[[Sequence[str]], list[str]]:
    """One round of int8 or float32 products on so many threads; it takes no notice of any text."""
    return _int8(threads) if limit == "int8" else _float32()


def operations_of(texts: Sequence[str]) -> float:
    """Multiplications and additions that the bundled body needs for these texts: every weight once a token, or once a pair of them where
    layers see pairs, and attention; no padding."""
    from nlp.batching import windows_of
    from nlp.body_weights import read_body
    from nlp.bundle import BODY, BUNDLED, load_bundle
    from nlp.clean import clean
    from nlp.segments import split

    bundle = load_bundle(BUNDLED)
    body, tokenizer = read_body(bundle.folder / BODY), bundle.tokenizer
    segments = [tokenizer.encode([clean(text[span.start : span.end]) for span in split(text)]) for text in texts]
    windows = [windows_of(ids, bos=tokenizer.bos, eos=tokenizer.eos, max_tokens=bundle.max_tokens) for ids in segments]
    lengths = [len(window.ids) for found in windows for window in found]
    by_token = body.layers if body.paired_after is None else body.paired_after
    pairs = [-(-length // 2) for length in lengths]
    joined = 0 if body.paired_after is None else 4 * body.hidden**2 * sum(pairs)
    return float(by_token * _of_a_layer(body, lengths) + (body.layers - by_token) * _of_a_layer(body, pairs) + joined)


def _of_a_layer(body: "BodyWeights", lengths: Sequence[int]) -> int:
    weights = 4 * body.hidden**2 + 2 * body.hidden * body.inner
    return sum(2 * weights * length + 4 * body.hidden * length**2 for length in lengths)


def _int8(threads: int) -> Callable[[Sequence[str]], list[str]]:
    import openvino as ov
    from openvino import opset13 as op

    generator = np.random.default_rng(0)
    rows = op.parameter([ROWS, SIDE], np.float32)
    states = rows
    bounds = [op.constant(np.float32(bound)) for bound in (-4.0, 4.0)]
    for _ in range(LAYERS):
        weights = op.convert(op.constant(generator.integers(-127, 127, (SIDE, SIDE), dtype=np.int8)), np.float32)
        scaled = op.multiply(weights, op.constant(np.full((SIDE, 1), 1e-3, np.float32)))
        states = op.matmul(op.fake_quantize(states, *bounds, *bounds, levels=256), scaled, transpose_a=False, transpose_b=True)
    options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    queue = ov.AsyncInferQueue(ov.compile_model(ov.Model([states], [rows], "int8"), "CPU", options), threads)
    given = generator.normal(size=(ROWS, SIDE)).astype(np.float32)

    def run(_texts: Sequence[str]) -> list[str]:
        for _ in range(RUNS):
            queue.start_async({0: given})
        queue.wait_all()
        return []

    return run


def _float32() -> Callable[[Sequence[str]], list[str]]:
    generator = np.random.default_rng(0)
    left, right = (generator.normal(size=(FLOAT_SIDE, FLOAT_SIDE)).astype(np.float32) for _ in range(2))

    def run(_texts: Sequence[str]) -> list[str]:
        for _ in range(FLOAT_RUNS):
            left @ right
        return []

    return run
