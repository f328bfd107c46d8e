"""Typing noise changes the spelling of few texts, the script of none, and is the same for the same seed."""

from __future__ import annotations

import random

import pytest

from models.training.noise import CHANGES, SHARE, elongated, lower, noisy, with_a_slip, without_accents, without_final_marks


def test_most_texts_stay_as_people_wrote_them() -> None:
    chance = random.Random(1)
    changed = sum(noisy("Não chegou ainda!", chance) != "Não chegou ainda!" for _ in range(2000)) / 2000
    assert 0.5 * SHARE < changed <= 1.2 * SHARE


def test_latin_loses_its_accents_and_other_scripts_keep_their_marks() -> None:
    assert without_accents("Não é ação", random.Random(1)) == "Nao e acao"
    assert without_accents("が ガ हिन्दी", random.Random(1)) == "が ガ हिन्दी"


@pytest.mark.parametrize(
    ("change", "text", "expected"), [(lower, "TOP App", "top app"), (without_final_marks, "Nie wieder!!!", "Nie wieder")]
)
def test_a_change_is_the_one_it_says(change: object, text: str, expected: str) -> None:
    assert callable(change)
    assert change(text, random.Random(1)) == expected


def test_a_slip_moves_one_character() -> None:
    for seed in range(20):
        assert abs(len(with_a_slip("late", random.Random(seed))) - 4) <= 1


def test_an_elongation_repeats_the_last_vowel_of_a_word() -> None:
    assert elongated("so", random.Random(1)) == "sooo"
    assert elongated("brr", random.Random(1)) == "brr"


def test_no_change_empties_a_text() -> None:
    for change in CHANGES:
        for text in ("!", "a", "。", "😡"):
            assert change(text, random.Random(2))
