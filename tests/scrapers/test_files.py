"""Import files as people make them, and as they break: what is good is kept, what is bad is named with its line."""

import csv
import gzip
import io
import itertools
import json
import os
import random
import sys
import tracemalloc
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import InvalidInput, Misconfigured
from scrapers.files import FileReader, Occurrences, read_rows
from scrapers.formats import MOST_OPEN_QUOTES
from scrapers.unpacking import ChunkStream
from store.records import Author, NewFeedback, Rating, RejectedRow, Scores

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = "2026-02-01"


def opened(
    content: bytes | str, name: str = "reviews.csv", mapping: Mapping[str, str] | None = None, *, most_bytes: int = 2**31
) -> FileReader:
    data = content if isinstance(content, bytes) else content.encode()
    return read_rows(io.BytesIO(data), name, mapping, default_source="shop", now=NOW, most_bytes=most_bytes)


def rows_of(reader: FileReader) -> list[NewFeedback]:
    return [row for _, row in reader if isinstance(row, NewFeedback)]


def outcome(reader: FileReader) -> list[tuple[int, str]]:
    """Line and text of good rows, line and ! and reason of bad ones."""
    return [(line, row.text if isinstance(row, NewFeedback) else f"!{row.reason}") for line, row in reader]


def refusal(content: bytes | str, name: str = "reviews.csv", mapping: Mapping[str, str] | None = None) -> str:
    with pytest.raises(InvalidInput) as caught:
        opened(content, name, mapping)
    return str(caught.value)


def test_reads_a_csv_with_known_columns() -> None:
    text = "Review ID;Review Text;Date;Stars;Customer Name;Language;Store\n7;Zu spät;2026-02-01T10:00:00+01:00;2;Ana;de-DE;Bonn\n"
    reader = opened(text)
    (row,) = rows_of(reader)
    assert row == NewFeedback(
        text="Zu spät",
        created_at=datetime(2026, 2, 1, 9, tzinfo=UTC),
        source="shop",
        external_id="7",
        author=Author(name="Ana"),
        language="de",
        rating=Rating(2, 5),
        attributes={"store": "Bonn"},
    )
    assert reader.mapping == {
        "Review ID": "external_id",
        "Review Text": "text",
        "Date": "created_at",
        "Stars": "rating.value",
        "Customer Name": "author.name",
        "Language": "language",
        "Store": "attributes.store",
    }
    assert (reader.ignored, reader.notes) == ({}, ())


