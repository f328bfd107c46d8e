"""What custom topics are told by: which rows teach it, what a played workspace sees, and that the bundled model has it."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest

from nlp.bundle import BUNDLED, load_bundle
from nlp.custom_topics import Background, Reading, TopicScorer, place
from nlp.heads import WORDS_MIDDLE
from nlp.wording import Words, units
from tests import needs

WIDTH = 12


@pytest.fixture(autouse=True)
def with_training_libraries() -> None:
    needs.torch()


def a_row(at: int, language: str, label: str, *, variant: str = "hotel", split: str = "dev") -> dict[str, object]:
    return {"text": f"{at} {language}", "lang": language, "source": "m_absa", "split": split, "variant": variant, "topics": [label]}


def test_what_custom_topics_are_measured_on_fits_nothing(tmp_path: Path) -> None:
    from models.training.custom_topics import development_rows
    from models.training.data import mix

    rows = [a_row(0, "en", "rooms"), a_row(1, "en", "Screen#General", variant="phone"), a_row(2, "en", "rooms", split="train")]
    for source in mix():
        with gzip.open(tmp_path / f"{source}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps({**row, "source": source}) + "\n" for row in rows)
    found = development_rows(tmp_path)
    assert "banking77" not in found
    assert [row["text"] for row in found["m_absa"]] == ["0 en"]


def test_examples_and_what_is_judged_never_translate_each_other() -> None:
    from models.training.custom_topics import fields

    [field] = fields({"m_absa": [a_row(at, language, f"rooms {at % 3}") for language in ("en", "de") for at in range(40)]})
    numbers = [{row.text.split()[0] for row in part} for part in (field.pool, field.judged)]
    assert not numbers[0] & numbers[1]
    assert {row.language for row in field.pool} == {"en"}
    assert {row.language for row in field.judged} == {"en", "de"}
    assert field.names() == ["rooms 0", "rooms 1", "rooms 2"]


def test_a_threshold_keeps_enough_of_what_is_found_right() -> None:
    from models.training.custom_topics import threshold_of

    probabilities = np.array([0.9, 0.8, 0.7, 0.35, 0.3, 0.3, 0.3, 0.3], np.float32)
    present = np.array([1, 1, 1, 0, 1, 0, 0, 0], bool)
    assert 0.35 < threshold_of(probabilities, present, least_precision=0.9) <= 0.6
    assert threshold_of(probabilities, present | True, least_precision=0.9) < 0.3


def a_reading(meaning: int, random_numbers: np.random.Generator) -> Reading:
    vector = random_numbers.normal(size=WIDTH).astype(np.float32)
    vector[meaning] += 6
    words = units(random_numbers.normal(size=(4, WIDTH)).astype(np.float32))
    return Reading(units(vector[np.newaxis])[0], Words(words, np.ones(4, np.float32)))


def test_the_odds_of_played_workspaces_find_their_topics() -> None:
    from models.training.custom_topics import Field, Labelled, Player, odds_of

    numbers = np.random.default_rng(1)
    names = [f"topic {axis}" for axis in range(4)]
    labelled = [Labelled(f"text {row}", "en", frozenset({names[row % 4]})) for row in range(240)]
    others = [("elsewhere", f"other {row}") for row in range(120)]
    readings = {name: a_reading(axis, numbers) for axis, name in enumerate(names)}
    readings |= {row.text: a_reading(at % 4, numbers) for at, row in enumerate(labelled)}
    readings |= {text: a_reading(4 + at % 8, numbers) for at, (_, text) in enumerate(others)}
    ordinary = np.stack([place(a_reading(4 + at % 8, numbers)) for at in range(300)])
    background = Background(ordinary, np.zeros(2 * WIDTH, np.float32), np.zeros((3, 4, TopicScorer.FEATURES + 2), np.float32))
    player = Player([Field("here", labelled[:120], labelled[120:])], others, readings, background)
    played = player.play(4, 2, random.Random(1))
    odds = odds_of(played, many=False)
    features = np.concatenate([one.scorer.features(one.evidence).reshape(-1, TopicScorer.FEATURES) for one in played])
    present = np.concatenate([one.present.ravel() for one in played])
    said = features @ odds[:-2] + odds[-2] >= np.log(odds[-1] / (1 - odds[-1]))
    assert present.any()
    assert (said == present).mean() > 0.95
    assert not odds_of(played, many=True)[:4].any()


def test_the_bundled_model_finds_custom_topics_and_its_words_count_from_their_middle() -> None:
    from models.training.custom_topics import middle_of

    bundle = load_bundle(BUNDLED)
    assert Background.of(bundle.heads) is not None
    stored = bundle.heads.array(WORDS_MIDDLE)
    assert stored is not None
    assert np.allclose(middle_of(bundle.words(), bundle.tokenizer), stored, atol=1e-5)
