"""The bundled body on CPU: real weights, real texts."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from nlp.backend import Backend, padded_batches
from nlp.bundle import BODY, BUNDLED, Bundle, ModelInvalid, load_bundle
from nlp.openvino_backend import OpenVinoBackend

TEXTS = [
    "The parcel never came and nobody answers.",
    "最高でした！また来ます。",
    "ok",
    "Das Personal war freundlich, aber das Zimmer war schmutzig und laut, und das Frühstück kostete extra.",
    "الخدمة سيئة جدا",
    "👍",
    "La livraison a pris trois semaines au lieu de deux jours, et personne ne répond au téléphone depuis. " * 4,
]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(BUNDLED)


@pytest.fixture(scope="module")
def backend(bundle: Bundle) -> Backend:
    return bundle.open_backend(threads=2)


def windows(bundle: Bundle) -> list[list[int]]:
    ids = bundle.tokenizer.encode(TEXTS)
    return [[bundle.tokenizer.bos, *text[: bundle.max_tokens - 2], bundle.tokenizer.eos] for text in ids]


def test_each_token_has_a_state_in_the_order_asked(bundle: Bundle, backend: Backend) -> None:
    asked = windows(bundle)
    states = backend.states(asked)
    assert [state.shape for state in states] == [(len(window), bundle.hidden) for window in asked]
    assert all(np.isfinite(state).all() for state in states)


def test_a_window_has_the_same_states_alone_and_in_any_batch(bundle: Bundle, backend: Backend) -> None:
    asked = windows(bundle)
    together, reversed_ = backend.states(asked * 5), backend.states(asked[::-1])[::-1]
    for row, window in enumerate(asked):
        alone = backend.states([window])[0]
        assert np.array_equal(alone, together[row])
        assert np.array_equal(alone, reversed_[row])


def test_callers_may_come_together(bundle: Bundle, backend: Backend) -> None:
    asked = windows(bundle)
    with ThreadPoolExecutor(4) as callers:
        for states in callers.map(backend.states, [asked, asked[::-1], asked * 9, asked]):
            assert all(any(np.array_equal(state, one) for one in backend.states(asked)) for state in states[:7])


def test_a_window_does_not_wait_for_the_hundred_of_another_caller(bundle: Bundle, backend: Backend) -> None:
    with ThreadPoolExecutor(1) as other:
        many = other.submit(backend.states, [[bundle.tokenizer.bos] * bundle.max_tokens] * 100)
        time.sleep(0.05)
        assert len(backend.states([[bundle.tokenizer.bos] * 20])) == 1
        assert not many.done()
        assert len(many.result()) == 100


def test_padding_changes_no_state_by_more_than_rounding(bundle: Bundle, backend: Backend) -> None:
    """The body as it was exported, window by window, padded."""
    plain = ov.Core().compile_model(str(bundle.folder / BODY), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for window, states in zip(windows(bundle), backend.states(windows(bundle)), strict=True):
        (batch,) = padded_batches([window], bundle.tokenizer.pad)
        padded = plain({"vectors": bundle.words().rows(batch.ids), "mask": batch.mask})[0][0, : len(window)]
        assert np.abs(padded - states).max() < 1e-4


def test_a_graph_that_is_no_exported_body_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    numbers = op.parameter([-1], np.float32, name="numbers")
    ov.save_model(ov.Model([op.relu(numbers)], [numbers], "other"), str(tmp_path / BODY))
    with pytest.raises(ModelInvalid, match=r"no node .* expected a body written by `python -m models.training.export`"):
        OpenVinoBackend(tmp_path / BODY, bundle.words(), pad=1, threads=1, cache=None)


def test_threads_do_not_change_the_answer(bundle: Bundle, backend: Backend) -> None:
    other = bundle.open_backend(threads=1)
    for one, two in zip(backend.states(windows(bundle)), other.states(windows(bundle)), strict=True):
        assert np.array_equal(one, two)


def test_a_cache_folder_keeps_compiled_kernels(bundle: Bundle, tmp_path: Path) -> None:
    first = bundle.open_backend(threads=1, cache=tmp_path / "cache").states(windows(bundle)[:1])
    assert any((tmp_path / "cache").iterdir())
    again = bundle.open_backend(threads=1, cache=tmp_path / "cache").states(windows(bundle)[:1])
    assert np.array_equal(first[0], again[0])


def test_nothing_asked_is_nothing_answered(backend: Backend) -> None:
    assert backend.states([]) == []


def test_plain_praise_and_plain_blame_are_told_apart(bundle: Bundle, backend: Backend) -> None:
    said = {
        "This is wonderful, I love it!": 2,
        "Terrible, the worst I ever bought.": 0,
        "最悪です。二度と買いません。": 0,
        "とても気に入りました！": 2,
    }
    ids = bundle.tokenizer.encode(list(said))
    states = backend.states([[bundle.tokenizer.bos, *text, bundle.tokenizer.eos] for text in ids])
    scores = bundle.heads.sentiment(np.stack([state[1:-1].mean(axis=0) for state in states]))
    assert scores.argmax(axis=1).tolist() == list(said.values())