def test_reads_quotes_delimiters_and_line_ends_inside_cells() -> None:
    content = 'text,date\r\n"He said ""late"",\r\nand left",2026-02-01\r\n"second",2026-02-02\r\n'
    assert outcome(opened(content)) == [(2, 'He said "late",\r\nand left'), (4, "second")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_finds_the_delimiter(delimiter: str) -> None:
    content = delimiter.join(["date", "text", "plan"]) + "\n" + delimiter.join([DAY, '"a, b; c"', "pro"]) + "\n"
    (row,) = rows_of(opened(content))
    assert (row.text, row.attributes) == ("a, b; c", {"plan": "pro"})


def test_a_file_of_one_column_needs_no_delimiter() -> None:
    assert outcome(opened("comment\nlate, again; sorry\nfine\n")) == [(2, "late, again; sorry"), (3, "fine")]


def test_broken_rows_are_named_with_line_and_reason_and_the_others_kept() -> None:
    bad = (f"   ,{DAY},5", f"{'x' * 20_001},{DAY},5", "no date,,5", "odd date,03/04/2026,5", f"odd,{DAY},9")
    content = "\n".join(("text,date,rating", f"good,{DAY},5", *bad, f"fine,{DAY},1"))
    found = outcome(opened(content))
    assert [(line, text[:1]) for line, text in found] == [(2, "g"), (3, "!"), (4, "!"), (5, "!"), (6, "!"), (7, "!"), (8, "f")]
    reasons = " | ".join(text for _, text in found)
    for said in (
        "only white space",
        "20,001 characters",
        "created_at is missing",
        "'03/04/2026' is not a time such as",
        "from 0 to the scale, 5",
    ):
        assert said in reasons


def test_the_field_of_a_reject_is_named() -> None:
    rejects = [row for _, row in opened("text,date\nx,soon\n") if isinstance(row, RejectedRow)]
    assert [(row.line, row.field) for row in rejects] == [(2, "created_at")]


def test_a_row_with_too_many_cells_is_refused_and_one_with_too_few_filled_up() -> None:
    content = f"text,date,plan\nshort,{DAY}\none, two,{DAY},pro\ntrailing,{DAY},pro,,\n"
    assert [(line, text[:12]) for line, text in outcome(opened(content))] == [(2, "short"), (3, "!4 cells whe"), (4, "trailing")]


def test_a_quote_that_is_never_closed_costs_its_own_line_only() -> None:
    found = outcome(opened(f'text,date\n"open,{DAY}\nsecond,{DAY}\nthird,{DAY}\n'))
    assert [line for line, _ in found] == [2, 3, 4]
    assert "quote that opens here is not closed" in found[0][1]
    assert [text for _, text in found[1:]] == ["second", "third"]


def test_an_open_quote_in_a_large_file_is_bounded() -> None:
    body = "".join(f"row {number},{DAY}\n" for number in range(100_000))
    found = outcome(opened(f'text,date\n"open,{DAY}\n{body}'))
    assert (len(found), found[0][0], found[1]) == (100_001, 2, (3, "row 0"))


def test_a_file_of_open_quotes_is_given_up() -> None:
    line = f'a",b,"{"x" * 20_000}\n'
    found = outcome(opened("text,b,c\n" + line * 400))
    assert (len(found), "quotes are never closed" in found[-1][1]) == (MOST_OPEN_QUOTES + 1, True)


def test_a_cell_of_more_than_a_megabyte_is_refused_in_its_place() -> None:
    found = outcome(opened(f"text,date\n{'x' * 1_500_000},{DAY}\nfine,{DAY}\n"))
    assert ("1,000,000 bytes" in found[0][1], found[1]) == (True, (3, "fine"))


def test_columns_of_one_name_are_told_apart() -> None:
    reader = opened("text,note,note\nlate,a,b\n")
    assert rows_of(reader)[0].attributes == {"note": "a", "note_2": "b"}


def test_says_what_is_expected_when_the_header_is_missing() -> None:
    message = refusal("The parcel was late,5\nAll fine,4\n")
    assert "no column looks like the customer's text" in message
    assert "The parcel was late, 5" in message
    assert "コメント" in message


@pytest.mark.parametrize("content", [b"", b"  \n\r\n ", gzip.compress(b"", mtime=0), b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(content: bytes) -> None:
    assert "empty" in refusal(content)


def test_a_header_alone_is_no_rows() -> None:
    assert outcome(opened("text,date\n")) == []


# --- encodings ---------------------------------------------------------------------------------------------------

JAPANESE = "コメント,日付\n" + "".join(
    f"配送が{word}遅くて困りました。対応も丁寧ではありません。,{DAY}\n" for word in ("とても", "また", "非常に")
)
GERMAN = "Kommentar;Datum\n" + f"Die Lieferung kam zu spät, aber der Rückversand war schön einfach – größtes Lob!;{DAY}\n" * 3
FRENCH = (
    "Commentaire;Date\n"
    + f"La livraison était très en retard, et l’accueil à la boutique ne m’a pas plu. Ça suffit, bête à pleurer;{DAY}\n" * 3
)
RUSSIAN = "Отзыв;Дата\n" + f"Доставка опоздала на три дня, поддержка не отвечает на письма.;{DAY}\n" * 3
CHINESE = "评论,日期\n" + f"快递太慢了，客服也不回复，很失望。,{DAY}\n" * 3
KOREAN = "리뷰,날짜\n" + f"배송이 너무 늦고 고객센터는 답이 없습니다. 실망했어요.,{DAY}\n" * 3
POLISH = "Komentarz;Data\n" + f"Przesyłka przyszła za późno, a obsługa nie była pomocna. Źle się dzieje, żałuję;{DAY}\n" * 3


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (GERMAN, "cp1252"),
        (FRENCH, "cp1252"),
        (RUSSIAN, "cp1251"),
        (CHINESE, "gb18030"),
        (KOREAN, "cp949"),
        (POLISH, "cp1250"),
        (JAPANESE, "utf-8"),
        (JAPANESE, "utf-8-sig"),
        (JAPANESE, "utf-16"),
        (GERMAN, "utf-32"),
    ],
)
def test_reads_files_in_the_encodings_that_offices_write(text: str, encoding: str) -> None:
    reader = opened(text.encode(encoding))
    header, first = text.split("\n")[:2]
    delimiter = ";" if ";" in header else ","
    rows = rows_of(reader)
    assert (len(rows), rows[0].text) == (3, first.rpartition(delimiter)[0])
    assert [encoding in note for note in reader.notes] == ([] if encoding.startswith("utf") else [True])


def test_refuses_an_encoding_that_it_cannot_be_sure_of() -> None:
    assert "UTF-8" in refusal("text,date\ncaf\u00e9 \u00e8,2026-02-01\n".encode("cp1252"))


def test_refuses_what_is_no_text() -> None:
    assert "no text file" in refusal(bytes(range(256)) * 100)


def test_one_line_in_another_encoding_is_reported_and_the_rest_kept() -> None:
    lines = [f"r\u00fccksendung {number},{DAY}\n".encode() for number in range(50)]
    lines[30] = f"R\u00fcck,{DAY}\n".encode("cp1252")
    found = outcome(opened(b"text,date\n" + b"".join(lines)))
    assert (len(found), [line for line, text in found if text.startswith("!")]) == (50, [32])
    assert "byte 2 of the line (fc 63 6b 2c) is not utf-8" in found[30][1]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_half_an_emoji_costs_no_words(encoding: str) -> None:
    text = f"\ufefftext,date\ngood,{DAY}\ncut \ud83d,{DAY}\nwhole \U0001f600,{DAY}\n" + f"after,{DAY}\n" * 20_000
    found = outcome(opened(text.encode(encoding, "surrogatepass")))
    assert found[:3] == [(2, "good"), (3, "cut \ufffd"), (4, "whole \U0001f600")]
    assert (len(found), found[-1]) == (20_003, (20_004, "after"))


def test_rows_before_the_place_where_a_wide_file_breaks_are_kept() -> None:
    content = f"\ufefftext,date\ngood,{DAY}\nbad".encode("utf-32-le") + b"\xff" * 4 + f",{DAY}\n".encode("utf-32-le")
    found = outcome(opened(content))
    assert (found[0], [line for line, _ in found]) == ((2, "good"), [2, 3])
    assert "not utf-32-le any more from here" in found[1][1]


def test_a_bad_byte_inside_a_quoted_cell_costs_that_record_only() -> None:
    content = b'text,date\n"one\nt\xfcwo\nthree",2026-02-01\nnext \xc3\xbc,2026-02-01\n'
    assert [(line, text[:2]) for line, text in outcome(opened(content))] == [(2, "!b"), (5, "ne")]


def test_reads_old_line_ends() -> None:
    assert outcome(opened(f"text,date\rone,{DAY}\rtwo,{DAY}\r")) == [(2, "one"), (3, "two")]


# --- packed and broken -------------------------------------------------------------------------------------------


def many(count: int) -> bytes:
    rows = "".join(f"row {number} {os.urandom(8).hex()},{DAY}\n" for number in range(count))
    return f"text,date\n{rows}".encode()


def test_reads_gzip_whatever_it_is_called_and_in_several_members() -> None:
    first, second = many(10), b"last,2026-02-01\n"
    assert len(rows_of(opened(gzip.compress(first) + gzip.compress(second) + bytes(512), "x.bin"))) == 11


def test_a_truncated_gzip_keeps_the_rows_before_the_break_and_names_it() -> None:
    found = outcome(opened(gzip.compress(many(5000))[:-4000], "reviews.csv.gz"))
    assert 3000 < len(found) < 5000
    assert [line for line, _ in found] == list(range(2, len(found) + 2))
    assert [(line, text) for line, text in found if text.startswith("!")] == [
        (len(found) + 1, "!the gzip file ends in the middle; the rows before were read, send the whole file")
    ]


def test_a_damaged_gzip_keeps_the_rows_before_the_damage() -> None:
    packed = bytearray(gzip.compress(many(5000)))
    packed[-8:] = b"\0" * 8
    found = outcome(opened(bytes(packed)))
    assert (3000 < len(found) < 5001, "damaged" in found[-1][1]) == (True, True)


def test_a_gzip_that_breaks_before_its_first_row_is_refused() -> None:
    found = gzip.compress(many(10))[:15]
    with pytest.raises(InvalidInput, match="ends in the middle"):
        opened(found)


def test_a_gzip_bomb_is_read_up_to_the_limit() -> None:
    bomb = gzip.compress(b"text,date\n" + b"late again,2026-02-01\n" * 500_000)
    found = outcome(opened(bomb, most_bytes=1_000_000))
    assert (len(bomb) < 100_000, 40_000 < len(found) < 50_000, "more than 1,000,000 bytes" in found[-1][1]) == (True, True, True)


def test_memory_does_not_grow_with_the_file() -> None:
    row = b'"A review of usual length, ""quoted"" and all, number",2026-02-01,5\n'
    chunks = itertools.chain([b"text,date,id\n"], itertools.repeat(row * 100, 300))
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_rows(ChunkStream(chunks), "x.csv", default_source="s", now=NOW))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (count, peak < 2_000_000) == (30_000, True)


