"""Codes of languages come in many spellings and leave in one."""

import pytest

from api.languages import TWO_LETTERS, known_language
from core.errors import InvalidInput


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("en", "en"),
        ("EN-us", "en"),
        ("pt_BR", "pt"),
        ("deu", "de"),
        ("ger", "de"),
        ("zh-Hant", "zh"),
        ("jpn", "ja"),
        ("fil", "fil"),
        ("und", "und"),
    ],
)
def test_every_spelling_of_a_language_is_one_code(asked: str, code: str) -> None:
    assert known_language(asked) == code


@pytest.mark.parametrize("asked", ["", "e", "xx", "english", "12", "e1", "日本", "-en", "en1", "\x00"])
def test_what_is_no_language_is_told_what_is(asked: str) -> None:
    with pytest.raises(InvalidInput, match="aa, ab, ae"):
        known_language(asked)


def test_all_of_iso_639_1_is_known() -> None:
    assert len(TWO_LETTERS) == 183
