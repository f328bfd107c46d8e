"""The language of short, noisy texts, with both libraries."""

from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidInput, Misconfigured
from nlp.language import UNDETERMINED, LanguageDetector, Py3langid, language_code, open_detector

SENTENCES = {
    "en": "The package arrived late and nobody answered my calls.",
    "de": "Das Paket kam zu spät und niemand ging ans Telefon.",
    "es": "El paquete llegó tarde y nadie contestó mis llamadas.",
    "fr": "Le colis est arrivé en retard et personne ne répondait.",
    "pt": "A encomenda chegou atrasada e ninguém atendeu o telefone.",
    "ja": "荷物が遅れて届き、電話にも出ませんでした。",
    "zh": "包裹到得很晚，也没有人接电话。",
    "ko": "택배가 늦게 왔고 전화도 안 받아요.",
    "ar": "وصل الطرد متأخرا ولم يرد أحد على اتصالاتي.",
    "fa": "بسته دیر رسید و هیچ‌کس جواب تلفن را نداد.",
    "ru": "Посылка пришла слишком поздно, и ещё никто не отвечал на мои звонки.",
    "hi": "पैकेज देर से आया और किसी ने फोन नहीं उठाया।",
    "th": "พัสดุมาช้าและไม่มีใครรับโทรศัพท์",
    "he": "החבילה הגיעה באיחור ואף אחד לא ענה.",
    "el": "Το δέμα έφτασε αργά και κανείς δεν απάντησε.",
}


@pytest.fixture(params=["py3langid", "langdetect"])
def detector(request: pytest.FixtureRequest) -> LanguageDetector:
    library: Literal["py3langid", "langdetect"] = request.param
    return open_detector(library)


def test_names_the_language_of_a_sentence(detector: LanguageDetector) -> None:
    assert {code: detector.detect(text).code for code, text in SENTENCES.items()} == {code: code for code in SENTENCES}


def test_a_confidence_is_a_probability(detector: LanguageDetector) -> None:
    for text in SENTENCES.values():
        assert 0.3 < detector.detect(text).confidence <= 1.0


def test_no_letters_is_undetermined(detector: LanguageDetector) -> None:
    for text in ("", "😊😊", "123 !?", "https://a.example/der/die/das @der_die_das", "\ud800\x00"):
        assert detector.detect(text, ["ja"]) == UNDETERMINED


def test_the_prior_decides_what_chinese_and_japanese_write_alike(detector: LanguageDetector) -> None:
    assert detector.detect("最高", ["ja"]).code == "ja"
    assert detector.detect("最高", ["zh-TW"]).code == "zh"
    assert detector.detect("配送遅延").code == "ja"
    assert detector.detect("最高").code == detector.detect("接客良好").code == "ja"  # without a prior, words hint
    assert detector.detect("最高", ["fr", "zh"]).code == "zh"


def test_likelihoods_are_those_of_the_library() -> None:
    """What is read past the library's own list is what that list says."""
    ranker = Py3langid()
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    theirs = dict(LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True).rank(SENTENCES["de"]))
    ours = dict(zip(ranker.codes, ranker.likelihoods(SENTENCES["de"]).tolist(), strict=True))
    assert all(ours[code] == pytest.approx(theirs[code]) for code in ("de", "en", "nl", "fr"))


def test_the_prior_does_not_overrule_the_text(detector: LanguageDetector) -> None:
    assert detector.detect(SENTENCES["en"], ["de"]).code == "en"
    assert detector.detect("质量很好", ["ja"]).code == "zh"
    assert detector.detect("最高です", ["zh"]).code == "ja"


def test_the_prior_decides_where_the_text_leaves_doubt() -> None:
    detector = open_detector("py3langid")
    assert detector.detect("super", ["de"]).code == "de"
    assert detector.detect("no", ["es"]).code == "es"
    assert detector.detect("ok", ["ja"]).code == "ja"
    assert detector.detect("ok") == UNDETERMINED


def test_answers_only_the_configured_languages() -> None:
    restricted = open_detector("py3langid", ("en", "ja"))
    assert restricted.detect("pas de problème").code == "en"
    assert restricted.detect("最高").code == "ja"
    assert restricted.detect(SENTENCES["th"]) == UNDETERMINED


def test_an_unknown_configured_language_says_which_are_known() -> None:
    with pytest.raises(Misconfigured, match=r"KOE_LANGUAGES names tlh.*\bja\b"):
        open_detector("py3langid", ("en", "tlh"))


def test_threads_get_the_same_answers(detector: LanguageDetector) -> None:
    texts = [*SENTENCES.values()] * 4
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(detector.detect, texts)) == [detector.detect(text) for text in texts]


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(codec=None)), st.lists(st.sampled_from(["ja", "zh-TW", "xx", ""]), max_size=2))
def test_never_raises(text: str, priors: list[str]) -> None:
    for library in ("py3langid", "langdetect"):
        found = open_detector(library).detect(text, priors)
        assert 0.0 <= found.confidence <= 1.0


def test_reads_the_codes_that_callers_send() -> None:
    assert [language_code(text) for text in ("ja", "pt-BR", "zh_Hant", " EN ", "nb", "fil")] == ["ja", "pt", "zh", "en", "no", "fil"]
    for wrong in ("", "e", "english", "日本", "12"):
        with pytest.raises(InvalidInput, match="ISO 639"):
            language_code(wrong)
