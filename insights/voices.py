"""Voices instead of rows: the same words, and the same author, count once in a window."""

import math
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loudness:
    """raw: rows; effective: rows whose words and author are new in the window; authors: different ones, those not known left out."""

    raw: int
    effective: int
    authors: int


def loudness(rows: Iterable[tuple[Hashable | None, Hashable | None]]) -> Loudness:
    """`rows`: (fingerprint, author) of each, oldest first; None where not known."""
    words: set[Hashable] = set()
    authors: set[Hashable] = set()
    raw = effective = 0
    for fingerprint, author in rows:
        raw += 1
        new = (fingerprint is None or fingerprint not in words) and (author is None or author not in authors)
        effective += new
        words.add(fingerprint)
        authors.add(author)
    return Loudness(raw, effective, len(authors - {None}))


def extrapolate(read: Loudness, rows: int) -> Loudness:
    """What `rows` rows are, of which only the newest were read: people repeat themselves in the others as much."""
    if not 0 < read.raw < rows:
        return read
    return Loudness(rows, round(rows * read.effective / read.raw), read.authors)


WORD = re.compile(r"\w+")
SHORTEST_WORD = 3


def typical(texts: Mapping[str, str], most: int = 3) -> list[str]:
    """The ids of the texts whose words most others share (mean share of texts that have them), the most typical first."""
    words = {name: {word for word in WORD.findall(text.casefold()) if len(word) >= SHORTEST_WORD} for name, text in texts.items()}
    spread = Counter(word for some in words.values() for word in some)

    def likeness(name: str) -> float:
        some = words[name]
        return sum(spread[word] - 1 for word in some) / (len(some) + 4) if some else -math.inf

    return sorted(words, key=lambda name: (-likeness(name), name))[:most]
