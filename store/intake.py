"""The rules for one feedback that comes in, the same for the API, files and connectors: what is wrong is refused, never guessed."""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from core.errors import InvalidInput
from core.times import VALID_TIME, parse_time
from store.records import KINDS, LONGEST_TEXT, Author, Kind, NewFeedback, Rating, Scores

FIELDS = (
    "text", "created_at", "external_id", "source", "title", "author", "url", "language", "country", "kind", "rating", "scores", "question",
    "product", "attributes", "parent_id",
)  # fmt: skip
"""Names of DESIGN's contract; any other name is refused."""
PARTS = {"author": ("id", "name", "followers"), "rating": ("value", "scale"), "scores": ("nps", "csat", "ces")}
TARGETS = (
    *(name for name in FIELDS if name not in PARTS and name != "attributes"),
    *(f"{name}.{part}" for name, parts in PARTS.items() for part in parts),
)
"""What a column of a file can be mapped to, beside `attributes.NAME`, `rating/10` (a rating out of ten) and "" (ignored)."""
ALIASES = {"author": "author.name", "rating": "rating.value", "nps": "scores.nps", "csat": "scores.csat", "ces": "scores.ces"}
SCALED = re.compile(r"rating/(\d+(?:\.\d+)?)", re.ASCII)
LONGEST = {
    "external_id": 256, "source": 100, "title": 500, "author.id": 256, "author.name": 256, "url": 2000, "question": 1000, "product": 256,
    "parent_id": 256,
}  # fmt: skip
"""Code points that each short field may hold."""
MOST_ATTRIBUTES = 32
LONGEST_ATTRIBUTE_NAME = 40
LONGEST_ATTRIBUTE_VALUE = 200
MOST_FOLLOWERS = 2**31 - 1
LARGEST_SCALE = 1000.0
SCORE_RANGES = {"nps": (0.0, 10.0), "csat": (1.0, 5.0), "ces": (1.0, 7.0)}
FUTURE_ALLOWED = timedelta(days=1)
"""A clock may be wrong and a zone forgotten; further ahead, a date is a mistake."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*", re.ASCII)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_SOON = 64  # letters of which nearly every text shows one


def feedback_from_fields(fields: Mapping[str, object], *, now: datetime, default_source: str = "api") -> NewFeedback:
    """One feedback from fields in the shape of the API: names of FIELDS, `author`, `rating`, `scores` and `attributes` as mappings.

    A field that is None or, text aside, empty counts as absent. Without `created_at` the feedback is of `now` and not `dated`; a time
    without a zone is UTC. `language` is cut to its primary code ("pt-BR" is "pt"), `country` is upper-cased, numbers and booleans among
    attributes become text.
    What no database can hold (U+0000, lone surrogates) becomes U+FFFD, one for one, so that offsets stay true.
    Raises InvalidInput whose `field` names the place ("rating.value") and whose message says what would be valid.
    """
    for name in fields:
        if name not in FIELDS:
            raise InvalidInput(f"unknown field {_shown(name)}; known are {', '.join(FIELDS)}", field=str(name)[:80])
    created_at = _created_at(fields.get("created_at"))
    if created_at is not None and created_at > now + FUTURE_ALLOWED:
        raise InvalidInput(f"created_at {created_at:%Y-%m-%dT%H:%M:%SZ} is more than a day in the future", field="created_at")
    return NewFeedback(
        text=_text(fields.get("text")),
        created_at=created_at or now,
        dated=created_at is not None,
        source=_short(fields, "source") or default_source,
        external_id=_short(fields, "external_id"),
        title=_short(fields, "title"),
        author=_author(_mapping(fields, "author")),
        url=_url(_short(fields, "url")),
        language=primary_language(_short(fields, "language")),
        country=_country(_short(fields, "country")),
        kind=_kind(_short(fields, "kind")),
        rating=_rating(_mapping(fields, "rating")),
        scores=_scores(_mapping(fields, "scores")),
        question=_short(fields, "question"),
        product=_short(fields, "product"),
        attributes=_attributes(_mapping(fields, "attributes")),
        parent_id=_short(fields, "parent_id"),
    )


def check_mapping(mapping: Mapping[str, object]) -> dict[str, str]:
    """Column of a file -> one of TARGETS, `attributes.NAME`, `rating/N` or "": what the reader of the file makes of `mapping`.

    Raises InvalidInput (field = mapping) for a target that there is not, naming those there are, and for one that two columns share.
    """
    checked: dict[str, str] = {}
    holders: dict[str, str] = {}
    for column, given in mapping.items():
        target = checked[column] = _target(column, given)
        held = "rating.value" if SCALED.fullmatch(target) else target
        if held and (other := holders.setdefault(held, column)) != column:
            raise InvalidInput(
                f"columns {_shown(other)} and {_shown(column)} are both mapped to {held}; map one of them elsewhere", field="mapping"
            )
    return checked


def _target(column: str, given: object) -> str:
    name = given.strip() if isinstance(given, str) else "?"
    name = ALIASES.get(name, name)
    if not name or name in TARGETS:
        return name
    if (scaled := SCALED.fullmatch(name)) and 0 < float(scaled[1]) <= LARGEST_SCALE:
        return name
    attribute = name.removeprefix("attributes.").strip()
    if name.startswith("attributes.") and 0 < len(attribute) <= LONGEST_ATTRIBUTE_NAME and attribute.isprintable():
        return f"attributes.{attribute}"
    valid = f"{', '.join((*TARGETS, *ALIASES))}, rating/10 for a rating out of ten, attributes.NAME, or nothing to ignore the column"
    shown = _shown(given) if isinstance(given, str) else "something that is no text"
    raise InvalidInput(f"column {_shown(column)} is mapped to {shown}, which is no field; valid are {valid}", field="mapping")


def storable(text: str) -> str:
    """`text` with U+FFFD for what no database can hold: U+0000 and lone surrogates. The length stays the same.

    Called again by the column types for every text, so that both databases keep the same.
    """
    return text if text.isascii() and "\x00" not in text else _UNSTORABLE.sub("\ufffd", text)


def is_blank(text: str) -> bool:
    """True when nothing in `text` can be seen: white space, control and format characters only."""
    begins = text.lstrip()
    # Each letter is looked at once: thousands of invisible ones may stand before the first that is not.
    return _is_invisible(begins[:_SOON]) and _is_invisible(set(begins[_SOON:]))


def _is_invisible(letters: Iterable[str]) -> bool:
    return all(unicodedata.category(letter) in _INVISIBLE for letter in letters)


def _text(value: object) -> str:
    if value is None:
        raise InvalidInput(f"text is missing; give 1 to {LONGEST_TEXT:,} characters", field="text")
    if not isinstance(value, str):
        raise InvalidInput(f"text must be text, not {_kind_of(value)}", field="text")
    if is_blank(value):
        raise InvalidInput("text is empty or only white space; give at least one visible character", field="text")
    if len(value) > LONGEST_TEXT:
        raise InvalidInput(f"text has {len(value):,} characters; at most {LONGEST_TEXT:,} are taken", field="text")
    return storable(value)


def _created_at(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        in_order = value.tzinfo is UTC and 1970 <= value.year < 9999
        return value if in_order else parse_time(value.isoformat(), field="created_at")
    if isinstance(value, str):
        return parse_time(value, field="created_at")
    raise InvalidInput(f"created_at must be {VALID_TIME}, not {_kind_of(value)}", field="created_at")


def _short(fields: Mapping[str, object], name: str, path: str | None = None) -> str | None:
    """The stripped text of a short field, None when absent; a whole number becomes its digits, since ids often are numbers."""
    value = fields.get(name)
    path = path or name
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise InvalidInput(f"{path} must be text, not {_kind_of(value)}", field=path)
    value = storable(value.strip())
    longest = LONGEST.get(path)
    if longest is not None and len(value) > longest:
        raise InvalidInput(f"{path} has {len(value):,} characters; at most {longest:,} are taken", field=path)
    return value or None


def _mapping(fields: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} must be an object such as {_EXAMPLES[name]}, not {_kind_of(value)}", field=name)
    known = PARTS.get(name)
    for part in value:
        if known is not None and part not in known:
            raise InvalidInput(f"unknown field {_shown(f'{name}.{part}')}; known are {', '.join(f'{name}.{k}' for k in known)}", field=name)
    return value


_EXAMPLES = {
    "author": '{"id": "42", "name": "Ana", "followers": 10}',
    "rating": '{"value": 4, "scale": 5}',
    "scores": '{"nps": 9, "csat": 4, "ces": 6}',
    "attributes": '{"plan": "pro"}',
}


def _author(parts: Mapping[str, object]) -> Author | None:
    if not parts:
        return None
    followers = _number(parts, "followers", "author.followers")
    if followers is not None and not (followers.is_integer() and 0 <= followers <= MOST_FOLLOWERS):
        raise InvalidInput(f"author.followers must be a whole number from 0 to {MOST_FOLLOWERS}", field="author.followers")
    author = Author(
        id=_short(parts, "id", "author.id"),
        name=_short(parts, "name", "author.name"),
        followers=None if followers is None else int(followers),
    )
    return None if author == Author() else author


def _url(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid or not value.isprintable() or " " in value:
        raise InvalidInput(f"url {_shown(value)} is not an address such as https://example.com/review/1", field="url")
    return value


def primary_language(value: str | None) -> str | None:
    """The primary code in small letters ("pt-BR" is "pt"), None for None and `und`. Raises InvalidInput."""
    if value is None:
        return None
    if not _LANGUAGE.fullmatch(value):
        raise InvalidInput(f"language {_shown(value)} is not a code such as en, ja or pt-BR", field="language")
    primary = re.split("[-_]", value.lower())[0]
    return None if primary == "und" else primary


def _country(value: str | None) -> str | None:
    if value is not None and not (len(value) == 2 and value.isascii() and value.isalpha()):
        raise InvalidInput(f"country {_shown(value)} is not a code of two letters such as JP or de", field="country")
    return None if value is None else value.upper()


def _kind(value: str | None) -> Kind:
    if value is None:
        return "other"
    for kind in KINDS:
        if kind == value.lower():
            return kind
    raise InvalidInput(f"kind {_shown(value)} is unknown; known are {', '.join(KINDS)}", field="kind")


def _rating(parts: Mapping[str, object]) -> Rating | None:
    value, scale = _number(parts, "value", "rating.value"), _number(parts, "scale", "rating.scale")
    if value is None and scale is None:
        return None
    if value is None or scale is None:
        missing = "value" if value is None else "scale"
        raise InvalidInput(f"rating.{missing} is missing; a rating looks like {_EXAMPLES['rating']}", field=f"rating.{missing}")
    if not 0 < scale <= LARGEST_SCALE:
        raise InvalidInput(f"rating.scale {scale:g} must be above 0 and at most {LARGEST_SCALE:g}", field="rating.scale")
    if not 0 <= value <= scale:
        raise InvalidInput(f"rating.value {value:g} must be from 0 to the scale, {scale:g}", field="rating.value")
    return Rating(value, scale)


def _scores(parts: Mapping[str, object]) -> Scores | None:
    if not parts:
        return None
    values = {name: _number(parts, name, f"scores.{name}") for name in SCORE_RANGES}
    for name, (least, most) in SCORE_RANGES.items():
        value = values[name]
        if value is not None and not least <= value <= most:
            raise InvalidInput(f"scores.{name} {value:g} must be from {least:g} to {most:g}", field=f"scores.{name}")
    scores = Scores(**values)
    return None if scores == Scores() else scores


def _number(parts: Mapping[str, object], name: str, path: str) -> float | None:
    value = parts.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{path} must be a number, not {_kind_of(value)}", field=path)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidInput(f"{path} must be a finite number", field=path)
    return number


def _attributes(parts: Mapping[str, object]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, value in parts.items():
        path = f"attributes.{name}"[:80]
        if not name.strip() or len(name) > LONGEST_ATTRIBUTE_NAME or not name.isprintable():
            valid = f"1 to {LONGEST_ATTRIBUTE_NAME} printable characters"
            raise InvalidInput(f"attribute name {_shown(name)} must be {valid}", field="attributes")
        text = attribute_text(value, path)
        if len(text) > LONGEST_ATTRIBUTE_VALUE:
            raise InvalidInput(f"{path} has {len(text):,} characters; at most {LONGEST_ATTRIBUTE_VALUE} are taken", field=path)
        if text:
            attributes[name.strip()] = text
    if len(attributes) > MOST_ATTRIBUTES:
        raise InvalidInput(f"{len(attributes)} attributes were given; at most {MOST_ATTRIBUTES} are taken", field="attributes")
    return attributes


def attribute_text(value: object, path: str) -> str:
    """The text of an attribute's value: text stripped, 5 as "5", True as "true", None as "" (absent).

    Raises InvalidInput, naming `path`, for a list, an object or a number that is not finite.
    """
    match value:
        case None:
            return ""
        case str():
            return storable(value.strip())
        case bool():
            return "true" if value else "false"
        case int() if abs(value) < 10**LONGEST_ATTRIBUTE_VALUE:
            return str(value)
        case float() if math.isfinite(value):
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    raise InvalidInput(f"{path} must be text, a number or true/false, not {_kind_of(value)}", field=path)


def _kind_of(value: object) -> str:
    """How JSON calls the type, so that the reader of the message recognises it."""
    names = {bool: "true/false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), type(value).__name__)


def _shown(value: object) -> str:
    """A short quoted form for messages."""
    text = str(value)
    return repr(text if len(text) <= 40 else text[:39] + "…")
