"""Short pieces of texts are what people could have written as a name: neighbouring words, or a few characters where no spaces are set."""

import random

import pytest

from models.training.pieces import CHARACTERS, WORDS, piece

CHANCE = random.Random(1)


def test_a_piece_is_a_few_neighbouring_words() -> None:
    text = "The parcel came late, and nobody told me why!"
    pieces = {piece(text, CHANCE) for _ in range(500)}
    assert all(found in text and 1 <= len(found.split()) <= WORDS for found in pieces)
    assert {"parcel", "came late", "nobody told me why", "parcel came late, and nobody"} <= pieces


@pytest.mark.parametrize("text", ["配送がとても遅かったです。残念です", "พนักงานบริการดีมาก"])
def test_writing_without_spaces_gives_a_few_neighbouring_characters(text: str) -> None:
    pieces = {piece(text, CHANCE) for _ in range(200)}
    assert all(found in text and len(found) <= CHARACTERS for found in pieces)
    assert len(pieces) > 50


@pytest.mark.parametrize("text", ["", "a", "!?", "。。。", "  "])
def test_what_has_no_pieces_stays_whole(text: str) -> None:
    assert piece(text, CHANCE) == text
