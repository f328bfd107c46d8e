"""Packs hold every token once, and lead from tokens to windows and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nlp.backend import padded_length
from nlp.packing import SIZES, packs

LENGTHS = st.lists(st.integers(1, 128), max_size=60)


def windows(lengths: list[int]) -> list[list[int]]:
    return [[1000 * row + place for place in range(length)] for row, length in enumerate(lengths)]


@given(LENGTHS, st.integers(1, 4))
def test_every_token_is_in_exactly_one_pack(lengths: list[int], threads: int) -> None:
    asked = windows(lengths)
    read: dict[int, list[int]] = {}
    for pack in packs(asked, pad=-1, threads=threads):
        assert (pack.ids[sum(pack.lengths) :] == -1).all()
        ends = np.cumsum(pack.lengths)
        read |= {row: pack.ids[end - length : end].tolist() for row, length, end in zip(pack.rows, pack.lengths, ends, strict=True)}
    assert [read[row] for row in range(len(asked))] == asked


@given(LENGTHS)
def test_tokens_go_into_windows_and_come_back(lengths: list[int]) -> None:
    asked = windows(lengths)
    for pack in packs(asked, pad=-1, threads=2):
        padded = pack.ids[pack.slots]
        for row, tokens, mask in zip(pack.rows, padded, pack.mask, strict=True):
            assert tokens[mask == 1].tolist() == asked[row]
        count = sum(pack.lengths)
        assert padded.reshape(-1)[pack.back[0, :count]].tolist() == pack.ids[:count].tolist()
        assert (pack.ids[:count] % 1000).tolist() == pack.places[0, :count].tolist()


@given(LENGTHS, st.integers(1, 4))
def test_a_pack_has_one_padded_length_and_one_of_few_sizes(lengths: list[int], threads: int) -> None:
    for pack in packs(windows(lengths), pad=-1, threads=threads):
        assert {padded_length(length) for length in pack.lengths} == {pack.mask.shape[1]}
        assert pack.ids.shape[0] in SIZES


def test_packs_are_nearly_full_where_there_is_much_to_do() -> None:
    lengths = [17 + number * 7 % 16 for number in range(200)]
    computed = sum(len(pack.ids) for pack in packs(windows(lengths), pad=-1, threads=2))
    assert computed < 1.05 * sum(lengths) < sum(map(padded_length, lengths))


def test_a_text_alone_is_filled_up_to_the_next_size() -> None:
    for length, size in ((9, 24), (22, 24), (27, 32), (40, 48), (60, 64), (100, 128), (130, 256)):
        (pack,) = packs(windows([length]), pad=-1, threads=2)
        assert pack.ids.shape == (size,)


def test_little_work_is_shared_between_the_threads() -> None:
    assert [pack.lengths for pack in packs(windows([40] * 4), pad=-1, threads=2)] == [(40, 40), (40, 40)]
    assert [pack.lengths for pack in packs(windows([15, 15]), pad=-1, threads=2)] == [(15, 15)]


def test_a_window_longer_than_any_size_is_a_pack_alone() -> None:
    (pack,) = packs(windows([300]), pad=-1, threads=2)
    assert pack.ids.shape == (304,)