# --- JSON Lines --------------------------------------------------------------------------------------------------


def lines(*rows: object) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows)


def test_reads_json_lines_in_the_shape_of_the_api() -> None:
    given = {
        "text": "Late", "created_at": "2026-02-01T00:00:00Z", "external_id": "7", "source": "app", "kind": "review", "country": "jp",
        "author": {"id": "1", "name": "Ana", "followers": 3}, "rating": {"value": 3, "scale": 10}, "scores": {"nps": 9, "csat": 4},
        "attributes": {"Plan Name": "pro", "seats": 5},
    }  # fmt: skip
    (row,) = rows_of(opened(lines(given), "x.jsonl"))
    assert row == NewFeedback(
        text="Late", created_at=datetime(2026, 2, 1, tzinfo=UTC), external_id="7", source="app", kind="review", country="JP",
        author=Author("1", "Ana", 3), rating=Rating(3, 10), scores=Scores(nps=9, csat=4), attributes={"Plan Name": "pro", "seats": "5"},
    )  # fmt: skip


def test_a_broken_json_line_costs_itself_only() -> None:
    good = {"text": "Late", "created_at": DAY}
    found = outcome(opened(lines(good, '{"text": "cut o', "", "[1]", "5", '{"text": ' + "[" * 100_000, good), "x.ndjson"))
    assert [(line, text[:9]) for line, text in found] == [
        (1, "Late"), (2, "!not JSON"), (4, "!not an o"), (5, "!not an o"), (6, "!not JSON"), (7, "Late"),
    ]  # fmt: skip


