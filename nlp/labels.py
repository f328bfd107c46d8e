"""Reads the label names of foreign checkpoints as negative, neutral or positive, whatever language or scale they use."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nlp.bundle import ModelInvalid

SPELLINGS = {
    0: """negative neg negativ negativo negativa négatif negatif negatief negatywny negatywne отрицательный отрицательная негативный негатив
    olumsuz ネガティブ 否定的 消极 负面 負面 부정 سلبي नकारात्मक เชิงลบ bad unhappy sad""",
    1: """neutral neu neutro neutra neutre neutraal neutralny nötr tarafsız нейтральный нейтрально netral ニュートラル 中立 中性 중립 محايد
    तटस्थ เป็นกลาง mixed objective""",
    2: """positive pos positiv positivo positiva positif positief pozytywny pozytywne положительный положительная позитивный позитив
    olumlu ポジティブ 肯定的 积极 正面 긍정 إيجابي सकारात्मक เชิงบวก good happy""",
}
PHRASES = {"tiêu cực": 0, "trung tính": 1, "tích cực": 2, "very negative": 0, "very positive": 2}
BY_NAME = {word: column for column, words in SPELLINGS.items() for word in words.split()} | PHRASES
SCALES = {2: (0, 2), 3: (0, 1, 2), 5: (0, 0, 1, 2, 2)}  # numbered labels rise from worst to best
NUMBERED = re.compile(r"(?:label[_ ]?)?(\d+)(?: ?(?:stars?|sterne?|estrellas?|étoiles?|stelle|つ星|星))?", re.IGNORECASE)
VALID = "negative / neutral / positive (or pos / neg, in the usual languages), LABEL_0.. with 2, 3 or 5 labels, 1 star .. 5 stars"


def sentiment_matrix(model: str, labels: Sequence[str]) -> NDArray[np.float32]:
    """(labels, 3) zeros and ones that add up a checkpoint's probabilities to negative, neutral, positive. ModelInvalid for other labels."""
    columns = _by_name(labels) or _by_number(labels)
    if columns is None or not {0, 2} <= set(columns):
        raise ModelInvalid(f"{model}: its labels {list(labels)} cannot be read as sentiments; expected {VALID}")
    matrix = np.zeros((len(labels), 3), np.float32)
    matrix[np.arange(len(labels)), columns] = 1
    return matrix


def _by_name(labels: Sequence[str]) -> list[int] | None:
    found = [BY_NAME.get(re.sub(r"[\s_-]+", " ", label).strip().casefold()) for label in labels]
    known = [column for column in found if column is not None]
    return known if len(known) == len(labels) else None


def _by_number(labels: Sequence[str]) -> list[int] | None:
    matches = [NUMBERED.fullmatch(label.strip()) for label in labels]
    numbers = [int(match.group(1)) for match in matches if match]
    scale = SCALES.get(len(labels))
    if scale is None or len(numbers) != len(labels) or sorted(numbers) != list(range(min(numbers), min(numbers) + len(labels))):
        return None
    return [scale[number - min(numbers)] for number in numbers]
