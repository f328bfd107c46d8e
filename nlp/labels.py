"""Reads the label names of foreign checkpoints as negative, neutral or positive, whatever language or scale they use."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nlp.bundle import ModelInvalid

SPELLINGS = {
    0: """negative neg negativ negativo negativa négatif négative negatif negatief negativni negatívny negatívna negativní negatywny
    negatywne negativt отрицательный отрицательная негативный негатив olumsuz ネガティブ 否定的 悪い 消极 负面 負面 差评 差評 부정 سلبي
    नकारात्मक เชิงลบ n bearish bad unhappy sad""",
    1: """neutral neu neutro neutra neutre neutraal neutralni neutrálny neutrální neutralny neutralt nötr tarafsız нейтральный нейтрально
    netral ニュートラル 普通 中立 中性 中评 中評 중립 محايد तटस्थ เป็นกลาง none mixed objective""",
    2: """positive pos positiv positivo positiva positif positief pozitivni pozitívny pozitívna pozitivní pozytywny pozytywne positivt
    положительный положительная позитивный позитив olumlu ポジティブ 肯定的 良い 积极 正面 好评 好評 긍정 إيجابي सकारात्मक เชิงบวก
    p bullish good happy""",
}
PHRASES = {"tiêu cực": 0, "trung tính": 1, "tích cực": 2}
BY_NAME = {word: column for column, words in SPELLINGS.items() for word in words.split()} | PHRASES
DEGREE = re.compile(
    r"(?:very|extremely|strongly|highly|mostly|somewhat|slightly|weakly|weak|strong|sehr|leicht|très|muy|muito|molto|очень|非常|とても) ?"
)
SEPARATORS = re.compile(r"[\s_\-/:]+")
SCALES = {2: (0, 2), 3: (0, 1, 2), 5: (0, 0, 1, 2, 2)}  # numbered labels rise from worst to best
NUMBERED = re.compile(
    r"(?:(?:label|class|stars?|rating|score|星)[_ ]?)?([+-]?\d+)"
    r"[_ ]?(?:stars?|sterne?|estrellas?|étoiles?|estrelas?|stelle|звезд[аы]?|つ星|星|점|★)?",
    re.IGNORECASE,
)
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
    found = [_column(SEPARATORS.sub(" ", label).strip().casefold()) for label in labels]
    known = [column for column in found if column is not None]
    return known if len(known) == len(labels) else None


def _column(label: str) -> int | None:
    return BY_NAME.get(label, BY_NAME.get(DEGREE.sub("", label, count=1)))


def _by_number(labels: Sequence[str]) -> list[int] | None:
    matches = [NUMBERED.fullmatch(label.strip()) for label in labels]
    numbers = [int(match.group(1)) for match in matches if match]
    scale = SCALES.get(len(labels))
    if scale is None or len(numbers) != len(labels) or sorted(numbers) != list(range(min(numbers), min(numbers) + len(labels))):
        return None
    return [scale[number - min(numbers)] for number in numbers]
