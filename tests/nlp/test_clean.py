"""What the model reads of a text, and that nothing a text holds can break or slow the reading."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nlp.clean import MOST_MARKS, clean

ANY_TEXT = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("given_text", "read"),
    [
        ("Ｇｒｅａｔ　ｶﾞｷﾞ ①", "Great ガギ 1"),
        ("see https://a.example/x?q=1, or (www.b.example).", "see http, or (http)."),
        ("見てhttps://a.example/日本", "見てhttp日本"),
        ("https://münchen.example/straße gut", "http gut"),
        ("thanks @Delta_1 and @koe@voice.example!", "thanks @user and @user!"),
        ("なあ@koeさん", "なあ@userさん"),
        ("write to ana@shop.example @ 9", "write to ana@shop.example @ 9"),
        ("sooooooo gooood!!!!!!", "sooo goood!!!"),
        ("hahahahahahaha no no no no no no no no", "hahaha no no no"),
        ("paid 1000000 yen", "paid 1000000 yen"),
        ("a\x00b\ud800c\u202e\u200b d\r\n\te", "abc d e"),
        ("می‌خواهم 👨‍👩‍👧", "می‌خواهم 👨‍👩‍👧"),
        ("\x00\u200e\ufeff", ""),
    ],
)
def test_reads(given_text: str, read: str) -> None:
    assert clean(given_text) == read


def test_caps_the_marks_on_one_letter() -> None:
    marks = "".join(map(chr, range(0x300, 0x340)))
    assert len(unicodedata.normalize("NFD", clean("z" + marks + "a" + marks))) <= 2 * (MOST_MARKS + 1)


def test_keeps_what_scripts_write_with_marks() -> None:
    for text in ("อร่อยมากที่สุด", "यह अच्छा है", "هذَا رائعٌ جِدًّا", "בְּרֵאשִׁ֖ית", "Việt Nam"):
        assert clean(text) == unicodedata.normalize("NFKC", text)


@given(ANY_TEXT)
@example("\ufdfa" * 300)
@example("👍🏽" * 300)
def test_never_raises_and_never_swells(text: str) -> None:
    read = clean(text)
    assert len(read) <= 2 * len(text) + 64
    assert read == read.strip()
    assert not any(unicodedata.category(character) == "Cs" for character in read)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit",
    ["http://", "www.", "@", "@a.", "a.@", "@a@", "ab", "w", "e\u0301\u0323", "\u0301\u0323", "\u200d", "\ufdfa", "👍🏽", " ", "http://."],
)
def test_takes_time_linear_in_the_length(unit: str) -> None:
    """A million characters take about a second; anything quadratic in one of these would take hours."""
    assert clean((unit * 1_000_000)[:1_000_000]) is not None
