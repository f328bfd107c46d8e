"""Keyphrases tell one group of texts from the rest, in scripts with and without spaces."""

from hypothesis import given
from hypothesis import strategies as st

from insights.keyphrases import keyphrases, phrases

ELSEWHERE = [
    "the app crashes when i open it",
    "the price is too high",
    "アプリが落ちる",
    "価格が高いです",
    "价格太贵了",
    "the staff was kind",
]


def test_finds_what_sets_the_texts_apart() -> None:
    texts = ["the parcel came late", "the parcel is lost", "where is the parcel", "late again"]
    assert keyphrases(texts * 3, ["the app is slow", "the price is high", "late at the office"] * 5)[0] == "parcel"


def test_words_that_everybody_uses_are_no_phrases() -> None:
    assert "the" not in keyphrases(["the parcel came", "the parcel went"] * 5, ["the price is high", "the app is slow"] * 5)


def test_japanese_has_runs_of_kanji_and_katakana() -> None:
    found = keyphrases(["配送遅延が続く。ドライバーが来ない", "配送遅延です。ドライバー最悪"] * 4, ELSEWHERE * 3)
    assert {"配送遅延", "ドライバー"} <= set(found)


def test_chinese_has_the_pieces_that_come_again() -> None:
    assert "快递" in " ".join(keyphrases(["快递员态度很差啊", "这个快递实在太慢了", "今天快递还没有到"] * 4, ELSEWHERE * 3))


def test_a_phrase_of_one_text_is_no_phrase_of_the_group() -> None:
    assert keyphrases(["a zebra walked in"], ELSEWHERE) == []


def test_names_and_links_are_not_read() -> None:
    assert set(phrases("@united see https://t.co/abc #fail now")) == {"see", "now"}


def test_nothing_comes_of_nothing() -> None:
    assert keyphrases([], []) == []


@given(st.lists(st.text(max_size=300), max_size=8), st.lists(st.text(max_size=300), max_size=8))
def test_any_text_is_data(texts: list[str], background: list[str]) -> None:
    found = keyphrases(texts, background)
    assert len(found) <= 10
    assert len(set(found)) == len(found)
    assert keyphrases(texts, background) == found
