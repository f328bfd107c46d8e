"""Which model annotates since when: counts that two models made are not one series, so a new model starts a new past."""

from datetime import datetime
from itertools import takewhile

from sqlalchemy import Connection, delete, insert, select

from store.tables import model_changes

MOST_CHANGES = 20
"""Two machines with different models take turns for ever; what is long past is of no use."""


def note_model(connection: Connection, model: str, taxonomy: str, now: datetime) -> None:
    """This model annotates from now on; nothing changes while it is the one that was noted last."""
    if current_model(connection) != (model, taxonomy):
        values = {"model": model, "taxonomy": taxonomy, "since": now}
        newest = connection.execute(insert(model_changes).returning(model_changes.c.id), values).scalar_one()
        connection.execute(delete(model_changes).where(model_changes.c.id <= newest - MOST_CHANGES))


def current_model(connection: Connection) -> tuple[str, str] | None:
    """The model and the taxonomy that were noted last; None before the first annotation."""
    newest = select(model_changes.c.model, model_changes.c.taxonomy).order_by(model_changes.c.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return None if row is None else (row.model, row.taxonomy)


def comparable_since(connection: Connection) -> datetime | None:
    """From when on annotations are those of the present model; None when there never was another."""
    changes = connection.execute(select(model_changes).order_by(model_changes.c.id.desc())).all()
    present = list(takewhile(lambda row: (row.model, row.taxonomy) == (changes[0].model, changes[0].taxonomy), changes))
    return present[-1].since if len(present) < len(changes) else None
