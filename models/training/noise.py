"""What people do to texts when they type: lower case, lost accents and marks, slips, elongations; meaning stays, spelling does not."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable

SHARE = 0.15  # of the texts that are changed: most must stay as people wrote them
_LATIN_MARK = re.compile(r"(?<=[A-Za-z])[\u0300-\u036f]+")
_FINAL_MARKS = re.compile(r"[.!?…。！？]+$")
_VOWEL_AT_END = re.compile(r"(?<=[a-z])([aeiou])\b")


def noisy(text: str, chance: random.Random) -> str:
    """`text` as it is, or in SHARE of the cases with one change of those below."""
    return chance.choice(CHANGES)(text, chance) if text and chance.random() < SHARE else text


def lower(text: str, _chance: random.Random) -> str:
    """All in lower case."""
    return text.lower()


def without_accents(text: str, _chance: random.Random) -> str:
    """Latin letters without their accents; the marks of other scripts are letters and stay."""
    return unicodedata.normalize("NFC", _LATIN_MARK.sub("", unicodedata.normalize("NFD", text)))


def without_final_marks(text: str, _chance: random.Random) -> str:
    """No full stop, question or exclamation mark at the end."""
    return _FINAL_MARKS.sub("", text) or text


def with_a_slip(text: str, chance: random.Random) -> str:
    """One character lost, doubled or swapped with the next."""
    at = chance.randrange(len(text))
    kind = chance.randrange(3)
    if kind == 0 and len(text) > 1:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[: at + 1] + text[at:]
    return text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]


def elongated(text: str, chance: random.Random) -> str:
    """The last vowel of one word three times."""
    ends = list(_VOWEL_AT_END.finditer(text))
    if not ends:
        return text
    end = chance.choice(ends)
    return text[: end.start()] + 3 * end.group() + text[end.end() :]


CHANGES: tuple[Callable[[str, random.Random], str], ...] = (lower, without_accents, without_final_marks, with_a_slip, elongated)
