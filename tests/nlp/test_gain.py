"""How sure it is that one answer is better than another."""

import numpy as np

from nlp.gain import Marks, gain


def one_hot(answers: list[int]) -> Marks:
    marks: Marks = np.eye(3, dtype=np.bool_)[answers]
    return marks


RIGHT = [0, 1, 2] * 20
KNOWN = np.ones((60, 3), np.bool_)


def test_a_plain_gain_is_sure_and_a_plain_loss_surely_none() -> None:
    wrong = [(answer + 1) % 3 if number % 3 else answer for number, answer in enumerate(RIGHT)]
    found = gain(one_hot(wrong), one_hot(RIGHT), one_hot(RIGHT), KNOWN, micro=False, seed=1)
    assert (found.after, found.certainty) == (1.0, 1.0)
    assert 0.1 < found.before < 0.5
    assert gain(one_hot(RIGHT), one_hot(wrong), one_hot(RIGHT), KNOWN, micro=False, seed=1).certainty == 0.0


def test_one_text_in_sixty_is_no_certainty() -> None:
    almost = [1, *RIGHT[1:]]
    found = gain(one_hot(almost), one_hot(RIGHT), one_hot(RIGHT), KNOWN, micro=False, seed=1)
    assert found.after > found.before
    assert 0.5 < found.certainty < 0.75


def test_what_is_not_known_is_not_counted() -> None:
    known = KNOWN.copy()
    known[:, 2] = False
    silent = one_hot(RIGHT) & known
    assert gain(silent, one_hot(RIGHT), one_hot(RIGHT), known, micro=True, seed=1).before == 1.0
