"""Which script a text is written in, and what the characters of Chinese and Japanese give away."""

import unicodedata
from collections import Counter
from functools import lru_cache

JAPANESE = "JAPANESE"
HAN = "CJK"
# Letters that make a word, roughly. Names of brands are Latin in any text, so that a Latin word counts a little less.
_WORD_LENGTH = {HAN: 2, JAPANESE: 2, "HANGUL": 2, "THAI": 3, "LAO": 3, "KHMER": 3, "MYANMAR": 3, "LATIN": 6}
_ALPHABET_WORD = 4
_KANA = ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA")
# Chinese function words that Japanese does not write; half of them exist in Japanese fonts all the same.
_CHINESE_WORDS = frozenset("很这這们們吗嗎吧呢啊没沒么麼您你她它咱啥挺哪")

SCRIPT_LANGUAGES = {
    JAPANESE: ("ja",),
    HAN: ("zh", "ja", "yue", "wuu"),
    "HANGUL": ("ko",),
    "THAI": ("th",),
    "LAO": ("lo",),
    "KHMER": ("km",),
    "MYANMAR": ("my",),
    "TIBETAN": ("bo", "dz"),
    "GEORGIAN": ("ka",),
    "ARMENIAN": ("hy",),
    "GREEK": ("el", "grc"),
    "HEBREW": ("he", "yi", "hbo"),
    "ETHIOPIC": ("am", "ti"),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
    "KANNADA": ("kn",),
    "MALAYALAM": ("ml",),
    "GUJARATI": ("gu",),
    "GURMUKHI": ("pa",),
    "ORIYA": ("or",),
    "SINHALA": ("si",),
    "BENGALI": ("bn", "as"),
    "DEVANAGARI": ("hi", "mr", "ne", "sa"),
    "ARABIC": ("ar", "fa", "ur", "ps", "ug", "ku", "sd", "sdh", "arz", "ary", "ms"),
    "CYRILLIC": ("ru", "uk", "bg", "sr", "mk", "be", "kk", "ky", "mn", "tg", "tt", "ba", "uz", "az", "bs"),
}
"""Languages that may be written in a script, the likeliest first; a script that is not listed is the Latin one or rare."""


# Languages in Arabic script that cannot be written without letters of their own.
_OWN_LETTERS = {"ur": "ٹڈڑںے", "ps": "ټډړږښګېۍځڅ", "ug": "ۇۆۈېە", "ku": "ڕڵۆێە", "sdh": "ڕڵۆێە", "sd": "ڄڳڻٿڪ"}
_NOT_ARABIC = frozenset("پچژگ")


def main_script(text: str) -> tuple[str, float] | None:
    """The script of most words in `text`, by its Unicode name ("LATIN", "CJK"), and their share; None without a letter.

    Kana with kanji is JAPANESE; CJK is ideographs alone. Words are compared rather than letters: "iPhone最高です" is Japanese.
    """
    counts = Counter(script for script in map(_script, text) if script)
    kana = sum(counts.pop(name, 0) for name in _KANA)
    # A shop called 奈雪の茶 does not make a review Japanese; 很, 这 and 们 make it Chinese.
    if kana > 2 * sum(character in _CHINESE_WORDS or leaning(character) < 0 for character in text):
        counts[JAPANESE] = kana + counts.pop(HAN, 0)
    words = {script: count / _WORD_LENGTH.get(script, _ALPHABET_WORD) for script, count in counts.items()}
    if not words:
        return None
    most = max(words, key=lambda script: (words[script], script))
    return most, words[most] / sum(words.values())


def is_japanese_rather(text: str) -> bool | None:
    """Whether ideographs alone show Japanese (True) or Chinese (False); None when they are written alike in both (最高)."""
    balance = sum(-1 if character in _CHINESE_WORDS else leaning(character) for character in text)
    return None if balance == 0 else balance > 0


def languages_of(script: str, text: str) -> tuple[str, ...] | None:
    """Languages that can write `text`, whose script it is, the likeliest first; None where the script alone leaves too many (Latin)."""
    languages = SCRIPT_LANGUAGES.get(script)
    if script != "ARABIC" or languages is None:
        return languages
    letters = frozenset(text)
    possible = (language for language in languages if letters.intersection(_OWN_LETTERS.get(language, text)))
    return tuple(language for language in possible if language not in ("ar", "arz", "ary") or not letters & _NOT_ARABIC)


@lru_cache(maxsize=16_384)
def _script(character: str) -> str | None:
    return unicodedata.name(character, "OTHER").split(" ")[0] if character.isalpha() else None


@lru_cache(maxsize=16_384)
def leaning(character: str) -> int:
    """1 for an ideograph only Japan writes (気, 遅, 込), -1 for one only the mainland writes (质, 买), else 0.

    Source: the national character sets, as Python's codecs know them: JIS X 0208 without GB 2312 and Big5, or GB 2312 alone.
    """
    if not "\u3400" <= character <= "\u9fff":
        return 0
    in_japan, in_china, in_taiwan = (_is_in(codec, character) for codec in ("shift_jis", "gb2312", "big5"))
    if in_japan:
        return 0 if in_china or in_taiwan else 1
    return -1 if in_china and not in_taiwan else 0


def _is_in(codec: str, character: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
