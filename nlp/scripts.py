"""Which script a text is written in, and what the characters of Chinese and Japanese give away."""

import re
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
# Words of Japanese feedback that Chinese does not have, or says otherwise, in characters that both write.
_JAPANESE_WORDS = frozenset(
    """最高 最低 残念 返品 返金 返信 接客 丁寧 料金 部屋 朝食 昼食 夕食 夕飯 軽食 食事 和食 洋食 定食 弁当 刺身 寿司 唐揚 天丼 牛丼
    味噌 出汁 居酒屋 料亭 風呂 大浴場 立地 注文 予約 入荷 在庫 梱包 配送 配達 宅配 荷物 小包 郵便 破損 欠品 品切 品物 割高 割安 割引
    値引 格安 安値 高値 無料 有料 受付 案内 担当者 手数料 口座 素敵 面倒 重宝 切符 新幹線 徒歩 駐車 大丈夫 心地 仕事 子供 授業 納得
    納期 納品 文句 苦情 残高 快適 無難 愛想 具合 不備 不良品 到着 見積 出張 引越 取扱 世話 挨拶 土産 名物 写真 玄関 工事 水道 端末
    通話 回線 会員 会計 会社 残業 給料 休日 平日 祝日 今朝 来店 再訪 常連 老舗 上手 下手 苦手 大切 本当 本物 偽物 中古 粗悪 掃除
    清掃 眺望 喫煙 禁煙 冷房 暖房 布団 毛布 洗面所 使用感 完食 堪能 改悪 味付 薄味""".split()  # noqa: SIM905
)
_NOT_JAPANESE_ALONE = frozenset("的了是我也都就")  # Chinese grammar; in Japanese only parts of words
_LENGTHS_OF_WORDS = sorted({len(word) for word in _JAPANESE_WORDS})

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
_OWN_LETTERS = {"ur": "ٹڈڑںےہ", "ms": "ڠڤݢڽۏ", "ps": "ټډړږښګېۍځڅ", "ug": "ۇۆۈېە", "ku": "ڕڵۆێە", "sdh": "ڕڵۆێە", "sd": "ڄڳڻٿڪ"}
_NOT_ARABIC = frozenset("پچژگیک")  # the last two are the Persian forms of ي and ك
_NOT_PERSIAN = frozenset("ٹڈڑںےہة")
_ARABIC = frozenset({"ar", "arz", "ary"})
# Frequent words that Arabic does not have, for those who type Persian with Arabic keys.
_PERSIAN_WORDS = frozenset(
    """خیلی خوب خوبه خوبی است هست هستش هستم نیست شده شدم دارم دارد داره نداره ندارد ندارم از را که تا با بود کردم کنم کنید بسیار هیچ
    همین میشه باشید باشه برای بهتر ولی خودم نمیشه""".split()  # noqa: SIM905
)
_WORD = re.compile(r"\w+")
_PERSIAN_KEYS = str.maketrans("يك", "یک")


def main_script(text: str) -> tuple[str, float] | None:
    """The script of most words in `text`, by its Unicode name ("LATIN", "CJK"), and their share; None without a letter.

    Kana with kanji is JAPANESE; CJK is ideographs alone. Words are compared rather than letters: "iPhone最高です" is Japanese.
    """
    counts = Counter(script for script in map(_script, text) if script)
    kana = sum(counts.pop(name, 0) for name in _KANA)
    # A shop called 奈雪の茶 does not make a review Japanese; 很, 这 and 们 make it Chinese.
    if kana and kana > 2 * sum(character in _CHINESE_WORDS or leaning(character) < 0 for character in text):
        counts[JAPANESE] = kana + counts.pop(HAN, 0)
    words = {script: count / _WORD_LENGTH.get(script, _ALPHABET_WORD) for script, count in counts.items()}
    if not words:
        return None
    most = max(words, key=lambda script: (words[script], script))
    return most, words[most] / sum(words.values())


def is_japanese_rather(text: str) -> bool | None:
    """Whether ideographs alone show Japanese (True) or Chinese (False); None when they are written alike in both (最高).

    Forms of the mainland beside forms of Taiwan are Japanese too: 会計 is 会计 or 會計 in Chinese, never a mixture.
    """
    balance = sum(-1 if character in _CHINESE_WORDS else leaning(character) for character in text)
    if balance:
        return balance > 0
    return True if {_shared_with(character) for character in text} >= {"mainland", "taiwan"} else None


def has_a_japanese_word(text: str) -> bool:
    """Whether a text of ideographs that both could write has a word that hints at Japanese, and nothing of Chinese grammar."""
    if not _NOT_JAPANESE_ALONE.isdisjoint(text):
        return False
    return any(text[at : at + length] in _JAPANESE_WORDS for length in _LENGTHS_OF_WORDS for at in range(len(text) - length + 1))


def languages_of(script: str, text: str) -> tuple[str, ...] | None:
    """Languages that can write `text`, whose script it is, the likeliest first; None where the script alone leaves too many (Latin)."""
    languages = SCRIPT_LANGUAGES.get(script)
    if script != "ARABIC" or languages is None:
        return languages
    letters = frozenset(text)
    ruled_out = frozenset({"fa"}) if letters & _NOT_PERSIAN else frozenset()
    if letters & _NOT_ARABIC or not _PERSIAN_WORDS.isdisjoint(_WORD.findall(text.translate(_PERSIAN_KEYS))):
        ruled_out |= _ARABIC
    possible = tuple(code for code in languages if code not in ruled_out and letters.intersection(_OWN_LETTERS.get(code, text)))
    return possible or languages


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
    in_japan, in_china, in_taiwan = _standards_with(character)
    if in_japan:
        return 0 if in_china or in_taiwan else 1
    return -1 if in_china and not in_taiwan else 0


@lru_cache(maxsize=16_384)
def _shared_with(character: str) -> str | None:
    """Which one of the Chinese standards has this Japanese character, where only one has."""
    in_japan, in_china, in_taiwan = _standards_with(character)
    if not in_japan or in_china == in_taiwan:
        return None
    return "mainland" if in_china else "taiwan"


def _standards_with(character: str) -> tuple[bool, bool, bool]:
    return _is_in("shift_jis", character), _is_in("gb2312", character), _is_in("big5", character)


def _is_in(codec: str, character: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
