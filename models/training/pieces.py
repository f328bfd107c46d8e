"""Short pieces of texts: what names of topics and of brands look like, which feedback is too long to be."""

from __future__ import annotations

import random

WORDS, CHARACTERS = 5, 12  # at most
AROUND = " \t\n.,!?;:()\"'…。、！？「」"


def piece(text: str, chance: random.Random) -> str:
    """One to WORDS neighbouring words of `text`, or two to CHARACTERS characters where it sets no spaces; all of it where it is shorter."""
    words = text.split()
    if len(words) > 1:
        count = min(len(words), chance.randint(1, WORDS))
        start = chance.randrange(len(words) - count + 1)
        found = " ".join(words[start : start + count])
    else:
        count = min(len(text), chance.randint(2, CHARACTERS))
        start = chance.randrange(len(text) - count + 1)
        found = text[start : start + count]
    return found.strip(AROUND) or text