def test_a_row_of_wrong_types_is_refused_and_says_so() -> None:
    rows = [{"text": value, "created_at": DAY} for value in ("ok", None, ["a"], True)] + [{"text": "x", "created_at": "2026", "url": 5}]
    found = outcome(opened(lines(*rows), "x.jsonl"))
    assert [text[:1] for _, text in found] == ["o", "!", "!", "t", "!"]


def test_columns_that_come_late_are_mapped_when_they_come() -> None:
    rows = [{"text": "x", "created_at": DAY, "external_id": str(number)} for number in range(300)]
    rows[290] |= {"plan": "pro", "title": "T"}
    reader = opened(lines(*rows), "x.jsonl")
    assert "plan" not in reader.mapping
    late = rows_of(reader)[290]
    assert (late.attributes, late.title, reader.mapping["plan"]) == ({"plan": "pro"}, "T", "attributes.plan")


def test_json_numbers_are_epoch_seconds_and_nothing_else() -> None:
    rows = [{"text": "x", "created_at": value} for value in (1770000000, 1770000000.5, 1770000000000, 20260201, "1770000000")]
    found = [row.created_at.isoformat() if isinstance(row, NewFeedback) else "!" for _, row in opened(lines(*rows), "x.jsonl")]
    assert found == ["2026-02-02T02:40:00+00:00", "2026-02-02T02:40:00.500000+00:00", "!", "!", "!"]


