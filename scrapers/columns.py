"""Columns of a file and the fields of feedback that they hold: guessed by name and by what the first rows hold, or as somebody said."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from core.errors import InvalidInput
from scrapers.cells import DEFAULT_SCALE, Cell, attribute_cell, number_cell, plain_cell, rating_cell, short_cell, text_cell, time_cell
from store.intake import (
    ALIASES,
    FUTURE_ALLOWED,
    LONGEST_ATTRIBUTE_NAME,
    MOST_ATTRIBUTES,
    SCALED,
    TARGETS,
    check_mapping,
    feedback_from_fields,
)

Cells = Mapping[str, Cell]
Convert = Callable[[Cell], object]

_NAMES = json.loads((Path(__file__).parent / "header_names.json").read_text(encoding="utf-8"))
TESTED = frozenset(
    {"url", "language", "country", "kind", "author.followers", "rating.value", "rating.scale", "scores.nps", "scores.csat", "scores.ces"}
)
"""A guess for these must fit what the column holds: a "language" of "English" or a "score" of 87 becomes an attribute instead."""
LEAST_FIT = 0.8
NAMELESS = re.compile(r"\(\d+\)")
_FAR = datetime(9000, 1, 1, tzinfo=UTC)


def guess_mapping(columns: Sequence[str], samples: Sequence[Cells] = ()) -> dict[str, str]:
    """Column -> field, `attributes.NAME`, or "" for ignored: what `Columns` makes of them when nobody says more."""
    return Columns.of(columns, samples).mapping


@dataclass(slots=True)
class Columns:
    """The mapping of a file. `ignored`: column -> why. It grows where later lines of a JSONL file bring new names."""

    mapping: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    steps: dict[str, tuple[str, str, Convert]] = field(default_factory=dict)
    scale: float = DEFAULT_SCALE

    @classmethod
    def of(cls, columns: Sequence[str], samples: Sequence[Cells] = (), given: Mapping[str, str] | None = None) -> "Columns":
        """`given` wins over the guess for the columns it names. Raises InvalidInput for targets there are not, or that two share."""
        self = cls()
        for column, target in check_mapping(given or {}).items():
            self._add(column, target)
        self.learn(columns, samples)
        return self

    def learn(self, columns: Iterable[str], samples: Sequence[Cells]) -> None:
        """Guess what columns hold that are not known yet."""
        new = [column for column in columns if column not in self.mapping]
        guessed = _by_name(new, {"rating.value" if SCALED.fullmatch(target) else target for target in self.mapping.values()})
        for column in new:
            target = guessed.get(column, "")
            if target and ("." in column or target not in TESTED or fits(target, [row.get(column) for row in samples])):
                self._add(column, target)
            else:
                self._add_unknown(column)

    def _add_unknown(self, column: str) -> None:
        """A column that no field wants: an attribute, or ignored with a reason."""
        asked_for = column.startswith("attributes.")
        name = column[11:].strip()[:LONGEST_ATTRIBUTE_NAME] if asked_for else slug(column)
        if not name or not name.isprintable() or NAMELESS.fullmatch(column):
            self._ignore(column, "it has no name")
        elif is_personal(column) and not asked_for:
            self._ignore(column, f"it looks personal; map it to author.id or attributes.{name} to keep it")
        elif f"attributes.{name}" in self.mapping.values():
            self._ignore(column, f"another column is already attributes.{name}")
        elif sum(target.startswith("attributes.") for target in self.mapping.values()) >= MOST_ATTRIBUTES:
            self._ignore(column, f"a feedback has at most {MOST_ATTRIBUTES} attributes")
        else:
            self._add(column, f"attributes.{name}")

    def has(self, target: str) -> bool:
        """Whether some column holds this field."""
        return target in self.mapping.values()

    def fields(self, cells: Cells) -> dict[str, object]:
        """The cells of one row as fields for store.intake. Raises InvalidInput for a cell that its field cannot read."""
        found: dict[str, object] = {}
        for column, cell in cells.items():
            step = self.steps.get(column)
            if step is None:
                continue
            parent, name, convert = step
            value = convert(plain_cell(cell))
            if value is None:
                continue
            if parent:
                inner = found.setdefault(parent, {})
                assert isinstance(inner, dict)  # noqa: S101 - only this loop writes parents
                inner[name] = value
            else:
                found[name] = value
        if "rating" in found:
            _complete_rating(found, self.scale)
        return found

    def _add(self, column: str, target: str) -> None:
        self.mapping[column] = target
        if not target:
            self.ignored[column] = "the mapping says so"
            return
        if scaled := SCALED.fullmatch(target):
            self.scale, target = float(scaled[1]), "rating.value"
        parent, _, name = target.rpartition(".") if not target.startswith("attributes.") else ("attributes", ".", target[11:])
        self.steps[column] = (parent, name, _converter(target))

    def _ignore(self, column: str, reason: str) -> None:
        self.mapping[column] = ""
        self.ignored[column] = reason


def fits(target: str, cells: Sequence[Cell]) -> bool:
    """Whether nearly all of the cells that hold something can be read as `target`; nothing at all fits."""
    filled = [cell for cell in cells if cell is not None and (not isinstance(cell, str) or cell.strip())]
    return not filled or sum(_reads(target, cell) for cell in filled) >= LEAST_FIT * len(filled)


def slug(column: str) -> str:
    """The name of an attribute: lower case, words joined by _, at most 40 characters; letters of any script stay."""
    plain = unicodedata.normalize("NFKC", column).casefold()
    return re.sub(r"[\W_]+", "_", plain).strip("_")[:LONGEST_ATTRIBUTE_NAME].rstrip("_")


def is_personal(column: str) -> bool:
    """Whether a name says e-mail, phone, address and the like."""
    return key_of(column) in _PERSONAL


def key_of(column: str) -> str:
    """What names are compared by: letters and digits without case, accents and spaces."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", column)).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


