"""What is known around stored texts: what the same author wrote before, and the language that the source was configured with."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, union_all

from store.records import Circumstances, EarlierText, Feedback
from store.tables import feedback, sources

EARLIER = 3
"""Texts of the author that are looked at; the last ones tell as much as all."""
SHORT = 80
"""Code points. A longer text tells its language by itself."""
READ = 300
"""Code points of an earlier text: more of it tells nothing new."""


def load_circumstances(connection: Connection, rows: Sequence[Feedback]) -> list[Circumstances]:
    """For each of `rows`, of any workspaces and in their order; two statements for all of them.

    "Before" means stored earlier in the same source: neither the order in which texts are annotated nor what was said of them plays a
    part, so whoever asks for a row, and whenever, gets the same.
    """
    doubtful = [int(one.id) for one in rows if one.language is None and one.author and one.author.id and len(one.text) <= SHORT]
    earlier = _earlier(connection, doubtful)
    languages = _source_languages(connection, rows)
    return [Circumstances(tuple(earlier.get(int(one.id), ())), languages.get((int(one.workspace_id), one.source))) for one in rows]


def _earlier(connection: Connection, ids: Sequence[int]) -> dict[int, list[EarlierText]]:
    found = dict[int, list[EarlierText]]()
    if not ids:
        return found
    asked, same = feedback.alias("asked"), feedback.alias("same")
    by_author = (
        select(same.c.id)
        .where(same.c.workspace_id == asked.c.workspace_id, same.c.author_id == asked.c.author_id, same.c.source == asked.c.source)
        .where(same.c.id < asked.c.id)
        .order_by(same.c.id.desc())
        .limit(1)
    )
    # One step along the index for each place: an author with a million texts costs no more than one with three.
    places = [select(asked.c.id.label("of"), by_author.offset(place).scalar_subquery().label("id")) for place in range(EARLIER)]
    pairs = union_all(*(place.where(asked.c.id.in_(ids)) for place in places)).cte("pairs")
    text: ColumnElement[Any] = func.substr(feedback.c.text, 1, READ)
    query = select(pairs.c.of, text, feedback.c.language).join(feedback, feedback.c.id == pairs.c.id)
    for of, said, language in connection.execute(query.order_by(pairs.c.of, feedback.c.id.desc())):
        found.setdefault(of, []).append(EarlierText(said, language))
    return found


def _source_languages(connection: Connection, rows: Sequence[Feedback]) -> dict[tuple[int, str], str]:
    workspaces, names = {int(one.workspace_id) for one in rows}, {one.source for one in rows}
    query = select(sources.c.workspace_id, sources.c.name, sources.c.options)
    found = connection.execute(query.where(sources.c.workspace_id.in_(workspaces), sources.c.name.in_(names)))
    return {(row.workspace_id, row.name): language for row in found if (language := row.options.get("language"))}
