"""Texts come out of lines, JSONL and CSV in order, and a broken row keeps its place."""

from collections.abc import Iterator

import pytest

from cli.rows import Row, RowFormat, format_of, read_rows
from core.errors import InvalidInput


def rows(content: bytes, form: RowFormat = RowFormat.AUTO, suffix: str = "") -> list[Row]:
    return list(read_rows(content.splitlines(keepends=True), form, suffix=suffix))


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (b'{"text": "hello"}\n', RowFormat.JSONL),
        (b"id,text,lang\n", RowFormat.CSV),
        (b"\xef\xbb\xbfText,id\n", RowFormat.CSV),
        (b"I like it, the text was good\n", RowFormat.LINES),
        (b"{curly} words are no JSON\n", RowFormat.LINES),
        (b"text\n", RowFormat.LINES),
        (b"", RowFormat.LINES),
    ],
)
def test_the_first_line_tells_the_format(first: bytes, expected: RowFormat) -> None:
    assert format_of(first) is expected


def test_the_name_of_a_file_tells_the_format_before_its_first_line() -> None:
    assert rows(b'{"text": "hello"}\n', suffix=".TXT")[0].text == '{"text": "hello"}'


def test_every_plain_line_is_a_row_in_its_place() -> None:
    found = rows("good\r\n\n配送が遅い\n".encode())
    assert [(row.text, row.error is None) for row in found] == [("good", True), ("", False), ("配送が遅い", True)]


def test_bytes_that_are_no_utf8_are_an_error_of_their_line_alone() -> None:
    found = rows(b"fine\nbad \xff\xfe\nfine too\n")
    assert [row.error for row in found] == [None, "line 2 is not UTF-8", None]


def test_broken_json_is_an_error_in_its_place() -> None:
    found = rows(b'{"text": "a", "id": 1}\n{"text": \n[1]\n{"id": 4}\n{"text": 5}\n')
    assert found[0].fields == {"text": "a", "id": 1}
    assert [row.error is None for row in found] == [True, False, False, False, False]
    assert found[3].error == "text is missing"
    assert found[3].fields == {"id": 4}


def test_blank_lines_of_jsonl_are_no_rows() -> None:
    assert [row.line for row in rows(b'{"text": "a"}\n\n{"text": "b"}\n', RowFormat.JSONL)] == [1, 3]


def test_language_and_question_travel_with_a_row() -> None:
    (row,) = rows('{"text": "最高", "language": "ja", "question": "いかがでしたか"}'.encode())
    assert (row.language, row.question) == ("ja", "いかがでしたか")


def test_cells_of_csv_may_hold_quotes_and_newlines() -> None:
    found = rows(b'id,text\n1,"two\nlines, ""quoted"""\n2,short\n3\n')
    assert found[0].text == 'two\nlines, "quoted"'
    assert [row.line for row in found] == [2, 4, 5]
    assert found[2].error == "line 5: 1 cells where the header has 2"


def test_a_quote_that_is_never_closed_costs_its_own_line_of_csv_only() -> None:
    found = rows(b'text,id\nfine,1\n"open,2\n' + b"".join(b"row %d,x\n" % number for number in range(1000)))
    assert [row.line for row in found] == list(range(2, 1004))
    assert [row.line for row in found if row.error] == [3]
    assert str(found[1].error).startswith("line 3: a quote that opens here is not closed")


def test_a_row_of_empty_cells_keeps_its_place() -> None:
    assert [(row.line, row.error is None) for row in rows(b"text,id\n,\n\nfine,3\n")] == [(2, False), (4, True)]


def test_csv_that_comes_slowly_is_read_line_by_line() -> None:
    def typed() -> Iterator[bytes]:
        yield from (b"text,id\n", b"late,1\n")
        raise AssertionError("read ahead")

    assert next(read_rows(typed(), RowFormat.CSV)).text == "late"


def test_a_line_of_csv_that_is_too_long_or_no_utf8_is_an_error_alone() -> None:
    found = rows(b"\xef\xbb\xbftext,id\n\xff,1\n" + b"x" * 1_000_001 + b",2\nfine,3\n")
    assert [row.error for row in found] == ["line 2: not UTF-8", "line 3: the line has more than 1,000,000 bytes", None]


def test_a_header_in_another_encoding_names_the_columns_all_the_same() -> None:
    found = rows("text,größe\nI love it,4\nschön,5\n".encode("latin-1"), RowFormat.CSV)
    assert [row.error for row in found] == [None, "line 3: not UTF-8"]
    assert found[0].fields == {"text": "I love it", r"gr\xf6\xdfe": "4"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'"text\nlate again,4\n', "line 1, which names the columns of the CSV, cannot be read: a quote that opens here is not closed"),
        (b'\nid,"text\nlate,4\n', "line 2, which names the columns of the CSV, cannot be read: a quote that opens here is not closed"),
        (b"x" * 1_000_001 + b"\nlate,4\n", "line 1, which names the columns of the CSV, cannot be read: the line has more than"),
        (b'"id,text\nlate,4\n"so late",5\n', "its columns are: id,text (a quote that opens in that line closes in another)"),
    ],
)
def test_a_header_that_cannot_be_read_is_told_without_the_texts_below(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        rows(content, RowFormat.CSV)
    assert (reason in str(caught.value), "late" in str(caught.value)) == (True, False)


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_a_csv_without_a_header_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="its columns are: none"):
        rows(content, RowFormat.CSV)


def test_a_csv_without_a_text_column_is_refused() -> None:
    with pytest.raises(InvalidInput, match="its columns are: id, review"):
        rows(b"id,review\n1,good\n", RowFormat.CSV)


def test_a_text_that_is_too_long_is_an_error_that_says_how_long_it_may_be() -> None:
    (row,) = rows(b"x" * 20_001)
    assert row.error == "text has 20,001 characters; at most 20,000 are taken"
