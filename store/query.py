"""Boolean queries in Lucene syntax, for brands and for search; what such a query cannot say is refused with what it can."""

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any

from luqum import parser as lucene
from luqum import tree
from luqum.exceptions import ParseError

from core.errors import InvalidInput
from store.records import Feedback

LONGEST = 2000
DEEPEST = 30
"""Levels of brackets and NOTs; people need three."""
WORDS_OF = ("text", "title", "author", "product")
"""Fields searched for words and phrases inside; the others are compared as a whole."""
WHOLE = ("source", "language", "country", "kind")
ATTRIBUTE = "attributes."
VALID = (
    'words, "phrases", AND, OR, NOT, brackets, * and ? in words, and the fields '
    f'{", ".join((*WORDS_OF, *WHOLE))}, {ATTRIBUTE}<name>, as in: ("delta air" OR @delta) NOT text:river*'
)
# Scripts written without spaces between words (and Hangul, whose particles stick to the word): there a word is found inside others.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_PARSING = Lock()

Test = Callable[["Folded"], bool]


class InvalidQuery(InvalidInput):
    """No query of ours; the message says what would be."""


class Folded:
    """One feedback as queries see it: each field folded once, however many queries ask."""

    def __init__(self, feedback: Feedback) -> None:
        self._feedback = feedback
        self._texts: dict[str, str | None] = {}
        self._words: dict[str, frozenset[str]] = {}

    def text(self, name: str) -> str | None:
        """The folded value of a field, None where there is none. `any` is title and text."""
        if name not in self._texts:
            value = self._value(name)
            self._texts[name] = None if value is None else fold(value)
        return self._texts[name]

    def words(self, name: str) -> frozenset[str]:
        """Its words, for patterns; of those that are written together with a script without spaces, their other parts as well."""
        if name not in self._words:
            found = frozenset(_word_finder().findall(self.text(name) or ""))
            self._words[name] = found.union(part for word in found if _UNSPACED.search(word) for part in _UNSPACED.split(word) if part)
        return self._words[name]

    def _value(self, name: str) -> str | None:
        one = self._feedback
        if name.startswith(ATTRIBUTE):
            return one.attributes.get(name.removeprefix(ATTRIBUTE))
        if name == "any":
            return one.text if one.title is None else f"{one.title}\n{one.text}"
        if name == "author":
            return None if one.author is None else "\n".join(part for part in (one.author.name, one.author.id) if part)
        value: str | None = getattr(one, name)
        return value


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query."""

    text: str
    _test: Test = field(compare=False, repr=False)

    def matches(self, feedback: Feedback) -> bool:
        """Whether the query is true of `feedback`."""
        return self._test(Folded(feedback))

    def matches_folded(self, folded: Folded) -> bool:
        """The same where several queries are asked of one feedback."""
        return self._test(folded)


def parse_query(text: str) -> Query:
    """Read a query in the syntax of Lucene's classic parser (https://lucene.apache.org/core/3_6_0/queryparsersyntax.html).

    Compared without regard to case and width (NFKC, casefold). A bare word stands for a whole word of text or title; in scripts without
    spaces it is found anywhere. `@name` is the mention. Words side by side must all be there. `field:*` = the field is there.
    Raises InvalidQuery for ranges, fuzzy and proximity search, boosts, regular expressions, unknown fields, more than 2000 characters or
    30 levels.
    """
    if len(text) > LONGEST:
        raise InvalidQuery(f"a query of {len(text):,} characters; at most {LONGEST:,}", field="query")
    try:
        # The parser keeps its state in one object for all threads.
        with _PARSING:
            parsed = lucene.parser.parse(text.translate(_QUOTES), lexer=lucene.lexer.clone())
    except (ParseError, ArithmeticError) as error:
        raise InvalidQuery(f"not a query ({str(error)[:120]}); valid are {VALID}", field="query") from None
    return Query(text, _compile(parsed, None, 0))


def fold(text: str) -> str:
    """`text` without differences of case, width and apostrophe, nor of how a sign is drawn (❤ and ❤️)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold().translate(_ALIKE)


_ALIKE = str.maketrans({"’": "'", "\ufe0e": None, "\ufe0f": None})
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "\u3000": " "})
_REFUSED = {
    tree.Range: "a range",
    tree.From: "a range",
    tree.To: "a range",
    tree.Fuzzy: "a fuzzy word (~)",
    tree.Proximity: "a proximity search (~)",
    tree.Boost: "a boost (^)",
    tree.Regex: "a regular expression",
}


