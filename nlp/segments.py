"""Sentences of a text in any script, as spans that cover every character but blanks exactly once, in time linear in the text."""

import re
import unicodedata
from collections.abc import Iterator

from nlp.clean import URL
from store.records import Span

LONGEST = 400  # code points; about 100 tokens of English or 250 of Japanese, so that a piece says one thing and fits a window
_EARLIEST_CUT = LONGEST // 2
_CLOSERS = r"[\"'”’»›)\]}」』】）〉》〕｝］＂＇｣⟩〞〟]"
# These end a sentence wherever they stand: no blank follows them in Chinese and Japanese, and none is needed in the others.
_FULL_STOPS = "。！？｡．؟۔।॥።፧།༎။។៕᙮‼⁇⁈⁉︒﹒﹗﹖᠃᠉꓿𑁇𑁈"
_BREAK = re.compile(
    rf"(?P<url>{URL.pattern})"
    r"|(?P<line>[\n\x0b\x0c\r\x85\u2028\u2029]+)"
    rf"|(?P<stop>[{_FULL_STOPS}.!?…]+{_CLOSERS}*)"
    r"|(?P<bullet>(?<!\S)[•●▪◦‣⁃■◆✔✅✓✗✘❌](?=\s*\w))"
)
_EMOJI = r"[\u2639-\u263b\u2661-\u2665\u2728\u2764\U0001f300-\U0001faff][\u200d\ufe0f\U0001f300-\U0001faff]*"
_SMILES = re.compile(rf"(?:[^\S\n]*(?:[:;=][-'^]?[()DPp/|*]+(?!\w)|{_EMOJI}))*")
_NEVER_LAST = frozenset(
    """dr mr mrs ms mx prof st sr jr vs cf bzw ggf evtl vgl zzgl inkl incl excl approx ca abb fr hr mme mlle dra sra srta avda exmo exma
    sig dott avv ул mgr ul bijv enz osv feks""".split()  # noqa: SIM905 a table of words reads better as words
)
_SELDOM_LAST = frozenset(
    """inc ltd co corp dept est etc min max tel ext al usw usf sog str mio mrd tsd env ud uds pág ecc руб коп тыс млн млрд стр тел др шт
    godz itp itd evt kl vb örn""".split()  # noqa: SIM905
)
_BEFORE_A_NUMBER = frozenset("no nr num núm nº art fig vol pp kap abs sec ch".split())  # noqa: SIM905
_MONTHS = frozenset("januar jänner februar märz april mai juni juli august september oktober november dezember".split())  # noqa: SIM905
_WORD = re.compile(r"\w+")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")


def split(text: str) -> list[Span]:
    """The sentences of `text`, in order: spans of its code points without blanks at either end.

    Every character that is not a blank is in exactly one span; no span is longer than 400 code points; closing quotes and brackets,
    and marks or emoji without a word, belong to the sentence before them. Abbreviations, decimals, addresses and wrapped lines do not
    end a sentence. A text of blanks only has none. Never raises.
    """
    wholes = _joined(text, _between(text, _ends(text)))
    return [piece for whole in wholes for piece in _pieces(text, whole)]


def _ends(text: str) -> Iterator[int]:
    """Where one sentence ends and the next may begin."""
    for match in _BREAK.finditer(text):
        if match.lastgroup == "bullet":
            yield match.start()
        elif match.lastgroup == "line":
            if not _is_wrapped(text, match.start(), match.end()):
                yield match.end()
        elif match.lastgroup == "stop":
            smiles = _SMILES.match(text, match.end())
            end = smiles.end() if smiles else match.end()
            if _stops(text, match, end):
                yield end


def _between(text: str, ends: Iterator[int]) -> Iterator[Span]:
    start = 0
    for end in (*ends, len(text)):
        piece = text[start:end]
        if bare := piece.strip():
            begin = start + len(piece) - len(piece.lstrip())
            yield Span(begin, begin + len(bare))
        start = end


def _is_wrapped(text: str, start: int, end: int) -> bool:
    """A line of forty characters or more that stops in mid-sentence: mail programs break lines there, people do not."""
    following = text[end : end + 1]
    line = text[max(start - 40, 0) : start]
    return end - start <= 2 and following.islower() and len(line) == 40 and "\n" not in line and (line[-1].isalnum() or line[-1] == ",")


