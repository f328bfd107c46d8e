"""Queries in Lucene syntax: what they match in any script, and that rubbish is refused with what would be valid."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.query import DEEPEST, LONGEST, InvalidQuery, parse_query
from store.records import Author
from tests.builders import a_feedback

TWEET = replace(
    a_feedback("@Delta the Delta Air flight from São Paulo was LATE, don't fly it", title="Never again", language="en", country="US",
               source="App Store, our app, JP", product="iPhone 15 Pro", attributes={"airline": "US Airways", "cabin class": "eco"}),
    author=Author(id="42", name="Ana María"),
)  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "delta", "DELTA", "@delta", '"delta air"', '"DELTA   AIR"', '"delta air" OR @delta NOT river', "delta AND late", "delta late",
        "(united OR delta) AND NOT river", "late -river", "+late", "NOT united", "são", "deliver* OR lat*", "f?ight", "*light", "fl*t",
        "text:late", "text:(late flight)", "title:never", "again", "author:ana", "author:42", "source:\"app store, our app, jp\"",
        "source:app*", "language:EN", "country:us", "kind:other", "product:iphone", 'product:"iphone 15"', "attributes.airline:US*",
        'attributes.airline:"us airways"', 'attributes.cabin\\ class:eco', "title:*", "attributes.airline:*", "don't", "don’t",
        "“delta air”", "ｄｅｌｔａ", "delta united OR late NOT river OR delta", "*", "@del*", "late\\,", "paulo　late",
    ],
)  # fmt: skip
def test_matches(query: str) -> None:
    assert parse_query(query).matches(TWEET)


@pytest.mark.parametrize(
    "query",
    [
        "delt", "elta", "@air", '"air delta"', "delta AND united", "delta united", "delta NOT late", "late -delta", "title:late",
        "text:never", "author:delta", "source:app", "language:e", "country:u", "kind:review", "product:ipho", "attributes.airline:airways",
        "attributes.airline:us", "attributes.missing:*", "de*r", "?light?", "sao", "f*z*t", "product:*min*",
    ],
)  # fmt: skip
def test_does_not_match(query: str) -> None:
    assert not parse_query(query).matches(TWEET)


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("配送がとても遅いです", "配送", True), ("配送がとても遅いです", "遅*", True), ("配送がとても遅いです", "とて?遅", True),
        ("ﾊﾟｿｺﾝが壊れた", "パソコン", True), ("การจัดส่งช้ามาก", "จัดส่ง", True), ("배송이 늦어요", "배송", True),
        ("快递太慢了", "快递 AND 慢", True),
        ("यह कराया गया", "कर", False), ("यह कराया गया", "कराया", True), ("التوصيل متأخر", "توصيل", False),
        ("التوصيل متأخر", "*توصيل", True),
        ("STRASSE gesperrt", "straße", True), ("ΟΔΥΣΣΕΥΣ", "οδυσσευς", True), ("e-mail lost", "e-mail", True), ("C++ app", "C++", True),
        ("#delayed again", "#delayed", True), ("#delayed again", "delayed", True), ("me@delta.com", "@delta", False),
        ("😡 late", "😡", True), ("so late😡", "😡", True), ("so late😡", "late", True), ("50€ zu viel", "€", True),
        ("50€ zu viel", "50", True), ("✈️delta was late", "delta", True), ("✈️delta was late", "delt*", True), ("so ❤️love it", "❤️", True),
        ("so ❤️love it", "❤", True), ("late ✈️again", "✈️", True),
        ("新しいiPhoneを買った", "iphone", True), ("iPhone은 좋다", "iphone", True), ("新しいiPhone15を買った", "iphone*", True),
        ("新しいiPhone15を買った", "iphone", False), ("新しいiPhone15を買った", "*phone15", True), ("このスマホは5G対応です", "5g", True),
        ("昨日Deltaに乗った", "delta", True), ("昨日Deltaに乗った", "NOT delta", False), ("昨日@deltaに書いた", "@delta", True),
        ("昨日Delta Airで来た", '"delta air"', True), ("昨日Deltaに乗った", "elta", False), ("昨日Deltaに乗った", "delt*", True),
        ("昨日Deltaに乗った", "de?ta", True), ("昨日Deltaに乗った", "del?", False),
        ("snake_case", "snake", False), ("a\x00b", "a", True), ("R&D", "R&D", True), ("line\nbreak", '"line break"', True),
    ],
)  # fmt: skip
def test_knows_words_of_many_scripts(text: str, query: str, *, expected: bool) -> None:
    assert parse_query(query).matches(a_feedback(text)) is expected


@pytest.mark.parametrize(
    "query",
    [
        "", "   ", "AND", "a OR", "(a", "a)", "text:", '"open', '""', '" "', "a AND OR b", "text:a:b", "colour:red", "attributes.:x", "a~2",
        '"a b"~3', "a^2", "/a.*/", "[1 TO 3]", "{a TO b}", ">5", "<=5", "text:[a TO b]", "a^", "a~9.9.9", "a^1.1.1", "\\", "**", "?*",
        "x" * 2001, "(" * 500 + "a" + ")" * 500, "NOT " * 400 + "a", "text:(title:a)",
    ],
)  # fmt: skip
def test_refuses_with_what_would_be_valid(query: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        parse_query(query)
    assert caught.value.field == "query"
    assert any(hint in str(caught.value) for hint in ("attributes.<name>", str(DEEPEST), f"{LONGEST:,}"))


@given(st.text(alphabet=st.sampled_from('ab :*?"()~^[]{}/\\+-<>@#声ANDORT.5\x00\ud800'), max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_query_or_is_refused(text: str) -> None:
    try:
        query = parse_query(text)
    except InvalidQuery:
        return
    assert query.matches(TWEET) in {True, False}


@pytest.mark.parametrize("query", ["a*a*a*a*a*a*a*b", "*a*a*a*a*c", "?" * 30 + "*b", '"a a a a b"', "*" + "a?" * 40 + "*b"])
@pytest.mark.parametrize("text", ["a" * 20_000, "a " * 10_000, "a\n" * 10_000])
def test_no_pattern_takes_long_on_a_long_text(query: str, text: str) -> None:
    compiled = parse_query(query)
    start = time.process_time()
    assert not compiled.matches(a_feedback(text))
    assert time.process_time() - start < 0.5


def test_threads_parse_at_once() -> None:
    queries = [f'"delta {number}" OR (a{number} AND NOT b)' for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        parsed = list(pool.map(parse_query, queries * 4))
    assert [query.text for query in parsed] == queries * 4
    assert all(query.matches(a_feedback(f"a{number % 50}")) for number, query in enumerate(parsed))