def test_a_json_list_says_how_to_make_lines() -> None:
    assert "jq -c" in refusal('[{"text": "x"}]', "x.json")


# --- times and names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-02-01T10:00:00Z", "2026-02-01T10:00:00+00:00"),
        ("2026-02-01 10:00:00 -0800", "2026-02-01T18:00:00+00:00"),
        ("2026-02-01 10:00:00 UTC", "2026-02-01T10:00:00+00:00"),
        ("2026/2/1 9:30", "2026-02-01T09:30:00+00:00"),
        ("2026年2月1日", "2026-02-01T00:00:00+00:00"),
        ("2026.02.01 09:30:15", "2026-02-01T09:30:15+00:00"),
        ("01/02/2026", "!"),
        ("1.2.2026", "!"),
        ("02-01-26", "!"),
        ("2026/13/01", "!"),
        ("2026-02-30", "!"),
        ("Feb 1, 2026", "!"),
        ("2026-02-01 10:00 JST", "!"),
        ("45000", "!"),
        ("2026-02-01T25:00:00Z", "!"),
        ("0000-01-01", "!"),
    ],
)
def test_a_time_is_read_for_certain_or_refused(text: str, expected: str) -> None:
    ((_, row),) = opened(f'text,date\nx,"{text}"\n')
    assert (row.created_at.isoformat() if isinstance(row, NewFeedback) else "!") == expected


def test_a_file_without_any_times_gets_the_time_of_the_import_and_says_so() -> None:
    reader = opened("text\nlate\n")
    assert [(row.created_at, row.dated) for row in rows_of(reader)] == [(NOW, False)]
    assert "no column of times" in reader.notes[0]
    assert NOW.date().isoformat() in reader.notes[0]


def test_the_same_file_and_a_longer_one_give_the_same_ids() -> None:
    body = f"author,text,date\nAna,late,{DAY}\nAna,late,{DAY}\nBo,late,{DAY}\n"
    first, again = rows_of(opened(body)), rows_of(opened(body))
    longer = rows_of(opened(body + f"Ana,late,{DAY}\nCy,new,{DAY}\n"))
    ids = [row.external_id for row in first]
    assert ids == [row.external_id for row in again] == [row.external_id for row in longer[:3]]
    assert len({row.external_id for row in longer}) == 5
    assert ids[1] == f"{ids[0]}#2"
    assert longer[3].external_id == f"{ids[0]}#3"


ONE_ROW_PER_ANSWER = "response id,question,answer\n" + "".join(f"R{n // 4},Q{n % 4},answer {n}\n" for n in range(200))


def test_an_id_that_several_texts_share_names_no_row() -> None:
    reader = opened(ONE_ROW_PER_ANSWER)
    rows = rows_of(reader)
    assert len({row.external_id for row in rows}) == 200
    assert (str(rows[0].external_id)[:7], rows[0].attributes, reader.mapping["response id"]) == (
        "sha256:", {"response_id": "R0"}, "attributes.response_id",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "mapping", "expected"),
    [
        (ONE_ROW_PER_ANSWER.replace("response id", "external_id"), {}, ["R0", "R0"]),
        (ONE_ROW_PER_ANSWER, {"response id": "external_id"}, ["R0", "R0"]),
        ("review id,text\n7,late\n8,fine\n", {}, ["7", "8"]),
    ],
)
def test_an_id_of_a_single_text_or_one_that_was_said_to_be_one_names_rows(
    content: str, mapping: Mapping[str, str], expected: list[str]
) -> None:
    assert [row.external_id for row in rows_of(opened(content, mapping=mapping))[:2]] == expected


