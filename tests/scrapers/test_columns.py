"""Names of columns in many languages, and what a guess does when the cells disagree with the name."""

from datetime import time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from core.errors import InvalidInput
from scrapers.cells import attribute_cell, number_cell, plain_cell, rating_cell
from scrapers.columns import Columns, guess_mapping, key_of, slug

REAL_HEADERS = [
    # Google Play Console, a survey tool, the airline tweets as they are passed around, a help desk
    "Reviewer Language=language, Review Submit Date and Time=created_at, Star Rating=rating.value, Review Title=title, Review Text=text, "
    "Developer Reply Text=attributes.developer_reply_text, Review Link=url, App Version Name=attributes.app_version_name",
    "ResponseId=attributes.responseid, RecordedDate=created_at, NPS Score=scores.nps, Verbatim=text, Recipient Email=",
    "tweet_id=external_id, airline=attributes.airline, name=author.name, text=text, tweet_created=created_at",
    "Ticket ID=attributes.ticket_id, Created at=created_at, Subject=title, Description=text, Channel=source, CSAT=scores.csat",
    "回答日時=created_at, 総合満足度=scores.csat, 推奨度=scores.nps, 自由記述=text, 店舗=attributes.店舗, メールアドレス=",
    "投稿日=created_at, レビュータイトル=title, レビュー本文=text, 評価=rating.value, ニックネーム=author.name, 商品名=product",
    "Datum=created_at, Bewertung=rating.value, Kommentar=text, Sprache=language, Produkt=product",
    "Fecha=created_at, Calificación=rating.value, Comentario=text, País=country",
    "Horodateur=created_at, Commentaires=text, Étoiles=rating.value, Langue=language",
    "评论时间=created_at, 评分=rating.value, 评论内容=text, 昵称=author.name",
    "작성일=created_at, 별점=rating.value, 후기=text, 상품=product",
    "Дата=created_at, Отзыв=text, Оценка=rating.value",
    "DATA=created_at, AVALIAÇÃO=rating.value, COMENTÁRIO=text",
    "q1_comment=text, agent_comment=attributes.agent_comment, submitted_at=created_at",
]


@pytest.mark.parametrize("header", REAL_HEADERS)
def test_guesses_the_headers_of_real_exports(header: str) -> None:
    expected = dict(pair.split("=") for pair in header.split(", "))
    assert guess_mapping(list(expected)) == expected


def test_of_two_columns_for_a_field_the_likelier_wins_and_the_other_is_an_attribute() -> None:
    assert guess_mapping(["comment", "review_text", "text"]) == {
        "text": "text", "comment": "attributes.comment", "review_text": "attributes.review_text",
    }  # fmt: skip


def test_a_guess_that_the_cells_contradict_becomes_an_attribute() -> None:
    samples = [{"text": "x", "language": "English", "country": "Japan", "score": "87", "type": "bug", "url": "see mail"}] * 3
    assert guess_mapping(list(samples[0]), samples) == {
        "text": "text", "language": "attributes.language", "country": "attributes.country", "score": "attributes.score",
        "type": "attributes.type", "url": "attributes.url",
    }  # fmt: skip


def test_a_few_odd_cells_do_not_turn_a_guess() -> None:
    samples = [{"text": "x", "rating": "4"}] * 9 + [{"text": "x", "rating": "bad"}, {"text": "x", "rating": ""}]
    assert guess_mapping(["text", "rating"], samples)["rating"] == "rating.value"


def test_names_of_the_api_are_taken_as_they_are() -> None:
    names = ["text", "author.id", "rating.value", "rating.scale", "scores.ces", "attributes.My Plan", "nps"]
    assert guess_mapping(names) == {name: "scores.nps" if name == "nps" else name for name in names}


@pytest.mark.parametrize(
    ("column", "name"), [("My  Plan!", "my_plan"), ("店舗 名", "店舗_名"), ("ＡＢＣ", "abc"), ("x" * 50, "x" * 40), ("__", "")]
)
def test_the_name_of_an_attribute_is_plain(column: str, name: str) -> None:
    assert slug(column) == name


def test_names_are_compared_without_case_accents_and_spaces() -> None:
    assert key_of("Créé le") == key_of("cree_LE") == "creele"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("4", (4.0, None)), (4, (4, None)), ("4,5", (4.5, None)), ("4/5", (4.0, 5.0)), ("8 / 10", (8.0, 10.0)), ("٤", (4.0, None)),
        ("4 out of 5 stars", (4.0, 5.0)),         ("★★★☆☆", (3.0, 5.0)), ("★★★★", (4.0, 5.0)), ("3 stars", (3.0, 5.0)),
        ("n/a", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_reads_ratings_as_people_write_them(cell: object, expected: object) -> None:
    assert rating_cell(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (time(9, 30), "09:30:00"), (timedelta(days=1, minutes=5), "1 day, 0:05:00"), (Decimal("12.50"), 12.5), (Decimal("7.00"), 7),
        (Decimal("12345678901234567890"), 12345678901234567890), (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (float("nan"), None), (Decimal("NaN"), None), ("nan", "nan"), (2.5, 2.5), (True, True), (None, None),
    ],
)  # fmt: skip
def test_a_typed_cell_becomes_what_every_field_knows(cell: object, expected: object) -> None:
    plain = plain_cell(cell)
    assert (plain, type(plain)) == (expected, type(expected))


@pytest.mark.parametrize("cell", [[1], {"a": 1}, b"x", float("inf"), 10**300, object()])
def test_what_is_no_text_is_no_attribute(cell: object) -> None:
    assert attribute_cell(cell) is None


def test_numbers_that_are_none_do_not_make_an_id_a_shared_one() -> None:
    samples = [{"text": f"text {number}", "id": float("nan") if number else 7.0} for number in range(5)]
    assert guess_mapping(["text", "id"], samples)["id"] == "external_id"


@pytest.mark.parametrize("cell", ["good", "1,234", "4 5", "1e3", "0x5", True, [4], "4" * 50, "inf"])
def test_refuses_numbers_that_are_none(cell: object) -> None:
    with pytest.raises(InvalidInput, match="is not a number such as 4"):
        number_cell(cell, "rating.value")


def test_a_scale_may_stand_in_its_own_column() -> None:
    columns = Columns.of(["text", "rating", "max rating"])
    assert columns.fields({"text": "x", "rating": "7", "max rating": "10"})["rating"] == {"value": 7.0, "scale": 10.0}


def test_a_scale_without_a_rating_is_no_rating() -> None:
    assert Columns.of(["text", "rating", "max rating"]).fields({"text": "x", "rating": "", "max rating": "10"}) == {"text": "x"}
