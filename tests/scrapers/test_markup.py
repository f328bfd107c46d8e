"""HTML as sources send it, and what a reader sees of it."""

import time

import pytest

from scrapers.markup import text_of


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain text", "plain text"),
        ("1 < 2 &amp; 3", "1 < 2 & 3"),
        ("<p>One</p><p>Two<br>Three</p>", "One\n\nTwo\nThree"),
        ("<ul><li>a</li><li>b</li></ul>", "a\n\nb"),
        ("<style>p{}</style>seen<script>alert('<b>')</script>", "seen"),
        ('<a href="https://x.example/y"><span class="invisible">https://</span>x.example/y</a>', "https://x.example/y"),
        ("&lt;script&gt;", "<script>"),
        ("a\u3000b <b>c</b>", "a\u3000b c"),
        ("<p>😀 مرحبا</p>", "😀 مرحبا"),
        ("<p>unclosed <b>bold", "unclosed bold"),
        ("<!-- hidden -->seen", "seen"),
    ],
)
def test_shows_what_a_reader_sees(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize("piece", ["<", "<!--", "<a ", "<![", "&", "<div>", "</", "<script>", "\n ", "<!", "<?"])
def test_hostile_markup_takes_no_longer_than_its_length(piece: str) -> None:
    started = time.process_time()
    text_of(piece * (200_000 // len(piece)) + "end")
    assert time.process_time() - started < 5
