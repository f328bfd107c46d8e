"""The annotator that settings ask for: the bundled model, a folder, a checkpoint, or an error that says what to do."""

import importlib.util
import random
import re
import shutil
from pathlib import Path

import pytest

from core.errors import Misconfigured
from core.settings import Settings
from nlp.annotator import Annotator, TextInput, load_annotator
from nlp.bundle import BUNDLED
from tests import needs
from tests.nlp.checkpoints import a_checkpoint

TEXTS = [
    "The parcel came three days late and nobody answers the phone!",
    "Excellent service, the staff were so friendly. The room was clean too.",
    "配送が遅い！でもサポートは親切でした。",
    "El camarero fue muy amable",
    "التطبيق سيء جدا ولا يعمل. الدعم لا يرد",
    "อาหารอร่อยมาก แต่รอนานมาก",
    "质量很好，物流太慢",
    "😡😡😡",
    "ok",
    "Die App stürzt ständig ab. Preis ist ok. Das Zimmer war laut und das Frühstück kalt. " * 8,
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def annotator(home: Path) -> Annotator:
    return load_annotator(Settings(home=home))


def test_the_bundled_model_tells_praise_from_complaint(annotator: Annotator) -> None:
    late, praise, *_ = annotator.annotate([TextInput(text) for text in TEXTS])
    assert (late.sentiment.label, praise.sentiment.label) == ("negative", "positive")
    assert (late.complaint.label, praise.complaint.label) == (True, False)
    assert late.model == annotator.model
    assert late.taxonomy == annotator.taxonomy.version


def test_the_bundled_model_answers_the_same_alone_and_in_any_batch(annotator: Annotator) -> None:
    together = annotator.annotate([TextInput(text) for text in TEXTS])
    assert together == [annotator.annotate([TextInput(text)])[0] for text in TEXTS]
    crowd = [*TEXTS, *(f"{text} {number}" for number in range(40) for text in TEXTS[:5])]
    order = random.Random(5).sample(range(len(crowd)), len(crowd))
    answers = dict(zip(order, annotator.annotate([TextInput(crowd[index]) for index in order]), strict=True))
    assert [answers[index] for index in range(len(TEXTS))] == together


def test_the_compiled_model_is_kept_below_home(annotator: Annotator, home: Path) -> None:
    assert annotator.engine
    assert any((home / "model-cache").iterdir())


def test_a_copy_of_the_bundle_is_a_model_too(annotator: Annotator, home: Path, tmp_path: Path) -> None:
    shutil.copytree(BUNDLED, tmp_path / "mine")
    mine = load_annotator(Settings(home=home, model=str(tmp_path / "mine")))
    assert mine.annotate([TextInput(TEXTS[0])]) == annotator.annotate([TextInput(TEXTS[0])])


def test_a_checkpoint_without_torch_says_what_to_install(home: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("torch"):
        pytest.skip("torch is installed here")
    with pytest.raises(Misconfigured, match=r"needs torch .* install the extra `gpu`, or set KOE_MODEL=bundled"):
        load_annotator(Settings(home=home, model=str(tmp_path)))
    with pytest.raises(Misconfigured, match="KOE_DEVICE=cuda needs torch"):
        load_annotator(Settings(home=home, device="cuda"))


def test_a_checkpoint_gives_the_sentiment_and_the_bundle_the_rest(annotator: Annotator, home: Path, tmp_path: Path) -> None:
    needs.torch()
    (tmp_path / "mood").mkdir()
    folder = a_checkpoint(tmp_path / "mood", ["negative", "neutral", "positive"])
    found = load_annotator(Settings(home=home, model=str(folder))).annotate([TextInput(text) for text in TEXTS])
    own = annotator.annotate([TextInput(text) for text in TEXTS])
    assert re.fullmatch(rf"mood@[0-9a-f]{{7}} \+ {annotator.model}", found[0].model)
    assert [(one.topics, one.complaint) for one in found] == [(one.topics, one.complaint) for one in own]
    assert [one.sentiment.scores for one in found] != [one.sentiment.scores for one in own]


def test_an_unknown_language_is_refused(home: Path) -> None:
    with pytest.raises(Misconfigured, match="KOE_LANGUAGES names tlh"):
        load_annotator(Settings(home=home, languages=("tlh",)))
