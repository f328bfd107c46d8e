"""The torch side: the bundled body gives the answers of the int8 one, and checkpoints of transformers are read."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.texts import some_texts
from nlp.annotator import Annotator, TextInput
from nlp.bundle import BUNDLED, Bundle, load_bundle
from nlp.topics import load_taxonomy
from store.records import SENTIMENTS
from tests import needs
from tests.nlp.checkpoints import MAKERS, a_checkpoint, as_pickle, edit_config
from tests.nlp.fakes import a_detector

if TYPE_CHECKING:
    from nlp.torch_backend import SentimentCheckpoint

TOLERANCE = 0.1  # of a probability, as docs/configuration.md says
TEXTS = ["The parcel never came!", "とても美味しい料理でした。", "Das Personal war freundlich, aber das Zimmer war laut.", "ok"]


@pytest.fixture(autouse=True)
def with_torch() -> None:
    needs.torch()


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(BUNDLED)


def test_torch_and_openvino_agree_on_the_bundled_model(bundle: Bundle) -> None:
    ids = bundle.tokenizer.encode(TEXTS)
    windows = [[bundle.tokenizer.bos, *text, bundle.tokenizer.eos] for text in ids]
    pooled = [
        np.stack([s[1:-1].mean(axis=0) for s in b.states(windows)]) for b in (bundle.open_backend(), bundle.open_torch_backend("cpu"))
    ]
    int8, float32 = (bundle.heads.sentiment(vectors) for vectors in pooled)
    assert int8 == pytest.approx(float32, abs=0.1)
    assert int8.argmax(axis=1).tolist() == float32.argmax(axis=1).tolist()


def test_a_text_has_the_very_same_states_alone_and_in_a_batch(bundle: Bundle) -> None:
    backend = bundle.open_torch_backend("cpu")
    windows = [[bundle.tokenizer.bos, *text, bundle.tokenizer.eos] for text in bundle.tokenizer.encode(TEXTS)]
    for window, together in zip(windows, backend.states(windows), strict=True):
        assert np.array_equal(backend.states([window])[0], together)


def test_both_engines_give_an_annotator_the_same_answers(bundle: Bundle) -> None:
    texts = [TextInput(text) for text in some_texts(24, seed=3)]
    int8, float32 = (
        Annotator(bundle, backend, a_detector(), load_taxonomy()).annotate(texts)
        for backend in (bundle.open_backend(), bundle.open_torch_backend("cpu"))
    )
    assert sum(one.sentiment.label == other.sentiment.label for one, other in zip(int8, float32, strict=True)) >= 23
    assert sum(one.complaint.label == other.complaint.label for one, other in zip(int8, float32, strict=True)) >= 22
    gaps = [
        abs(one.sentiment.scores[label] - other.sentiment.scores[label])
        for one, other in zip(int8, float32, strict=True)
        for label in SENTIMENTS
    ]
    assert max(gaps) <= TOLERANCE
    assert [one.language for one in int8] == [one.language for one in float32]


def opened(place: Path | str) -> SentimentCheckpoint:
    from nlp.torch_backend import load_checkpoint

    return load_checkpoint(place, "cpu", download=False)


@pytest.mark.parametrize("weights", ["safetensors", "pickle"])
@pytest.mark.parametrize("architecture", MAKERS)
def test_a_folder_with_a_checkpoint_scores_texts(architecture: str, weights: str, tmp_path: Path) -> None:
    folder = MAKERS[architecture](tmp_path)
    checkpoint = opened(as_pickle(folder) if weights == "pickle" else folder)
    scores = checkpoint.scores(["good parcel", "bad", "", "x " * 500, "\ud800"])
    assert scores.shape == (5, 3)
    assert scores.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert np.array_equal(scores[1], checkpoint.scores(["bad"])[0])
    assert checkpoint.scores([]).shape == (0, 3)


def test_labels_are_put_in_our_order(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    checkpoint = opened(a_checkpoint(tmp_path / "one", ["positive", "negative"]))
    assert checkpoint.scores(["good"])[0, 1] == 0


def test_any_order_of_labels_gives_the_same_answer(tmp_path: Path) -> None:
    from transformers import set_seed

    orders = ["negative", "neutral", "positive"], ["POS", "NEG", "NEU"]
    scores = []
    for number, labels in enumerate(orders):
        (tmp_path / str(number)).mkdir()
        set_seed(0)
        scores.append(opened(a_checkpoint(tmp_path / str(number), labels)).scores(["good parcel"])[0])
    assert scores[1].tolist() == pytest.approx([scores[0][1], scores[0][2], scores[0][0]])


def test_stars_are_added_up(tmp_path: Path) -> None:
    scores = opened(a_checkpoint(tmp_path, [f"{number} stars" for number in range(1, 6)])).scores(["good"])
    assert scores.sum() == pytest.approx(1, abs=1e-5)


def test_a_checkpoint_is_another_model_once_it_is_trained_again(tmp_path: Path) -> None:
    folder = tmp_path / "mood"
    folder.mkdir()
    first = opened(a_checkpoint(folder)).name
    assert re.fullmatch("mood@[0-9a-f]{7}", first)
    (folder / "optimizer.pt").write_bytes(b"what training keeps")
    (folder / "trainer_state.json").write_text("{}")
    (tmp_path / "present").symlink_to(folder)
    shutil.copytree(folder, tmp_path / "elsewhere" / "mood")
    same = [opened(path).name for path in (folder, tmp_path / "present", tmp_path / "elsewhere" / "mood")]
    assert same == [first] * 3
    again = opened(a_checkpoint(folder)).name
    assert (again != first, again.split("@")[0]) == (True, "mood")
    edit_config(folder, id2label={"0": "positive", "1": "neutral", "2": "negative"})
    assert opened(folder).name not in {first, again}


def test_a_checkpoint_of_the_hub_bears_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    commit, cached = "1a2b3c4d" * 5, tmp_path / "models--acme--mood"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(commit)
    (cached / "snapshots" / commit).mkdir(parents=True)
    a_checkpoint(cached / "snapshots" / commit)
    assert opened("acme/mood").name == "acme/mood@1a2b3c4"
