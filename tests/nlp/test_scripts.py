"""Which script a text is in, and what ideographs give away."""

import pytest

from nlp.scripts import has_a_japanese_word, is_japanese_rather, languages_of, main_script


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("iPhone最高です", "JAPANESE"),
        ("谢谢 Sonja", "CJK"),
        ("奈雪の茶很好喝", "CJK"),
        ("แป้ง shu uemura มีมั้ยคะ", "THAI"),
        ("The new ラーメン place is great", "LATIN"),
        ("배송 late", "HANGUL"),
        ("Привет, мир", "CYRILLIC"),
    ],
)
def test_names_the_script_of_most_words(text: str, script: str) -> None:
    found = main_script(text)
    assert found is not None
    assert found[0] == script


def test_a_text_without_letters_has_no_script() -> None:
    assert main_script("😊 123 !?") is main_script("") is None


def test_ideographs_of_one_country_tell_it() -> None:
    assert is_japanese_rather("配送遅延") is True
    assert is_japanese_rather("质量很好") is is_japanese_rather("非常感謝您") is False
    assert is_japanese_rather("会計") is is_japanese_rather("体験") is True
    assert is_japanese_rather("會計") is None
    assert is_japanese_rather("最高") is is_japanese_rather("") is None


def test_words_of_japanese_feedback_hint_at_it() -> None:
    assert all(map(has_a_japanese_word, ("最高", "残念", "返品希望", "接客良好")))
    assert not any(map(has_a_japanese_word, ("普通", "便宜", "服務態度不好", "性價比最高的一次", "")))


def test_letters_that_arabic_lacks_rule_it_out() -> None:
    assert languages_of("ARABIC", "گوشی خوب است") == languages_of("ARABIC", "خیلی خوب") == ("fa",)
    assert languages_of("ARABIC", "كيفيت خيلي خوبه.") == ("fa",)  # typed with Arabic keys
    assert "fa" not in (languages_of("ARABIC", "خدمة ممتازة") or ())
    assert "ur" not in (languages_of("ARABIC", "التطبيق سيء") or ())
    assert "ur" in (languages_of("ARABIC", "ٹھیک ہے") or ())
