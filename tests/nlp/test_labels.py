"""Label names of the wild, read as sentiments."""

import pytest

from nlp.bundle import ModelInvalid
from nlp.labels import sentiment_matrix


@pytest.mark.parametrize(
    ("labels", "columns"),
    [
        (["negative", "neutral", "positive"], [0, 1, 2]),
        (["POS", "NEU", "NEG"], [2, 1, 0]),
        (["LABEL_0", "LABEL_1", "LABEL_2"], [0, 1, 2]),
        (["LABEL_0", "LABEL_1"], [0, 2]),
        (["1 star", "2 stars", "3 stars", "4 stars", "5 stars"], [0, 0, 1, 2, 2]),
        (["Very Negative", "Negative", "Neutral", "Positive", "Very Positive"], [0, 0, 1, 2, 2]),
        (["négatif", "positif"], [0, 2]),
        (["ポジティブ", "ニュートラル", "ネガティブ"], [2, 1, 0]),
        (["积极", "消极"], [2, 0]),
        (["olumlu", "olumsuz", "nötr"], [2, 0, 1]),
        (["tích_cực", "tiêu_cực", "trung_tính"], [2, 0, 1]),
        (["very_negative", "somewhat negative", "neutral", "Slightly-Positive", "extremely positive"], [0, 0, 1, 2, 2]),
        (["-1", "0", "1"], [0, 1, 2]),
        (["star_1", "star_2", "star_3", "star_4", "star_5"], [0, 0, 1, 2, 2]),
        (["5星", "4星", "3星", "2星", "1星"], [2, 2, 1, 0, 0]),
        (["N", "NEU", "P"], [0, 1, 2]),
        (["差评", "中评", "好评"], [0, 1, 2]),
        (["부정", "중립", "긍정"], [0, 1, 2]),
        (["سلبي", "محايد", "إيجابي"], [0, 1, 2]),
        (["негативный", "нейтральный", "позитивный"], [0, 1, 2]),
        (["Очень негативный", "негативный", "нейтральный", "позитивный", "очень позитивный"], [0, 0, 1, 2, 2]),
        (["bearish", "bullish"], [0, 2]),
    ],
)
def test_reads_the_usual_spellings(labels: list[str], columns: list[int]) -> None:
    matrix = sentiment_matrix("some/model", labels)
    assert matrix.argmax(axis=1).tolist() == columns
    assert matrix.sum() == len(labels)


@pytest.mark.parametrize(
    "labels", [["joy", "anger"], ["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3"], ["positive"], ["neutral", "positive"], []]
)
def test_says_which_labels_it_cannot_read(labels: list[str]) -> None:
    with pytest.raises(
        ModelInvalid, match=r"some/model: its labels .* cannot be read as sentiments; expected negative / neutral / positive"
    ):
        sentiment_matrix("some/model", labels)
