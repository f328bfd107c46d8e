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
OTHER_SCRIPTS = (
    "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874",
)  # fmt: skip
"""What files in other scripts than Latin come in; the rare relatives of these only make the guess worse."""
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
        codec = _other_script(sample)
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


def _other_script(sample: bytes) -> str | None:
    whole = sample[: sample.rfind(b"\n") + 1] or sample
    best = from_bytes(whole, cp_isolation=list(OTHER_SCRIPTS), threshold=_MOST_CHAOS).best()
    return None if best is None else best.encoding
