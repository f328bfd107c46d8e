"""Sentences in any script; every character that is not a blank is in exactly one of them."""

import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nlp.segments import LONGEST, split

ANY_TEXT = st.text(st.characters(codec=None))
PUNCTUATED = st.lists(
    st.sampled_from(["a", "Dr", "3", ".", "!", "…", "。", "」", ")", " ", "\n", "😊", ":)", "• ", "http://x.y/?A=1", "好", "д"])
).map("".join)


def sentences(text: str) -> list[str]:
    return [text[span.start : span.end] for span in split(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["Dr. Smith paid $3.5 at No. 5 in the U.S. yesterday.", "Great! :) 😊", "Next one (really.)", "Ok... maybe not.", "Wow!", "Yes"],
        ["No.", "That took 20 min.", "I give it 3.", "Not good, e.g. slow."],
        ["See http://a.example/x?B=1.C and mail a@b.example.", "Then wait."],
        ["配送が遅い！", "「もう買わない。」と思った。", "味は良い｡", "でも高い"],
        ["质量很好。", "物流太慢！！！", "会再买吗？"],
        ["z.B. am 3. Mai war es gut.", "Nr. 5 war schlecht, ca. 5 Euro.", "Und tschüss."],
        ["التطبيق سيء جدا؟", "لا أنصح به.", "د. أحمد ممتاز۔", "ٹھیک ہے۔"],
        ["यह अच्छा है।", "पर महंगा है॥", "ठीक"],
        ["и т.д. и т.п. за 5 шт.", "Плохо."],
        ["최고!", "또 올게요.", "배송이 느려요"],
        ["ጥሩ ነው።", "አመሰግናለሁ።"],
        ["1. Good", "2. Bad", "- slow", "• late", "✅ cheap"],
        ["He said “never again!”", "(We left.)", "Fine"],
    ],
)
def test_splits(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected or sentences("\n".join(expected)) == expected


def test_needs_no_blank_between_sentences_of_chinese_and_japanese() -> None:
    assert sentences("遅い。高い！もう来ない？はい") == ["遅い。", "高い！", "もう来ない？", "はい"]


def test_a_western_dot_between_their_letters_ends_a_sentence() -> None:
    assert sentences("재미가 없다.대신 음악은 좋다...정말.v3.5가 낫다") == ["재미가 없다.", "대신 음악은 좋다...", "정말.v3.5가 낫다"]


def test_a_wrapped_line_does_not_end_a_sentence() -> None:
    wrapped = "This is a long line of a mail that was wrapped by\nthe mail program."
    assert sentences(f"{wrapped}\nBest\nAna") == [wrapped, "Best", "Ana"]


def test_what_has_no_word_goes_to_the_sentence_before_it() -> None:
    assert sentences("Great.\n😊😊\n!!!\nNext") == ["Great.\n😊😊\n!!!", "Next"]
    assert sentences("!!!\n😊\nNext") == ["!!!\n😊\nNext"]


def test_a_text_of_blanks_has_no_sentence() -> None:
    assert split("") == split(" \n\u3000\t") == []


def test_cuts_a_long_sentence_at_a_blank_or_comma() -> None:
    assert all(text.endswith("word") for text in sentences("word " * 500))
    assert all(text.endswith("、") for text in sentences("とても良いです、" * 200))


def test_does_not_tear_a_character_where_nothing_else_can_be_cut() -> None:
    assert {text[0] for text in sentences("👍🏽" * 1001)} == {"👍"}
    assert {text[0] for text in sentences("e\u0301" * 1001)} == {"e"}


@given(ANY_TEXT | PUNCTUATED)
@example("x" * 20_000)
@example("a" + "\u0301" * 2_000)
@example("a. " * 300)
def test_every_character_but_blanks_is_in_exactly_one_span(text: str) -> None:
    at = 0
    for span in split(text):
        assert not text[at : span.start].strip()
        assert span.end > span.start
        assert text[span.start : span.end] == text[span.start : span.end].strip()
        at = span.end
    assert not text[at:].strip()


@given(ANY_TEXT | PUNCTUATED, st.integers(1, 300))
def test_no_span_is_long(text: str, times: int) -> None:
    assert all(span.end - span.start <= LONGEST for span in split(text * times))


@pytest.mark.parametrize("unit", ["a. ", "1.\n", "。", "好", "x", "\u0301", ". ", "😊\n", "http://a. ", "word, "])
def test_runs_twice_as_many_lines_for_twice_the_text(unit: str) -> None:
    assert lines_run((unit * 20_000)[:20_000]) <= 2.1 * lines_run((unit * 10_000)[:10_000])


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", ["a. ", "1. \n", "\n", ". ", "! ", "(.)", "http://", "  ", "😊", "\u200d", ":)", "x"])
def test_takes_time_linear_in_the_length(unit: str) -> None:
    """A million characters take about a second; anything quadratic in one of these would take hours."""
    assert isinstance(split((unit * 1_000_000)[:1_000_000]), list)


def lines_run(text: str) -> int:
    """Lines of Python that splitting `text` executes."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        split(text)
    finally:
        sys.settrace(before)
    return count