_PERSONAL = frozenset(key_of(name) for name in _NAMES["personal"])
_KNOWN: dict[str, dict[str, int]] = {
    target: {key_of(name): rank for rank, name in reversed(list(enumerate(names)))} for target, names in _NAMES["fields"].items()
}
_TEXT_ENDINGS, _NOT_THE_CUSTOMER = frozenset(_NAMES["text_endings"]), frozenset(_NAMES["not_the_customer"])


def _by_name(columns: Sequence[str], taken: set[str]) -> dict[str, str]:
    """The likeliest column for each field: one that is called like it, then by the order of header_names.json."""
    guessed: dict[str, str] = {}
    for target in TARGETS:
        named = [column for column in columns if column not in guessed and _own_name(column) == target]
        if named and target not in taken:
            guessed[named[0]] = target
            taken = taken | {target}
    for target, ranks in _KNOWN.items():
        free = [column for column in columns if column not in guessed and key_of(column) in ranks]
        if free and target not in taken:
            guessed[min(free, key=lambda column: ranks[key_of(column)])] = target
            taken = taken | {target}
    if "text" not in taken:
        endings = [column for column in columns if column not in guessed and _ends_like_text(column)]
        guessed |= dict.fromkeys(endings[:1], "text")
    return guessed


def _own_name(column: str) -> str:
    name = column.strip().lower()
    return ALIASES.get(name, name)


def _ends_like_text(column: str) -> bool:
    words = re.findall(r"[^\W_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", column).casefold())
    return bool(words) and words[-1] in _TEXT_ENDINGS and not _NOT_THE_CUSTOMER & set(words)


def _converter(target: str) -> Convert:
    if target.startswith("attributes."):
        return attribute_cell
    if target in {"author.followers", "rating.scale"} or target.startswith("scores."):
        return lambda cell: number_cell(cell, target)
    if target in {"created_at", "rating.value"}:
        return time_cell if target == "created_at" else rating_cell
    read = text_cell if target == "text" else short_cell
    return lambda cell: read(cell, target)


def _complete_rating(found: dict[str, object], scale: float) -> None:
    rating = found["rating"]
    assert isinstance(rating, dict)  # noqa: S101 - Columns.fields wrote it
    value, own_scale = rating.get("value") or (None, None)
    if value is None:
        del found["rating"]
    else:
        found["rating"] = {"value": value, "scale": own_scale or rating.get("scale") or scale}


def _reads(target: str, cell: Cell) -> bool:
    columns = Columns()
    columns._add("cell", target)
    other = {"rating": {"value": 0, "scale": 1}} if target == "rating.scale" else {}
    try:
        fields = columns.fields({"cell": cell})
        feedback_from_fields({"text": ".", **other, **fields}, now=_FAR - FUTURE_ALLOWED)
    except InvalidInput:
        return False
    return True
