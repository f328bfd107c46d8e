"""The torch side: the bundled body gives the answers of the int8 one, and checkpoints of transformers are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nlp.bundle import BUNDLED, Bundle, ModelInvalid, load_bundle
from tests import needs

if TYPE_CHECKING:
    from nlp.torch_backend import SentimentCheckpoint

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


def test_a_text_has_the_same_states_alone_and_in_a_batch(bundle: Bundle) -> None:
    backend = bundle.open_torch_backend("cpu")
    windows = [[bundle.tokenizer.bos, *text, bundle.tokenizer.eos] for text in bundle.tokenizer.encode(TEXTS)]
    for window, together in zip(windows, backend.states(windows), strict=True):
        assert backend.states([window])[0] == pytest.approx(together, abs=1e-4)


def a_checkpoint(folder: Path, labels: list[str]) -> Path:
    """A tiny untrained BERT that knows a few words."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "the", "parcel"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def opened(folder: Path) -> SentimentCheckpoint:
    from nlp.torch_backend import load_checkpoint

    return load_checkpoint(str(folder), "cpu")


def test_a_folder_with_a_checkpoint_scores_texts(tmp_path: Path) -> None:
    checkpoint = opened(a_checkpoint(tmp_path, ["positive", "negative", "neutral"]))
    scores = checkpoint.scores(["good parcel", "bad", "", "x " * 500, "\ud800"])
    assert scores.shape == (5, 3)
    assert scores.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert np.array_equal(scores[1], checkpoint.scores(["bad"])[0])
    assert checkpoint.scores([]).shape == (0, 3)


def test_labels_are_put_in_our_order(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    checkpoint = opened(a_checkpoint(tmp_path / "one", ["positive", "negative"]))
    assert checkpoint.scores(["good"])[0, 1] == 0


def test_stars_are_added_up(tmp_path: Path) -> None:
    scores = opened(a_checkpoint(tmp_path, [f"{number} stars" for number in range(1, 6)])).scores(["good"])
    assert scores.sum() == pytest.approx(1, abs=1e-5)


def test_labels_that_are_no_sentiments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="cannot be read as sentiments"):
        opened(a_checkpoint(tmp_path, ["sports", "politics"]))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="no sequence-classification checkpoint could be opened"):
        opened(tmp_path)
