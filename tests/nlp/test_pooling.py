"""Vectors of texts and segments are means over their tokens."""

import numpy as np

from nlp.batching import windows_of
from nlp.pooling import pool


def test_means_are_over_the_tokens_of_all_windows() -> None:
    windows = windows_of([[5, 6, 7], [], [8]], bos=0, eos=2, max_tokens=4)
    states = [np.array([[token] for token in window.ids], np.float32) for window in windows]
    pooled = pool(windows, states)
    assert pooled.whole.tolist() == [6.5]
    assert pooled.segments.tolist() == [[6.0], [8.0]]
    assert pooled.numbers == (0, 2)


def test_a_text_without_tokens_is_the_mean_of_its_ends() -> None:
    pooled = pool(windows_of([], bos=0, eos=2, max_tokens=4), [np.array([[0.0], [2.0]], np.float32)])
    assert pooled.whole.tolist() == [1.0]
    assert pooled.segments.shape == (0, 1)
    assert pooled.numbers == ()
