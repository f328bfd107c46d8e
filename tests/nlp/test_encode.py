"""Tokenizer and word vectors of the bundled model."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.bundle import BUNDLED, TOKENIZER, load_bundle
from nlp.encode import FEW, Tokenizer, WordVectors

TEXTS = ["The parcel never came!", "配送が遅い。返金してください", "التوصيل متأخر جدا", "खाना ठंडा था", "👍🏽👍🏽", "Größe passt nicht"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer((BUNDLED / TOKENIZER).read_bytes())


def test_ids_are_the_same_alone_and_together(tokenizer: Tokenizer) -> None:
    many = [f"{text} {number}" for number in range(FEW) for text in TEXTS]
    assert tokenizer.encode(many) == [tokenizer.encode([text])[0] for text in many]


def test_ordinary_texts_have_no_unknown_pieces_and_no_specials(tokenizer: Tokenizer) -> None:
    ids = {piece for text in tokenizer.encode(TEXTS) for piece in text}
    assert ids.isdisjoint({tokenizer.bos, tokenizer.eos, tokenizer.pad})
    assert max(ids) < tokenizer.size


@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "a\x00b", "\ud800", "\udfff lone", "a" + "\u0301" * 500, "\u202e\u200d\ufeff", "<s></s><pad>"]
)
def test_no_text_is_refused(tokenizer: Tokenizer, text: str) -> None:
    assert set(tokenizer.encode([text])[0]).isdisjoint({tokenizer.bos, tokenizer.eos, tokenizer.pad})


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_gives_ids_that_have_a_vector(tokenizer: Tokenizer, text: str) -> None:
    assert all(0 <= piece < tokenizer.size for piece in tokenizer.encode([text])[0])


def test_word_vectors_are_dequantised_as_their_layout_says(tmp_path: Path) -> None:
    path = tmp_path / "words.q4"
    scale = np.array([0.5], np.float16).view(np.uint8)
    nibbles = np.arange(16, dtype=np.uint8)
    path.write_bytes(np.concatenate([scale, nibbles | (15 - nibbles) << 4]).tobytes() * 2)
    rows = WordVectors(path, vocabulary=2, hidden=32).rows(np.array([[1]]))
    assert rows.shape == (1, 1, 32)
    assert rows[0, 0].tolist() == [*((np.arange(16) - 8) / 2), *((7 - np.arange(16)) / 2)]


def test_every_id_of_the_bundle_has_finite_vectors() -> None:
    bundle = load_bundle(BUNDLED)
    ends = bundle.words().rows(np.array([0, 1, bundle.tokenizer.size - 1]))
    assert ends.shape == (3, bundle.hidden)
    assert np.isfinite(ends).all()
