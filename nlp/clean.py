"""A segment as the model should read it: what changes no meaning is made alike, in time linear in the text, whatever the text holds."""

import re
import unicodedata

# Latin, Greek, Cyrillic and Armenian may stand in an address; kana, Han or Thai right behind one belong to the sentence.
_IN_URL = r"[^\W\u0590-\U0010ffff]|[!#-;=?-~]"
URL = re.compile(rf"(?:(?i:https?)://|(?<![A-Za-z0-9])(?i:www)\.)(?:{_IN_URL})+(?<![.,;:!?'*)\]}}])")
# A name, or a name with its server (@name@server.social); the @ of an e-mail address has a letter before it.
MENTION = re.compile(r"(?<![A-Za-z0-9_.+/@-])@[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*(?:@[A-Za-z0-9.-]*[A-Za-z0-9])?")
# Lone surrogates, control, format and private characters but the joiners, which shape emoji and Persian words.
_UNREADABLE = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_BLANK = re.compile(r"[\s\u200b]+")
_SAME_CHARACTER = re.compile(r"([^\d\s])\1{3,}")
_SAME_GROUP = re.compile(r"(\D{1,8}?)\1{5,}")
MOST_MARKS = 4  # Hebrew with vowels and accents needs four on a letter; zalgo has dozens
_ROOM = 64  # one ligature may spell a sentence (U+FDFA becomes 18 characters), thousands of them are an attack


def clean(text: str) -> str:
    """`text` (a segment or a whole text) for the tokenizer; offsets are not kept, the result is only read by the model.

    Unicode NFKC with at most four marks a letter, no control characters, addresses as "http" and @names as "@user", one space for
    any blank, and elongations shortened: a character stands at most three times in a row (digits excepted), a group at most three
    times where it stood six times or more. Never raises; the result may be empty. Source of "http" and "@user": the preparation of
    the tweets of XLM-T (Barbieri et al., 2022), on which sentiment is trained.
    """
    text = _UNREADABLE.sub("", text)
    if not text.isascii():
        text = _compatible(text)
    text = URL.sub("http", text)
    text = MENTION.sub("@user", text)
    text = _BLANK.sub(" ", text).strip()
    text = _SAME_CHARACTER.sub(r"\1\1\1", text)
    return _SAME_GROUP.sub(r"\1\1\1", text)


def _compatible(text: str) -> str:
    """NFKC, cut where it would swell; marks are capped first, because sorting a run of them takes the square of its length."""
    return unicodedata.normalize("NFKC", _with_few_marks(text))[: 2 * len(text) + _ROOM]


def _with_few_marks(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)
