"""Texts that were made to break things: each is annotated, takes nothing along, and its evidence points into the text as given."""

from functools import cache

import pytest

from nlp.annotator import Annotator, TextInput
from store.records import LONGEST_TEXT
from tests.nlp.fakes import fake_annotator, fake_bundle

HOSTILE = {
    "control characters": "".join(map(chr, range(32))) * 20 + "late",
    "lone surrogates": "\ud800 late \udfff" * 500,
    "U+0000": "\x00" * 1_000 + "late",
    "one token over and over": "late " * (LONGEST_TEXT // 5),
    "zalgo": ("z" + "".join(map(chr, range(0x300, 0x340)))) * (LONGEST_TEXT // 65),
    "emoji": "😀" * LONGEST_TEXT,
    "right-to-left marks": "\u202e\u200f\u2066late\u2069" * 2_000,
    "white space": " \t\n\u3000\u2028" * 4_000,
    "punctuation": "!?.,;:-" * 2_800,
    "mixed scripts": "late遅いпоздноمتأخرสาย늦다" * 500,
}
SPOKEN = {
    "ja": "配送が遅い。箱も壊れていた！でもサポートは親切でした。",
    "ar": "وصل الطرد متأخرا. الصندوق مكسور! لكن الدعم كان لطيفا.",
    "th": "ของมาช้ามาก! กล่องก็พัง\nแต่พนักงานน่ารัก",
    "emoji": "Late 👨‍👩‍👧‍👦👍🏽! Broken 🏳️‍🌈. But kind ❤️‍🔥",
    "marks": "E\u0301norme retard\u0300! Boi\u0302te casse\u0301e. Support gentil.",
}


@cache
def an_annotator() -> Annotator:
    return fake_annotator(bundle=fake_bundle(thresholds=0.05))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_text_is_annotated_and_changes_nothing_beside_it(what: str) -> None:
    text, neighbour = TextInput(HOSTILE[what]), TextInput("The parcel came late.")
    together = an_annotator().annotate([neighbour, text, neighbour])
    alone = [an_annotator().annotate([one])[0] for one in (neighbour, text)]
    assert together == [alone[0], alone[1], alone[0]]
    for mention in together[1].topics:
        assert all(0 <= span.start < span.end <= len(text.text) for span in mention.evidence)


@pytest.mark.parametrize("script", SPOKEN)
def test_evidence_counts_code_points_of_the_text_as_given(script: str) -> None:
    lead = "  😀\u200b "
    plain, moved = (an_annotator().annotate([TextInput(text, language="en")])[0] for text in (SPOKEN[script], SPOKEN[script] + lead))
    assert any(mention.evidence for mention in plain.topics)
    for mention in (*plain.topics, *moved.topics):
        for span in mention.evidence:
            said = (SPOKEN[script] + lead)[span.start : span.end]
            assert said
            assert said == said.strip()
