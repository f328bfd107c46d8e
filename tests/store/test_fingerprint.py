"""Fingerprints: what counts as the same words."""

import pytest

from store.fingerprint import fingerprint

COMPLAINT = "My flight was cancelled again!"


@pytest.mark.parametrize(
    "repost",
    [
        "RT @delta_fan: My flight was cancelled again!",
        "my flight was CANCELLED again :-( https://t.co/x1?a=b",
        "@delta @united My flight... was cancelled again 😡😡",
        "  My\nflight was_cancelled  again www.example.com/1",
    ],
)
def test_a_repost_has_the_fingerprint_of_the_original(repost: str) -> None:
    assert fingerprint(repost) == fingerprint(COMPLAINT)


def test_other_words_have_another() -> None:
    assert fingerprint("My flight was delayed again!") != fingerprint(COMPLAINT)


@pytest.mark.parametrize("short", ["", "Thank you!", "RT @someone: great https://t.co/abcdefghijk", "😡" * 50, "いつも最高"])
def test_a_few_letters_are_nobodys_words(short: str) -> None:
    assert fingerprint(short) is None


def test_fits_a_signed_64_bit_column() -> None:
    prints = [fingerprint(f"{COMPLAINT} number {number}") or 0 for number in range(200)]
    assert all(-(2**63) <= one < 2**63 for one in prints)
    assert len(set(prints)) == 200
