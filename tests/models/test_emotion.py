"""Emotions: labels of other sets read as ours, and the head that is fitted on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.training.data import mix
from models.training.emotion_labels import emotion_example, emotion_mappings
from tests import needs


def a_row(source: str, *emotions: str) -> dict[str, Any]:
    return {"text": "fine", "lang": "en", "source": source, "split": "train", "emotions": list(emotions)}


@pytest.mark.parametrize(
    ("source", "theirs", "ours"),
    [
        ("goemotions", ["gratitude", "annoyance"], {"joy", "anger"}),
        ("xed", ["trust", "fear"], {"fear"}),
        ("tweeteval_emotion", ["optimism"], {"joy"}),
        ("brighter_emotions", [], {"neutral"}),
    ],
)
def test_the_emotions_of_a_set_read_as_ours(source: str, theirs: list[str], ours: set[str]) -> None:
    example = emotion_example(a_row(source, *theirs))
    assert example is not None
    assert example.emotions == ours


@pytest.mark.parametrize(("source", "theirs"), [("xed", ["anticipation"]), ("arman_emo", ["other"]), ("multiemotions_it", [])])
def test_a_row_without_an_emotion_of_ours_is_left_out(source: str, theirs: list[str]) -> None:
    assert emotion_example(a_row(source, *theirs)) is None


def test_sets_that_may_not_train_only_measure() -> None:
    """A licence that is non-commercial or for research keeps a set out of weights that ship."""
    kept_out = {name for name in emotion_mappings() if mix()[name].get("left_out") in {"non-commercial", "research or academic use only"}}
    assert kept_out == {"arman_emo", "emoevent", "multiemotions_it", "uit_vsmec"}
    assert {name for name, mapping in emotion_mappings().items() if not mapping.rows} == kept_out


def test_the_set_that_was_labelled_by_projection_counts_less() -> None:
    assert {name for name, mapping in emotion_mappings().items() if mapping.weight < 1} == {"xed_projected"}


def test_an_emotion_that_was_not_asked_for_is_not_unlearnt() -> None:
    needs.torch()
    import torch

    from models.training.emotion_labels import covered_by, shares_of
    from models.training.network import emotion_loss
    from store.records import EMOTIONS

    example = emotion_example(a_row("tweeteval_emotion", "joy"))
    assert example is not None
    logits = torch.zeros(1, len(EMOTIONS), requires_grad=True)
    shares, covered = torch.from_numpy(shares_of([example])), torch.from_numpy(covered_by([example]))
    torch.autograd.backward(emotion_loss(logits, shares, covered, torch.ones(1)))
    assert logits.grad is not None
    moved = {name for name, slope in zip(EMOTIONS, logits.grad[0], strict=True) if slope != 0}
    assert moved == {"anger", "joy", "sadness"}


def test_the_head_learns_what_the_vectors_say_and_its_confidence_is_honest() -> None:
    needs.torch()
    import torch

    from models.training.emotion import fit_head, judge

    random = np.random.default_rng(5)
    labels = ["joy", "anger", "neutral"]
    examples = [emotion_example(a_row("goemotions", labels[number % 3])) for number in range(8200)]
    known = [one for one in examples if one is not None]
    vectors = (np.eye(32)[np.arange(8200) % 3] + random.normal(scale=0.2, size=(8200, 32))).astype(np.float32)
    head = fit_head(vectors[:8000], known[:8000], seed=1)
    with torch.inference_mode():
        report = judge(head(torch.from_numpy(vectors[8000:])).numpy(), known[8000:], trained_on=8000)
    (group,) = report.sets
    assert (group.name, group.rows) == ("goemotions", 200)
    assert group.macro_f1 > 0.95
    assert report.calibration_error < 0.1