def test_a_longer_export_of_messages_keeps_the_names_of_its_rows() -> None:
    lines = ["ticket id,text", "T0,late", "T1,wet", "T2,broken"]
    short, long = (rows_of(opened("\n".join(some) + "\n")) for some in (lines, [*lines, "T1,still wet"]))
    assert [row.external_id for row in long[:3]] == [row.external_id for row in short]
    assert len({row.external_id for row in long}) == 4


def test_ids_of_rows_without_a_date_do_not_depend_on_when_they_are_imported() -> None:
    def ids(now: datetime) -> list[str | None]:
        return [row.external_id for row in rows_of(read_rows(io.BytesIO(b"text\nlate\n"), "x.csv", default_source="s", now=now))]

    assert ids(NOW) == ids(NOW + timedelta(days=3))


def test_occurrences_are_counted_exactly_in_little_memory() -> None:
    seen = Occurrences()
    digests = [number.to_bytes(32) for number in range(1, 20_001)] + [(number << 200).to_bytes(32) for number in range(1, 20_001)]
    assert [seen.count(digest) for digest in digests] == [*range(1, 20_001), *[1] * 20_000]
    assert seen.count(digests[-1]) == 2


# --- mapping -----------------------------------------------------------------------------------------------------


def test_a_mapping_wins_over_the_guess() -> None:
    reader = opened(
        "comment,answer,day,score\nfirst,second,2026-02-01,8\n", mapping={"answer": "text", "comment": "", "score": "rating/10"}
    )
    (row,) = rows_of(reader)
    assert (row.text, row.rating, row.attributes) == ("second", Rating(8, 10), {"day": "2026-02-01"})
    assert reader.ignored == {"comment": "the mapping says so"}


def test_a_mapping_that_was_guessed_can_be_given_back() -> None:
    content = "text,date,Email,plan,\nlate,2026-02-01,a@b.example,pro,x\n"
    first = opened(content)
    again = opened(content, mapping=first.mapping)
    assert (again.mapping, rows_of(again)) == (first.mapping, rows_of(first))


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"a": "stars"}, "valid are text, created_at"),
        ({"a": "attributes."}, "attributes.NAME"),
        ({"a": "rating/0"}, "rating/10"),
        ({"a": "text", "b": "text"}, "both mapped to text"),
        ({"Q7": "text"}, "which is no column; the columns are: 'a, b'"),
        ({"a": "title"}, "no column looks like the customer's text"),
    ],
)
def test_a_mapping_that_cannot_work_says_what_would(mapping: dict[str, str], says: str) -> None:
    assert says in refusal("a,b\n1,2\n", mapping=mapping)


def test_more_columns_than_attributes_are_listed_as_ignored() -> None:
    names = [f"c{number}" for number in range(40)]
    reader = opened(",".join(["text", *names]) + "\nlate" + ",x" * 40 + "\n")
    (row,) = rows_of(reader)
    assert (len(row.attributes), len(reader.ignored)) == (32, 8)
    assert set(reader.ignored.values()) == {"a feedback has at most 32 attributes"}


def test_personal_and_nameless_columns_are_ignored_with_the_reason() -> None:
    reader = opened("text,E-Mail,,電話番号\nlate,a@b.example,7,03\n")
    assert rows_of(reader)[0].attributes == {}
    assert [reason[:15] for reason in reader.ignored.values()] == ["it looks person", "it has no name", "it looks person"]


def test_a_long_attribute_is_cut() -> None:
    assert len(rows_of(opened(f"text,other\nx,{'y' * 500}\n"))[0].attributes["other"]) == 200


# --- Excel and Parquet -------------------------------------------------------------------------------------------


