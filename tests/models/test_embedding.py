"""The embedding head: what it is fitted on, what it begins as, and that a model folder with it is whole."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from tests import needs


@pytest.fixture(autouse=True)
def with_training_libraries() -> None:
    needs.torch()


def a_row(text: str, language: str, category: str) -> dict[str, object]:
    return {
        "text": text, "lang": language, "source": "m_absa", "split": "dev", "variant": "hotel", "aspects": [["NULL", category, "positive"]],
    }  # fmt: skip


def test_translations_are_rows_that_alone_bear_the_same_labels_and_numerals(tmp_path: Path) -> None:
    from models.training.parallel import translations

    rows = [
        a_row("room 12 was nice", "en", "rooms general"), a_row("Zimmer 12 war schön", "de", "rooms general"),
        a_row("nice place", "en", "location general"), a_row("schöner Ort", "de", "location general"),
        a_row("tolle Lage", "de", "location general"),
    ]  # fmt: skip
    with gzip.open(tmp_path / "m_absa.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    assert translations(tmp_path, split="dev") == [{"en": "room 12 was nice", "de": "Zimmer 12 war schön"}]


def test_names_of_sets_that_measure_are_never_learnt() -> None:
    from models.training.embedding_rows import names_of, readable

    assert readable("Battery/Longevity#Charging_Speed") == "battery longevity charging speed"
    assert names_of({"source": "banking77", "topics": ["lost_card"]}) == []
    assert names_of({"source": "m_absa", "variant": "phone", "topics": ["Screen#General"]}) == []
    assert "rooms cleanliness" in names_of({"source": "m_absa", "variant": "hotel", "topics": ["rooms cleanliness", "polarity positive"]})


def test_a_head_begins_as_the_best_linear_map() -> None:
    import torch

    from models.training.embedding import centred, embed, linear_start

    random = np.random.default_rng(1)
    vectors = random.normal(size=(4000, 24)).astype(np.float32)
    wanted = centred((vectors @ random.normal(size=(24, 24))).astype(np.float32))
    with torch.no_grad():
        got = embed(linear_start(vectors, wanted), torch.from_numpy(vectors)).numpy()
    assert (got * wanted).sum(axis=1).mean() > 0.97


def test_targets_come_back_from_their_cache(tmp_path: Path) -> None:
    from models.training.embedding import Targets, read_targets, write_targets
    from models.training.embedding_rows import EmbeddingRows

    kept = Targets(EmbeddingRows(["a", "ä"], [[0, 1]], {0: [1]}), np.eye(2, 4, dtype=np.float32))
    write_targets(kept, tmp_path / "targets.npz")
    found = read_targets(tmp_path / "targets.npz")
    assert found.rows == kept.rows
    assert (found.vectors == kept.vectors).all()
