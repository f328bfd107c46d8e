"""Windows hold every token once, batches hold every text once."""

from hypothesis import given
from hypothesis import strategies as st

from nlp.batching import Part, Window, batches, windows_of

BOS, EOS = 0, 2
SEGMENTS = st.lists(st.lists(st.integers(5, 99), max_size=40), max_size=12)


def test_a_window_holds_whole_segments_while_they_fit() -> None:
    found = windows_of([[5, 6], [7], [8, 9, 10]], bos=BOS, eos=EOS, max_tokens=6)
    assert found == [
        Window((BOS, 5, 6, 7, EOS), (Part(0, 1, 3), Part(1, 3, 4))),
        Window((BOS, 8, 9, 10, EOS), (Part(2, 1, 4),)),
    ]


def test_a_long_segment_is_cut_into_equal_pieces() -> None:
    found = windows_of([list(range(5, 14))], bos=BOS, eos=EOS, max_tokens=10)
    assert [len(window.ids) for window in found] == [7, 6]


def test_a_text_without_tokens_is_bos_and_eos() -> None:
    assert (
        windows_of([], bos=BOS, eos=EOS, max_tokens=8) == windows_of([[], []], bos=BOS, eos=EOS, max_tokens=8) == [Window((BOS, EOS), ())]
    )


@given(SEGMENTS, st.integers(3, 32))
def test_every_token_is_in_exactly_one_window(segments: list[list[int]], max_tokens: int) -> None:
    windows = windows_of(segments, bos=BOS, eos=EOS, max_tokens=max_tokens)
    assert all(window.ids[0] == BOS and window.ids[-1] == EOS and len(window.ids) <= max_tokens for window in windows)
    read: dict[int, list[int]] = {}
    for window in windows:
        assert [position for part in window.parts for position in range(part.start, part.end)] == list(range(1, len(window.ids) - 1))
        for part in window.parts:
            read.setdefault(part.segment, []).extend(window.ids[part.start : part.end])
    assert read == {number: ids for number, ids in enumerate(segments) if ids}


@given(st.lists(st.integers(1, 100), max_size=60), st.integers(1, 300))
def test_every_index_is_in_exactly_one_batch_within_the_budget(sizes: list[int], budget: int) -> None:
    found = list(batches(sizes, budget))
    assert sorted(index for batch in found for index in batch) == list(range(len(sizes)))
    assert all(len(batch) == 1 or sum(sizes[index] for index in batch) <= budget for batch in found)


@given(st.lists(st.integers(1, 100), max_size=60))
def test_like_sizes_come_together(sizes: list[int]) -> None:
    order = [sizes[index] for batch in batches(sizes, 200) for index in batch]
    assert order == sorted(sizes, reverse=True)
