"""Voices: who repeats himself, or others, counts once."""

from insights.voices import Loudness, extrapolate, loudness


def test_the_same_words_and_the_same_author_count_once() -> None:
    assert loudness([(1, "a"), (1, "b"), (2, "a"), (3, None), (None, None), (None, "c")]) == Loudness(raw=6, effective=4, authors=3)


def test_of_more_rows_than_were_read_the_others_repeat_themselves_as_much() -> None:
    assert extrapolate(Loudness(5000, 4000, 900), 20_000) == Loudness(20_000, 16_000, 900)


def test_rows_that_were_all_read_are_left_alone() -> None:
    assert extrapolate(Loudness(40, 30, 9), 40) == Loudness(40, 30, 9)
    assert extrapolate(Loudness(0, 0, 0), 40) == Loudness(0, 0, 0)
