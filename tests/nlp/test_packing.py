"""Packs hold every token once, and lead from tokens to windows and back."""

from hypothesis import given
from hypothesis import strategies as st

from nlp.backend import padded_length
from nlp.packing import SIZES, packs

LENGTHS = st.lists(st.integers(1, 128), max_size=60)
ALIGN = st.sampled_from([1, 2])


def windows(lengths: list[int]) -> list[list[int]]:
    return [[1000 * row + place for place in range(length)] for row, length in enumerate(lengths)]


@given(LENGTHS, st.integers(1, 4), ALIGN)
def test_every_token_is_in_exactly_one_pack(lengths: list[int], threads: int, align: int) -> None:
    asked = windows(lengths)
    read: dict[int, list[int]] = {}
    for pack in packs(asked, pad=-1, threads=threads, align=align):
        assert ((pack.ids == -1) == (pack.there[0] == 0)).all()
        assert pack.there.sum() == sum(pack.lengths)
        places = zip(pack.rows, pack.starts, pack.lengths, strict=True)
        read |= {row: pack.ids[start : start + length].tolist() for row, start, length in places}
    assert [read[row] for row in range(len(asked))] == asked


@given(LENGTHS, ALIGN)
def test_tokens_go_into_windows_and_come_back(lengths: list[int], align: int) -> None:
    asked = windows(lengths)
    for pack in packs(asked, pad=-1, threads=2, align=align):
        padded = pack.ids[pack.slots]
        for row, tokens, mask in zip(pack.rows, padded, pack.mask, strict=True):
            assert tokens[mask == 1].tolist() == asked[row]
        there = pack.there[0] == 1
        assert padded.reshape(-1)[pack.back[0, there]].tolist() == pack.ids[there].tolist()
        assert (pack.ids[there] % 1000).tolist() == pack.places[0, there].tolist()


@given(LENGTHS)
def test_a_pair_of_neighbours_is_of_one_window_and_found_at_half_its_place(lengths: list[int]) -> None:
    for pack in packs(windows(lengths), pad=-1, threads=2, align=2):
        assert all(start % 2 == 0 for start in pack.starts)
        assert len(pack.ids) % 2 == pack.mask.shape[1] % 2 == 0
        first = pack.ids[::2]
        padded = first[pack.slots[:, ::2] // 2]
        assert padded[pack.mask[:, ::2] == 1].tolist() == pack.ids[pack.slots[:, ::2]][pack.mask[:, ::2] == 1].tolist()
        there = pack.there[0, ::2] == 1
        assert padded.reshape(-1)[pack.back[0, ::2][there] // 2].tolist() == first[there].tolist()


@given(st.lists(st.integers(1, 128), min_size=1, max_size=60))
def test_a_token_stands_beside_its_copy_at_its_own_place(lengths: list[int]) -> None:
    asked = windows(lengths)
    read: dict[int, list[int]] = {}
    for pack in packs(asked, pad=-1, threads=2, align=2, copies=2):
        for row, start, length in zip(pack.rows, pack.starts, pack.lengths, strict=True):
            taken = slice(start, start + length)
            read[row] = pack.ids[taken][::2].tolist()
            assert pack.ids[taken][1::2].tolist() == read[row]
            assert (pack.ids[taken] % 1000).tolist() == pack.places[0, taken].tolist()
            assert start % 2 == 0
        assert pack.ids[pack.slots][pack.mask == 1].tolist() == pack.ids[pack.there[0] == 1].tolist()
    assert [read[row] for row in range(len(asked))] == asked


@given(LENGTHS, st.integers(1, 4), ALIGN)
def test_a_pack_has_one_padded_length_and_one_of_few_sizes(lengths: list[int], threads: int, align: int) -> None:
    for pack in packs(windows(lengths), pad=-1, threads=threads, align=align):
        assert {padded_length(length) for length in pack.lengths} == {pack.mask.shape[1]}
        assert pack.ids.shape[0] in SIZES


def test_packs_are_nearly_full_where_there_is_much_to_do() -> None:
    lengths = [17 + number * 7 % 16 for number in range(200)]
    computed = sum(len(pack.ids) for pack in packs(windows(lengths), pad=-1, threads=2))
    assert computed < 1.05 * sum(lengths) < sum(map(padded_length, lengths))


def test_a_text_alone_is_filled_up_to_the_next_size() -> None:
    for length, size in ((9, 24), (22, 24), (27, 32), (40, 64), (60, 64), (100, 128), (130, 256)):
        (pack,) = packs(windows([length]), pad=-1, threads=2)
        assert pack.ids.shape == (size,)


def test_little_work_is_shared_between_the_threads() -> None:
    assert [pack.lengths for pack in packs(windows([40] * 4), pad=-1, threads=2)] == [(40, 40), (40, 40)]
    assert [pack.lengths for pack in packs(windows([15, 15]), pad=-1, threads=2)] == [(15, 15)]


def test_a_window_longer_than_any_size_is_a_pack_alone() -> None:
    (pack,) = packs(windows([300]), pad=-1, threads=2)
    assert pack.ids.shape == (304,)
