"""Words as they stand alone: rare ones count more, and a phrase is said where its words or their like are."""

import numpy as np
import pytest

from nlp.bundle import BUNDLED, Bundle, load_bundle
from nlp.wording import Phrases, Wording, Words


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(BUNDLED)


@pytest.fixture(scope="module")
def wording(bundle: Bundle) -> Wording:
    found = bundle.wording()
    assert found is not None
    return found


def words_of(text: str, bundle: Bundle, wording: Wording) -> Words:
    return wording.of(bundle.tokenizer.encode([text])[0])


def test_rare_words_count_more_than_common_ones(bundle: Bundle, wording: Wording) -> None:
    the, parcel = (words_of(word, bundle, wording).weights.max() for word in ("the", "parcel"))
    assert parcel > 2 * the


def test_a_phrase_is_said_where_its_words_are_and_less_where_others_are(bundle: Bundle, wording: Wording) -> None:
    phrases = Phrases([words_of(name, bundle, wording) for name in ("battery", "delivery time")])
    battery, parcel = (
        phrases.said_in(words_of(text, bundle, wording)) for text in ("The battery is empty.", "The delivery took a long time.")
    )
    assert battery[0] == pytest.approx(1, abs=1e-5)
    assert battery[0] > battery[1]
    assert parcel[1] > parcel[0]


def test_words_of_other_languages_are_heard(bundle: Bundle, wording: Wording) -> None:
    phrases = Phrases([words_of(name, bundle, wording) for name in ("battery", "camera", "price")])
    for text in ("Der Preis ist zu hoch.", "価格が高い"):
        assert phrases.said_in(words_of(text, bundle, wording)).argmax() == 2


def test_no_words_point_nowhere_and_say_nothing() -> None:
    none, some = Words(np.zeros((0, 3), np.float32), np.zeros(0, np.float32)), Words(np.eye(3, dtype=np.float32), np.ones(3, np.float32))
    assert not none.direction.any()
    assert Phrases([some]).said_in(none).tolist() == [0]
    assert Phrases([none, some]).said_in(some).tolist() == pytest.approx([0, 1])
