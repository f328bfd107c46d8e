"""What the annotator is told of a stored text, in the order in which it counts."""

from functools import cache

import pytest

from nlp.annotator import Annotator
from nlp.circumstances import input_of
from nlp.countries import language_of
from store.records import Circumstances, EarlierText, Feedback
from tests.builders import a_feedback
from tests.nlp.fakes import a_detector, fake_annotator

JAPANESE = EarlierText("配送が遅いです")
GERMAN = EarlierText("Das Paket kam zu spät an.")


@cache
def an_annotator() -> Annotator:
    return fake_annotator()


def language(feedback: Feedback, around: Circumstances | None = None) -> str:
    return an_annotator().annotate([input_of(feedback, around or Circumstances())])[0].language.code


@pytest.mark.parametrize("text", ["最高", "配送遅延", "満足", "対応最悪", "返品希望", "普通", "不良品", "注文取消"])
def test_ideographs_alone_are_japanese_where_the_source_speaks_it(text: str) -> None:
    assert language(a_feedback(text), Circumstances(source_language="ja")) == "ja"


@pytest.mark.parametrize("text", ["最高", "满意", "普通", "不良品", "質量很好", "物流太慢"])
def test_ideographs_alone_are_chinese_where_the_source_speaks_it(text: str) -> None:
    assert language(a_feedback(text), Circumstances(source_language="zh")) == "zh"


def test_the_country_counts_before_the_source() -> None:
    assert language(a_feedback("最高", country="JP"), Circumstances(source_language="zh")) == "ja"
    assert language(a_feedback("最高", country="CH"), Circumstances(source_language="ja")) == "ja"


def test_the_author_counts_before_the_country() -> None:
    assert language(a_feedback("最高", country="TW"), Circumstances(earlier=(JAPANESE,))) == "ja"
    assert language(a_feedback("最高", country="JP"), Circumstances(earlier=(GERMAN,))) == "ja"  # German has no ideographs


def test_what_the_sender_said_counts_before_everything() -> None:
    assert language(a_feedback("最高", language="zh", country="JP"), Circumstances((JAPANESE,), "ja")) == "zh"


def test_an_author_speaks_what_most_of_the_earlier_texts_are_in() -> None:
    detector = a_detector()
    assert detector.usual([GERMAN, JAPANESE, JAPANESE]) == "ja"
    assert detector.usual([GERMAN, JAPANESE]) == "de"
    assert detector.usual([EarlierText("ok"), JAPANESE]) == "ja"
    assert detector.usual([EarlierText("ok", language="fi")]) == "fi"
    assert detector.usual([EarlierText("ok"), EarlierText("😊")]) is detector.usual([]) is None


def test_a_country_has_a_language_where_one_leads() -> None:
    assert [language_of(code) for code in ("JP", "jp", "BR", "TW", "EG")] == ["ja", "ja", "pt", "zh", "ar"]
    assert [language_of(code) for code in ("CH", "BE", "IN", "XX", "", None)] == [None] * 6


def test_the_languages_of_countries_are_known_to_the_detector() -> None:
    spoken = {language_of(f"{first}{second}") for first in map(chr, range(65, 91)) for second in map(chr, range(65, 91))} - {None}
    assert spoken <= a_detector().languages
