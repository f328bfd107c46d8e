"""The Japanese test set: enough of everything, no text twice, nothing that training could read; and what we wrote to train, another set."""

import ast
import json
import unicodedata
from collections import Counter
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from models.training.data import mix, own_rows
from store.records import SENTIMENTS

MODELS = Path(__file__).parents[2] / "models"
ROWS = [json.loads(line) for line in (MODELS / "evaluation" / "japanese.jsonl").read_text(encoding="utf-8").splitlines()]
TRAINING = list(own_rows(MODELS / "training" / "japanese.jsonl", "own_ja"))
ALIKE = 0.4  # of the groups of three characters that two sentences have between them, those they share; set phrases alone reach 0.3
PHENOMENA = {
    "plain_complaint", "polite_complaint", "hidden_anger", "praise", "praise_with_wish", "request", "question", "negation", "contrast",
    "kanji_only", "half_width", "kaomoji_emoji", "slang", "sarcasm", "dialect", "keigo_praise", "numbers_stars",
}  # fmt: skip


def test_has_at_least_ten_sentences_of_each_phenomenon() -> None:
    counts = Counter(row["phenomenon"] for row in ROWS)
    assert len(ROWS) >= 200
    assert set(counts) == PHENOMENA
    assert min(counts.values()) >= 10


@pytest.mark.parametrize("rows", [ROWS, TRAINING], ids=["test", "training"])
def test_every_row_is_whole(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert row["lang"] == "ja"
        assert row["sentiment"] in SENTIMENTS
        assert isinstance(row["complaint"], bool)
        assert not (row["complaint"] and row["sentiment"] == "positive")


def test_no_sentence_is_nearly_another() -> None:
    texts = [row["text"] for row in ROWS if len(row["text"]) > 8]
    assert len({row["text"] for row in ROWS}) == len(ROWS)
    # The cheap bounds first: thousands of pairs, of which few could be alike.
    alike = [
        (one, other)
        for one, other in combinations(texts, 2)
        if (matcher := SequenceMatcher(None, one, other, autojunk=False)).real_quick_ratio() > 0.8
        and matcher.quick_ratio() > 0.8
        and matcher.ratio() > 0.8
    ]
    assert alike == []


@pytest.mark.parametrize("path", sorted((MODELS / "training").glob("*.py")), ids=lambda path: path.name)
def test_training_code_cannot_read_it(path: Path) -> None:
    """Training reads the data folder by the names of its sets, and no file beside its own: it names neither this set nor its folder."""
    named = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert not any("japanese" in text or ("evaluation" in text and "/" in text) for text in named)


def test_no_set_that_trains_is_called_like_it_or_lies_beside_it() -> None:
    assert "japanese" not in mix()
    own = [entry["file"] for entry in mix().values() if "file" in entry]
    assert own
    assert all((MODELS / "training" / name).resolve().parent == MODELS / "training" for name in own)


def test_training_has_every_phenomenon_and_each_formula_both_ways() -> None:
    """Whoever always complains politely teaches that politeness complains: each phrase is heard from the content and the neutral too."""
    assert {row["phenomenon"] for row in TRAINING} == PHENOMENA
    for phrase in ("いただけると", "幸いです", "恐れ入り", "おかげ", "さすが", "もう結構", "くださるとは"):
        complaining = Counter(row["complaint"] for row in TRAINING if phrase in row["text"])
        assert len(complaining) == 2, phrase


def test_no_sentence_of_training_is_nearly_one_of_the_test() -> None:
    measured = [(row["text"], _threes(row["text"])) for row in ROWS]
    for row in TRAINING:
        threes = _threes(row["text"])
        alike = [text for text, others in measured if len(threes & others) > ALIKE * len(threes | others)]
        assert alike == [], row["text"]


def _threes(text: str) -> set[str]:
    """Its groups of three characters, widths and blanks aside."""
    plain = "".join(unicodedata.normalize("NFKC", text).split())
    return {plain[at : at + 3] for at in range(max(1, len(plain) - 2))}
