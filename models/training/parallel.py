"""The same sentence in many languages: finds the rows of M-ABSA that are translations of each other, without reading their words.

The set has no row numbers. A sentence and its translations bear the same domain, the same aspects with the same polarity and the same
numerals; where only one row of a language bears them, it is the translation. No model has a say, so pairs may judge models.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from models.training.data import Row, read_rows

SOURCE, PIVOT = "m_absa", "en"
_NUMERAL = re.compile(r"\d+")

Signature = tuple[str, tuple[tuple[str, str, bool], ...], tuple[str, ...]]


def translations(data: Path, *, split: str) -> list[Mapping[str, str]]:
    """One mapping per English sentence: language to text, English among them; in the order of the English rows."""
    groups: dict[Signature, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows(read_rows(data, SOURCE), split):
        groups[_signature(row)][row["lang"]].append(row["text"])
    unique = ({language: texts[0] for language, texts in group.items() if len(texts) == 1} for group in groups.values())
    return [found for found in unique if PIVOT in found and len(found) > 1]


def _rows(rows: Iterable[Row], split: str) -> Iterator[Row]:
    return (row for row in rows if row["split"] == split)


def _signature(row: Row) -> Signature:
    aspects = sorted((str(category), str(polarity), term == "NULL") for term, category, polarity in row["aspects"])
    return row["variant"], tuple(aspects), tuple(sorted(_NUMERAL.findall(row["text"])))