def _stops(text: str, match: re.Match[str], end: int) -> bool:
    """Whether the marks of `match`, with the smiles up to `end`, end a sentence."""
    marks, following = match.group(), text[end : end + 1]
    if not following or any(mark in _FULL_STOPS for mark in marks):
        # 「…。」と思った: the quotation is part of a sentence that goes on; ３．５ is a number.
        return not (marks == "．" and following.isdigit()) and not (marks[-1] in "」』" and following in ("と", "っ"))
    if not following.isspace():
        # Korean, Chinese and Japanese written in haste use the western dot and no blank: 없다.대신
        is_unspaced_dot = marks[0] == "." and "\u3040" <= text[match.start() - 1 : match.start()] <= "\ud7a3" and following > "\u3040"
        return (marks[0] in "!?" or is_unspaced_dot) and (following.isupper() or unicodedata.category(following) == "Lo")
    if marks[0] == "…" or marks.startswith(".."):
        return not _next_word(text, end).islower()
    return marks != "." or not _is_inside_sentence(text, match.start(), end)


def _is_inside_sentence(text: str, dot: int, end: int) -> bool:
    """Whether the single dot at `dot` belongs to an abbreviation, an initial or an ordinal number."""
    before, after = _last_word(text, dot), _next_word(text, end)
    folded = before.lower()
    if before.isdigit():
        return len(before) <= 2 and (_starts_line(text, dot - len(before)) or after.islower() or after.lower() in _MONTHS)
    if folded in _BEFORE_A_NUMBER:
        return after[:1].isdigit()
    if folded in _SELDOM_LAST:
        return after.islower() or after[:1].isdigit()
    # A single letter is an initial or an abbreviation in alphabets (J. Smith, z.B., т.е., د.), a word in syllables and ideographs.
    return folded in _NEVER_LAST or (len(before) == 1 and before.isalpha() and before < "\u0900")


def _starts_line(text: str, at: int) -> bool:
    return at == 0 or text[at - 1] in "\n\r"


def _last_word(text: str, end: int) -> str:
    start = end
    while start > 0 and end - start < 12 and text[start - 1].isalnum():
        start -= 1
    return text[start:end]


def _next_word(text: str, start: int) -> str:
    match = _WORD.search(text, start, start + 24)
    return match.group() if match else ""


def _joined(text: str, spans: Iterator[Span]) -> list[Span]:
    """Spans without a letter or digit (a row of emoji, "!!!") go to the sentence before them; leading ones to the first that has some."""
    joined: list[Span] = []
    speaks = False
    for span in spans:
        has_word = _LETTER_OR_DIGIT.search(text, span.start, span.end) is not None
        if joined and not (has_word and speaks):
            joined[-1] = Span(joined[-1].start, span.end)
        else:
            joined.append(span)
        speaks = speaks or has_word
    return joined


def _pieces(text: str, span: Span) -> Iterator[Span]:
    """`span` cut at blanks or commas into pieces of at most LONGEST code points."""
    start = span.start
    while span.end - start > LONGEST:
        cut = _cut(text, start)
        end = cut
        while text[end - 1].isspace():
            end -= 1
        yield Span(start, end)
        start = cut
        while text[start].isspace():
            start += 1
    yield Span(start, span.end)


def _cut(text: str, start: int) -> int:
    """The best place between half and the whole of LONGEST: after a comma, else at a blank, else anywhere but inside a character."""
    earliest, latest = start + _EARLIEST_CUT, start + LONGEST
    for marks in (",;:、，；：،؛，､—–", None):
        for at in range(latest, earliest, -1):
            if text[at].isspace() if marks is None else text[at - 1] in marks and not text[at].isdigit():
                return at
    at = latest
    while at > earliest and _joins(text[at - 1], text[at]):
        at -= 1
    return at if at > earliest else latest


def _joins(left: str, right: str) -> bool:
    """Whether a cut between the two would tear a character: marks, joiners, variation selectors and skin tones hold to the left."""
    return left == "\u200d" or right == "\u200d" or unicodedata.category(right).startswith("M") or "\U0001f3fb" <= right <= "\U0001f3ff"