def _compile(node: Any, name: str | None, depth: int) -> Test:
    if depth > DEEPEST:
        raise InvalidQuery(f"brackets and NOTs more than {DEEPEST} levels deep", field="query")
    if type(node) in _REFUSED:
        raise InvalidQuery(f"{_REFUSED[type(node)]} is not possible: {str(node).strip()[:60]}; valid are {VALID}", field="query")
    if isinstance(node, tree.Word):
        return _word(node, name or "any")
    if isinstance(node, tree.Phrase):
        return _phrase(_unescape(node.value[1:-1]), name or "any")
    if isinstance(node, tree.SearchField):
        if name is not None:
            raise InvalidQuery(f"a field inside the field {name!r}; valid are {VALID}", field="query")
        return _compile(node.expr, _known_field(_unescape(node.name)), depth + 1)
    parts = [_compile(child, name, depth + 1) for child in node.children]
    if isinstance(node, (tree.Not, tree.Prohibit)):
        return lambda folded: not parts[0](folded)
    if isinstance(node, tree.OrOperation):
        return lambda folded: any(part(folded) for part in parts)
    return lambda folded: all(part(folded) for part in parts)


def _known_field(name: str) -> str:
    if name in WORDS_OF or name in WHOLE or (name.startswith(ATTRIBUTE) and name != ATTRIBUTE):
        return name
    raise InvalidQuery(f"no field {name[:40]!r}; valid are {VALID}", field="query")


def _is_whole(name: str) -> bool:
    return name in WHOLE or name.startswith(ATTRIBUTE)


def _word(node: tree.Word, name: str) -> Test:
    if node.value == "*":
        return lambda folded: bool(folded.text(name))
    if node.has_wildcard():
        return _pattern(list(node.split_wildcards()), name)
    return _phrase(_unescape(node.value), name)


def _phrase(text: str, name: str) -> Test:
    wanted = fold(text).strip()
    if not wanted:
        raise InvalidQuery(f"nothing to look for between quotes; valid are {VALID}", field="query")
    if _is_whole(name):
        return lambda folded: folded.text(name) == wanted
    found = re.compile(_left(wanted) + r"\s+".join(map(re.escape, wanted.split())) + _right(wanted)).search
    # A plain search first: it is many times faster, and most texts do not hold the word at all.
    longest = max(wanted.split(), key=len)
    return lambda folded: longest in (text := folded.text(name) or "") and found(text) is not None


def _pattern(parts: Sequence[str], name: str) -> Test:
    """Pieces between stars are searched one after the other, leftmost first, which takes linear time on any text."""
    pieces = [""]
    for part in parts:
        if part == "*":
            pieces.append("")
        else:
            pieces[-1] += "." if part == "?" else re.escape(fold(_unescape(part)))
    if not any(piece.strip(".") for piece in pieces):
        raise InvalidQuery(f"a word of wildcards only; valid are {VALID}", field="query")
    whole = _is_whole(name)
    first = pieces[0] if not whole and _UNSPACED.match(pieces[0]) else rf"\A{pieces[0]}"
    last = pieces[-1] if not whole and _UNSPACED.search(pieces[-1][-1:]) else rf"{pieces[-1]}\Z"
    if len(pieces) == 1:
        steps = [re.compile(first + last.removeprefix(pieces[0]), re.DOTALL)]
    else:
        steps = [re.compile(piece, re.DOTALL) for piece in (first, *pieces[1:-1], last)]

    def fits(word: str) -> bool:
        end = 0
        for step in steps:
            found = step.search(word, end)
            if found is None:
                return False
            end = found.end()
        return True

    if whole:
        return lambda folded: (value := folded.text(name)) is not None and fits(value)
    return lambda folded: any(map(fits, folded.words(name)))


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _left(wanted: str) -> str:
    """What must stand before it: the edge of a word, which is where a script without spaces ends, too. A sign may stand anywhere, but for
    those that begin a mention or a tag."""
    return f"(?:(?<={_UNSPACED.pattern})|(?<!{_word_letter()}))" if _has_edge(wanted[0]) or wanted[0] in "@#" else ""


def _right(wanted: str) -> str:
    return f"(?:(?={_UNSPACED.pattern})|(?!{_word_letter()}))" if _has_edge(wanted[-1]) else ""


def _has_edge(letter: str) -> bool:
    return not _UNSPACED.match(letter) and re.match(_word_letter(), letter) is not None


@cache
def _word_letter() -> str:
    """Letters, digits and underscore, and the marks that Indic and Semitic scripts put on letters, which `\\w` leaves out."""
    return f"[\\w{''.join(f'{chr(first)}-{chr(last)}' for first, last in _mark_ranges())}]"


@cache
def _word_finder() -> re.Pattern[str]:
    return re.compile(f"[@#]?{_word_letter()}+(?:['.&+-]{_word_letter()}+)*")


def _mark_ranges() -> Iterator[tuple[int, int]]:
    first = None
    for code in range(0x300, min(0x20000, sys.maxunicode)):
        is_mark = unicodedata.category(chr(code))[0] == "M"
        if is_mark and first is None:
            first = code
        elif not is_mark and first is not None:
            yield first, code - 1
            first = None
