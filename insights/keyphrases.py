"""What sets one group of texts apart from the rest: words, pairs of words, and runs of letters where a script has no spaces."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

MOST_PHRASES = 10
READ = 2_000
"""Code points of a text that are read: enough to know what it is about, and an end for hostile ones."""
LEAST_TEXTS = 2
"""A phrase of one text is that text, not a phrase of the group."""
CLEARLY = 1.64
"""Standard deviations that a phrase must stand apart by: 5 % one-sided."""
PRIOR_WEIGHT = 0.1
"""Of the background's own counts, as pseudo-counts: strong for words that everybody uses, weak for rare ones."""
NEARLY_ALL = 0.7
"""A part that occurs mostly inside a longer phrase says nothing beside it."""

_NOISE = re.compile(r"https?://\S+|www\.\S+|[@#]\w+", re.IGNORECASE)
_RUN = re.compile(
    r"(?P<han>[\u3400-\u4dbf\u4e00-\u9fff々]+)|(?P<katakana>[\u30a1-\u30faー]+)|(?P<hiragana>[\u3041-\u309f]+)"
    r"|(?P<word>[^\W\d_][\w'’-]*)|(?P<stop>[^\w\s]+|\d+)"
)
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
"""Thai, Lao, Burmese, Khmer: no spaces between words, and no runs that tell them apart, so they have no phrases here."""


def keyphrases(texts: Sequence[str], background: Sequence[str]) -> list[str]:
    """At most ten phrases of `texts`, the most telling first, in lower case.

    Log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn, "Fightin' Words", Political Analysis 2008) over the
    number of texts that hold a phrase; words that both sides use alike (the, です) drop out by themselves. Linear in the letters.
    """
    ours, theirs = _holders(texts), _holders(background)
    scores = {phrase: _z(ours[phrase], theirs[phrase], len(texts), len(background)) for phrase in ours if ours[phrase] >= LEAST_TEXTS}
    telling = {phrase for phrase, z in scores.items() if z >= CLEARLY}
    whole = [phrase for phrase in telling if all(word in telling for word in phrase.split())]  # "the parcel" says no more than "parcel"
    ranked = sorted(whole, key=lambda phrase: (-scores[phrase], -len(phrase), phrase))
    return _without_parts(ranked, ours)[:MOST_PHRASES]


def phrases(text: str) -> Iterator[str]:
    """Words and pairs of neighbours, runs of kanji and katakana, and pairs and threes of letters of longer Chinese runs."""
    cleaned = _NOISE.sub(" . ", unicodedata.normalize("NFKC", text[:READ]).casefold())
    before: str | None = None
    for match in _RUN.finditer(cleaned):
        run, kind = match.group(), match.lastgroup
        if kind == "word" and not _UNSPACED.search(run):
            if len(run) > 1:
                yield run
            if before is not None:
                yield f"{before} {run}"
            before = run
            continue
        before = None
        if kind == "han":
            yield from _of_han(run)
        elif kind == "katakana" and len(run) > 1:
            yield run


def _of_han(run: str) -> Iterator[str]:
    if len(run) > 1:
        yield run[:8] if len(run) <= 4 else run[:2]
    if len(run) > 4:
        yield from (run[start : start + size] for size in (2, 3, 4) for start in range(len(run) - size + 1) if (start, size) != (0, 2))


def _holders(texts: Iterable[str]) -> Counter[str]:
    return Counter(phrase for text in texts for phrase in set(phrases(text)))


def _z(ours: int, theirs: int, our_texts: int, their_texts: int) -> float:
    prior = PRIOR_WEIGHT * (ours + theirs) + 0.01
    rest = PRIOR_WEIGHT * (our_texts + their_texts) + 0.01
    here, there = ours + prior, theirs + prior
    not_here, not_there = max(our_texts + rest - here, 0.01), max(their_texts + rest - there, 0.01)
    return (math.log(here / not_here) - math.log(there / not_there)) / math.sqrt(1 / here + 1 / there)


def _without_parts(ranked: Sequence[str], ours: Counter[str]) -> list[str]:
    """Each phrase once: neither a part that hardly occurs outside a longer one, nor a longer one whose part says as much."""
    kept: list[str] = []
    for phrase in ranked:
        longer = [other for other in kept if phrase in other and ours[other] >= NEARLY_ALL * ours[phrase]]
        shorter = [other for other in kept if other in phrase]
        if not longer and not shorter:
            kept.append(phrase)
        elif shorter and len(shorter) == 1 and ours[phrase] >= NEARLY_ALL * ours[shorter[0]]:
            kept[kept.index(shorter[0])] = phrase
        if len(kept) >= 2 * MOST_PHRASES:
            break
    return kept
