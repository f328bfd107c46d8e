"""Bodies hold anything; what cannot be read is refused in words, and what no database holds is replaced one for one."""

import pytest

from api.bodies import clean_json, parse_json
from core.errors import InvalidInput


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "not JSON"),
        (b'{"a": NaN}', "NaN is not a number of JSON"),
        (b"[Infinity]", "Infinity is not a number of JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'"\\u0041"' * 2, "not JSON"),
        (b'"a\x01b"', "not JSON"),
    ],
)
def test_says_why_a_body_is_not_json(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        parse_json(body)


def test_replaces_what_no_database_holds_one_for_one() -> None:
    assert parse_json(b'{"text": "a\\u0000b\\ud800c\\ud83d\\ude00"}') == {"text": "a\ufffdb\ufffdc😀"}


def test_reads_a_byte_order_mark_and_takes_the_last_of_two_equal_names() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1, "a": 2}') == {"a": 2}


def test_refuses_to_walk_deeper_than_any_valid_body() -> None:
    nested: object = "x"
    for _ in range(50):
        nested = [nested]
    with pytest.raises(InvalidInput, match="at most 32 levels"):
        clean_json(nested)