def a_workbook(rows: Sequence[Sequence[object]]) -> bytes:
    import openpyxl

    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def test_reads_a_workbook_with_its_typed_cells() -> None:
    content = a_workbook(
        [
            [],
            ["ID", "コメント", "日時", "評価", "NPS", "店舗", None],
            [1001, "配送が遅い\n二回目", datetime(2026, 2, 1, 9, 30), 4.5, 9, "渋谷", None],  # noqa: DTZ001 - Excel knows no zones
            [],
            [1002, None, datetime(2026, 2, 1), 4, 9, "渋谷", None],  # noqa: DTZ001
            [1003, "date as text", "03/04/2026", None, None, None, None],
            [1004, 42, "2026-02-01", None, None, None, None],
        ]
    )
    reader = opened(content, "survey.xlsx")
    found = list(reader)
    assert [(line, type(row).__name__) for line, row in found] == [
        (3, "NewFeedback"), (5, "RejectedRow"), (6, "RejectedRow"), (7, "NewFeedback"),
    ]  # fmt: skip
    first = found[0][1]
    assert isinstance(first, NewFeedback)
    assert (first.text, first.external_id, first.created_at) == ("配送が遅い\n二回目", "1001", datetime(2026, 2, 1, 9, 30, tzinfo=UTC))
    assert (first.rating, first.scores, first.attributes) == (Rating(4.5, 5), Scores(nps=9), {"店舗": "渋谷"})


def test_reads_a_workbook_in_a_gzip_from_a_stream_that_cannot_seek() -> None:
    content = gzip.compress(a_workbook([["text"], ["late"]]))
    assert len(rows_of(read_rows(ChunkStream([content[:100], content[100:]]), "x.xlsx.gz", default_source="s", now=NOW))) == 1


def test_a_workbook_cut_short_is_refused() -> None:
    assert "no XLSX workbook" in refusal(a_workbook([["text"], ["late"]])[:-200], "x.xlsx")


def test_a_zip_that_is_no_workbook_is_refused() -> None:
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as parts:
        parts.writestr("a.txt", "x")
    assert "holds no workbook" in refusal(out.getvalue(), "x.zip")


def test_an_old_workbook_says_what_to_do() -> None:
    assert "XLSX or CSV" in refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "x.xls")


def repacked(content: bytes, part: str, new: bytes) -> bytes:
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in old.namelist():
            made.writestr(name, new if name == part else old.read(name))
    return out.getvalue()


def test_a_workbook_that_is_a_zip_bomb_is_refused() -> None:
    bomb = repacked(a_workbook([["text"], ["late"]]), "xl/styles.xml", bytes(300_000_000))
    assert len(bomb) < 1_000_000
    assert "unpacks to" in refusal(bomb, "x.xlsx")


def test_a_workbook_with_xml_entities_is_refused() -> None:
    entities = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    laughs = b'<?xml version="1.0"?>' + entities + b"<worksheet><sheetData><row><c><v>&b;</v></c></row></sheetData></worksheet>"
    assert "cannot be read" in refusal(repacked(a_workbook([["text"]]), "xl/worksheets/sheet1.xml", laughs), "x.xlsx")


def a_parquet(columns: Mapping[str, object]) -> bytes:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


def test_reads_parquet_with_typed_times() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    moments = pyarrow.array([1769904000123456789, None], pyarrow.timestamp("ns"))
    columns = {"review": ["late", "no date"], "timestamp": moments, "author": [{"name": "Ana"}, None], "stars": [1, 2]}
    found = list(opened(a_parquet(columns), "x.parquet"))
    first = found[0][1]
    assert isinstance(first, NewFeedback)
    assert (first.created_at, first.author, first.rating) == (
        datetime(2026, 2, 1, 0, 0, 0, 123456, tzinfo=UTC),
        Author(name="Ana"),
        Rating(1, 5),
    )
    assert isinstance(found[1][1], RejectedRow)


def test_cells_of_any_type_cost_no_words_of_a_workbook() -> None:
    late = [datetime(2026, 2, 1), "late", time(9, 30), timedelta(minutes=5)]  # noqa: DTZ001 - Excel knows no zones
    (row,) = rows_of(opened(a_workbook([["date", "text", "Called At", "Waited"], late]), "x.xlsx"))
    assert row.attributes == {"called_at": "09:30:00", "waited": "0:05:00"}


def test_cells_of_any_type_cost_no_words_of_a_parquet_file() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    typed = {
        "id": [Decimal("7")], "stars": [Decimal("4.5")], "price": [Decimal("12.50")], "nothing": [float("nan")], "many": [float("inf")],
        "called": pyarrow.array([34_200_000_000_001], pyarrow.time64("ns")), "tags": [["a"]],
        "waited": pyarrow.array([300_000_000_001], pyarrow.duration("ns")),
    }  # fmt: skip
    (row,) = rows_of(opened(a_parquet({"text": ["late"], **typed}), "x.parquet"))
    assert (row.external_id, row.rating) == ("7", Rating(4.5, 5))
    assert row.attributes == {"price": "12.5", "called": "09:30:00", "waited": "0:05:00"}


