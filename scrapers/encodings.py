"""Which encoding a text file is in: UTF-8, what its byte order mark says, or a guess that is sure of itself; otherwise a refusal."""

import codecs
import re

from charset_normalizer import from_bytes

from core.errors import InvalidInput

VALID = "save the file as UTF-8 (in Excel: Save As, CSV UTF-8)"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
EAST_ASIAN = (
    ("cp932", "shift_jis", (0x81, 0x83), (0x81, 0x97)),
    ("euc_jp", "shift_jis", (0x81, 0x83), (0x81, 0x97)),
    ("cp949", "euc_kr", (0xB0, 0xC8), (0xA1, 0xC8)),
    ("gb18030", "gb2312", (0xB0, 0xD7), (0xA1, 0xD7)),
    ("big5", "big5", (0xA4, 0xC6), (0xA1, 0xC6)),
)
"""What such files come in; the standard behind it; the first bytes there of the letters that set the language apart (kana, Hangul,
frequent ideographs), and of all that is usual. Read under another of these, a text turns into rare ideographs. In order: Japanese and
Korean letters also read as Chinese, not the other way."""
OTHER_SCRIPTS = ("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874")
LATIN = {
    "cp1252": ("äöüß", "àâæçèéêëîïôœùûüÿ", "áéíñóúü", "áàâãçéêíóôõúü", "àèéìíòóùú", "åäöé", "æøåé", "ëïéèöüóá", "áéíóúýþæðö", "äöõüšž"),
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž"),
    "cp1254": ("çğıöşüâîû",),
    "cp1257": ("āčēģīķļņšūž", "ąčęėįšųūž"),
}
"""Letters beyond ASCII per language, by the Windows code page that such a language's files come in."""
_PUNCTUATION = frozenset("’‘“”„«»‹›–—…€£§°´·•™©®²³¿¡ºª½¼\u00a0")
_LEAST_KNOWN = 0.95
_LATIN_ENOUGH = 0.6
_MARGIN = 0.02
_LEAST_OWN, _LEAST_USUAL = 0.3, 0.9
_MOST_LETTERS = 20_000
_MOST_CHAOS = 0.1
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def encoding_of(sample: bytes) -> tuple[str, int]:
    """The codec of a file that begins with `sample`, and how many bytes of byte order mark to skip. Raises InvalidInput when unsure."""
    for mark, marked in _MARKS:
        if sample.startswith(mark):
            return marked, len(mark)
    if len(_CONTROL.findall(sample)) * 50 > len(sample):
        raise InvalidInput(f"this is no text file; send CSV, TSV, JSONL, XLSX or Parquet, and {VALID}")
    if sample.isascii():
        return ("iso2022_jp" if b"\x1b$" in sample else "utf-8"), 0
    if _is_utf8(sample):
        return "utf-8", 0
    known, codec = _latin(sample)
    if codec is None and known < _LATIN_ENOUGH:
        codec = _east_asian(sample) or _other_script(sample)
    if codec is None:
        raise InvalidInput(f"the encoding cannot be told for sure; {VALID}")
    return codec, 0


def _is_utf8(sample: bytes) -> bool:
    """True when most lines beyond ASCII are UTF-8, which no other encoding is by accident: a line that is not will be reported."""
    beyond = [line for line in sample.splitlines() if not line.isascii()]
    return 2 * sum(_decodes_so_far(line) for line in beyond) >= len(beyond)


def _decodes_so_far(line: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(line)
    except UnicodeDecodeError:
        return False
    return True


def _latin(sample: bytes) -> tuple[float, str | None]:
    """How well letters beyond ASCII fit one language under the best code page, 0 to 1; and that page if it is the clear winner."""
    shares: dict[str, float] = {}
    for codec, languages in LATIN.items():
        text = sample.decode(codec, "replace").casefold()
        beyond = [letter for letter in text if letter > "\x7f" and letter not in _PUNCTUATION]
        if 4 * len(beyond) > sum(letter.isalpha() for letter in text):
            return 0.0, None
        known = max((sum(letter in letters for letter in beyond) for letters in languages), default=0)
        shares[codec] = known / len(beyond) if beyond else 1.0
    best = max(shares, key=lambda codec: shares[codec])
    rivals = [codec for codec in shares if codec != best and shares[codec] > shares[best] - _MARGIN]
    alike = {sample.decode(codec, "replace") for codec in (best, *rivals)}
    return shares[best], best if shares[best] >= _LEAST_KNOWN and len(alike) == 1 else None


def _east_asian(sample: bytes) -> str | None:
    for codec, standard, own, usual in EAST_ASIAN:
        text = sample.decode(codec, "replace")
        leads = [_lead_byte(letter, standard) for letter in text if letter > "\x7f"][:_MOST_LETTERS]
        if sum(own[0] <= lead <= own[1] for lead in leads) < _LEAST_OWN * len(leads):
            continue
        if sum(usual[0] <= lead <= usual[1] for lead in leads) >= _LEAST_USUAL * len(leads):
            return codec
    return None


def _lead_byte(letter: str, standard: str) -> int:
    """The first byte of a letter in a standard, 0 when it is not there or of one byte only (half-width kana)."""
    try:
        encoded = letter.encode(standard)
    except UnicodeEncodeError:
        return 0
    return encoded[0] if len(encoded) == 2 else 0


def _other_script(sample: bytes) -> str | None:
    whole = sample[: sample.rfind(b"\n") + 1] or sample
    best = from_bytes(whole, cp_isolation=list(OTHER_SCRIPTS), threshold=_MOST_CHAOS).best()
    return None if best is None else best.encoding
