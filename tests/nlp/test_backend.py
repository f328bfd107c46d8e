"""How windows are laid out in batches."""

import numpy as np

from nlp.backend import padded_batches, padded_length


def windows(*lengths: int) -> list[list[int]]:
    return [list(range(10, 10 + length)) for length in lengths]


def test_lengths_grow_in_steps_of_sixteen() -> None:
    assert [padded_length(tokens) for tokens in (1, 2, 16, 17, 128)] == [16, 16, 16, 32, 128]


def test_every_window_is_in_exactly_one_batch() -> None:
    asked = windows(*(number % 50 + 2 for number in range(97)))
    rows = [row for batch in padded_batches(asked, pad=1) for row in batch.rows]
    assert sorted(rows) == list(range(97))


def test_only_windows_of_the_same_padded_length_meet() -> None:
    asked = windows(5, 40, 16, 17, 41)
    assert [batch.rows for batch in padded_batches(asked, pad=1)] == [(1,), (4,), (3,), (0,), (2,)]


def test_batches_have_few_sizes() -> None:
    batches = list(padded_batches(windows(*[5] * 22), pad=1))
    assert [len(batch.rows) for batch in batches] == [8, 8, *[1] * 6]


def test_padding_is_masked() -> None:
    (batch,) = padded_batches([[0, 7, 2]], pad=1)
    assert batch.ids.tolist() == [[0, 7, 2, *[1] * 13]]
    assert np.array_equal(batch.mask[0], [1] * 3 + [0] * 13)
