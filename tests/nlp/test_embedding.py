"""Directions in bytes keep their angles, and a text has the same one alone and in a batch."""

import numpy as np

from nlp.annotator import TextInput
from nlp.embedding import nearest, numbers_of, packed, unpacked
from tests.nlp.fakes import fake_annotator, fake_bundle

TEXTS = ["The parcel came late.", "届かない。返金して！", "so good", "", "Nobody answers. Never again!"]


def test_bytes_keep_the_angle() -> None:
    vectors = np.random.default_rng(3).normal(size=(50, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    back = unpacked(packed(vectors))
    assert ((back * vectors).sum(axis=1) > 0.9999).all()
    assert np.allclose(np.linalg.norm(back, axis=1), 1, atol=1e-5)


def test_a_vector_without_direction_is_like_nothing() -> None:
    zero, other = packed(np.array([[0, 0], [1, 1]], np.float32))
    assert nearest(zero, [zero, other], most=2) == [(0, 0.0), (1, 0.0)]


def test_the_nearest_come_first_and_equals_in_their_order() -> None:
    one, turned, opposite = packed(np.array([[1, 0], [1, 1], [-1, 0]], np.float32))
    assert nearest(one, [opposite, turned, one, one], most=3) == [(2, 1.0), (3, 1.0), (1, 0.70711)]
    assert nearest(one, [], most=3) == []


def test_what_is_answered_has_length_one() -> None:
    assert numbers_of(packed(np.array([[3, 4]], np.float32))[0]) == [0.59899, 0.80076]


def test_a_text_has_the_same_embedding_alone_and_in_a_batch() -> None:
    annotator = fake_annotator(bundle=fake_bundle(embeds=True))
    together = annotator.annotate([TextInput(text) for text in TEXTS * 9])
    alone = [annotator.annotate([TextInput(text)])[0] for text in TEXTS]
    assert [one.embedding for one in together] == [one.embedding for one in alone] * 9
    assert {one.embedding.space for one in alone if one.embedding} == {annotator.space}


def test_a_model_without_that_head_gives_none() -> None:
    assert fake_annotator().annotate([TextInput("so good")])[0].embedding is None
