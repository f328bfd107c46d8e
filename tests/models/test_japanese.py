"""The Japanese test set: enough of everything, no text twice, and nothing that training could read."""

import ast
import json
from collections import Counter
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path

import pytest

from store.records import SENTIMENTS

MODELS = Path(__file__).parents[2] / "models"
ROWS = [json.loads(line) for line in (MODELS / "evaluation" / "japanese.jsonl").read_text(encoding="utf-8").splitlines()]
PHENOMENA = {
    "plain_complaint", "polite_complaint", "hidden_anger", "praise", "praise_with_wish", "request", "question", "negation", "contrast",
    "kanji_only", "half_width", "kaomoji_emoji", "slang", "sarcasm", "dialect", "keigo_praise", "numbers_stars",
}  # fmt: skip


def test_has_at_least_ten_sentences_of_each_phenomenon() -> None:
    counts = Counter(row["phenomenon"] for row in ROWS)
    assert len(ROWS) >= 200
    assert set(counts) == PHENOMENA
    assert min(counts.values()) >= 10


def test_every_row_is_whole() -> None:
    for row in ROWS:
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


def test_no_set_that_trains_is_called_like_it() -> None:
    mix = json.loads((MODELS / "training" / "mix.json").read_text(encoding="utf-8"))["sets"]
    assert "japanese" not in mix
