"""Which texts say the same: reposts share a fingerprint, so that a hundred copies of one voice can be counted once."""

import re
from hashlib import blake2b

SHORTEST = 12
"""Letters; "thank you" from two people is two voices, not a repost."""
_NOISE = re.compile(r"^\s*rt\s+@\w+:?|https?://\S+|www\.\S+|@\w+|(?:[^\w@]|_)+|@")


def fingerprint(text: str) -> int | None:
    """A signed 64-bit digest of the letters and digits of `text`, casefolded, without RT @x:, @names and URLs.

    None when fewer than twelve letters are left: such a text is never a repost.
    """
    kept = _NOISE.sub("", text.casefold())
    if len(kept) < SHORTEST:
        return None
    return int.from_bytes(blake2b(kept.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True)