def test_a_number_that_is_none_is_an_empty_cell_of_json() -> None:
    content = f'{{"text": "late", "created_at": "{DAY}", "external_id": NaN, "rating": NaN, "seats": NaN}}\n'
    (row,) = rows_of(opened(content, "x.jsonl"))
    assert (str(row.external_id)[:7], row.rating, row.attributes) == ("sha256:", None, {})


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Misconfigured, match=r"pip install koe\[parquet\]"):
        opened(b"PAR1" + bytes(100), "x.parquet")


def test_parquet_that_is_cut_short_is_refused() -> None:
    pytest.importorskip("pyarrow")
    assert "Parquet" in refusal(b"PAR1" + bytes(100), "x.parquet")


# --- the real stream ---------------------------------------------------------------------------------------------


def shared_file(name: str) -> Path:
    folder = Path(os.environ.get("KOE_SHARED", Path(__file__).parents[3] / "shared"))
    if not (folder / name).exists():
        pytest.skip(f"needs the data folder: {folder / name} is absent")
    return folder / name


def test_reads_every_tweet_of_the_airline_stream() -> None:
    with shared_file("streams/airline_tweets.jsonl.gz").open("rb") as stream:
        reader = read_rows(stream, "airline_tweets.jsonl.gz", default_source="import", now=NOW)
        rows = rows_of(reader)
    assert (len(rows), len({row.external_id for row in rows})) == (14_640, 14_485)
    assert {row.source for row in rows} == {"twitter"}
    assert {row.attributes["airline"] for row in rows} >= {"Delta", "US Airways", "United", "American"}
    assert (reader.ignored, reader.notes) == ({}, ())


def test_the_airline_stream_as_a_csv_gives_the_same_rows() -> None:
    with gzip.open(shared_file("streams/airline_tweets.jsonl.gz"), "rt", encoding="utf-8") as stream:
        given = [json.loads(line) for line, _ in zip(stream, range(2000), strict=False)]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["tweet_id", "text", "tweet_created", "airline"])
    writer.writerows([row["external_id"], row["text"], row["created_at"], row["attributes"]["airline"]] for row in given)
    rows = rows_of(opened(out.getvalue()))
    assert [(row.external_id, row.text, row.attributes) for row in rows] == [
        (row["external_id"], row["text"], row["attributes"]) for row in given
    ]


def damaged(content: bytes, seed: int) -> bytes:
    """`content` with a few bytes changed, put in or cut out."""
    dice, data = random.Random(seed), bytearray(content)
    for _ in range(dice.choice([1, 1, 3, 20])):
        place = dice.randrange(len(data) + 1)
        data[place : place + dice.choice([0, 1, 30])] = bytes(dice.choices(b'",;\n\t\0\x1b{}[]\xff\xe9', k=dice.randrange(4)))
    return bytes(data)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "xlsx", "csv.gz", "utf-16", "parquet"])
def test_damaged_files_are_refused_or_reported_and_never_crash(kind: str) -> None:
    table = ("text,date\n" + '"late, ""é""\nagain",2026-02-01\n' * 20).encode()
    content = {
        "csv": lambda: table,
        "csv.gz": lambda: gzip.compress(table),
        "utf-16": lambda: table.decode().encode("utf-16"),
        "jsonl": lambda: lines(*[{"text": "é", "created_at": DAY, "author": {"name": "Ana"}}] * 20).encode(),
        "xlsx": lambda: a_workbook([["text", "date"], *[["late", DAY]] * 20]),
        "parquet": lambda: a_parquet({"text": ["late"] * 20, "date": [DAY] * 20}),
    }[kind]()
    for seed in range(150):
        with suppress(InvalidInput):
            assert all(line >= 1 for line, _ in opened(damaged(content, seed), f"x.{kind}"))
