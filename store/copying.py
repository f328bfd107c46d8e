"""Everything of one database into another that is empty: from the SQLite of a first machine to the PostgreSQL of many, say."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Table, func, insert, select, text

from core.errors import InvalidInput, Misconfigured
from store.database import Database
from store.tables import metadata

ROWS = 500
"""Read and written at once."""
LAST_ID = {
    "sqlite": "SELECT seq FROM sqlite_sequence WHERE name = :table",
    "postgresql": """
        SELECT last_value FROM pg_sequences
        WHERE quote_ident(schemaname) || '.' || quote_ident(sequencename) = pg_get_serial_sequence(:table, 'id')
    """,
}


def copy_database(source: Database, target: Database, *, note: Callable[[str, int], None] = lambda table, rows: None) -> None:
    """Copy every table as it was at one moment; ids stay, and those of rows that are gone are not given again.

    `target` is brought to the present schema first, and gets all or nothing. `note` is told of each table and its rows. Raises
    Misconfigured when the source is not at the present schema, InvalidInput when the target holds something already.
    """
    if not source.is_current():
        raise Misconfigured(f"{source.url.render_as_string()} is not at the version this Koe needs: run `koe db upgrade`")
    if target.revision() is not None and not target.is_current():
        raise InvalidInput(f"{target.url.render_as_string()} is of another version of Koe: give a database that is empty")
    target.upgrade()
    tables = metadata.sorted_tables
    with source.read() as reading, target.write() as writing:
        check_empty(writing, tables, target.url.render_as_string())
        for table in tables:
            note(table.name, _copy(reading, writing, table))
        _hand_ids_on(reading, writing, tables)


def check_empty(connection: Connection, tables: Sequence[Table], name: str) -> None:
    """Raises InvalidInput when one of the tables has a row."""
    for table in tables:
        if connection.scalar(select(func.count()).select_from(select(table).limit(1).subquery())):
            raise InvalidInput(f"{name} holds {table.name} already: give a database that is empty")


def _copy(reading: Connection, writing: Connection, table: Table) -> int:
    rows = 0
    found = reading.execution_options(yield_per=ROWS).execute(select(table).order_by(*table.primary_key.columns))
    for part in found.mappings().partitions():
        writing.execute(insert(table), [dict(row) for row in part])
        rows += len(part)
    return rows


def _hand_ids_on(reading: Connection, writing: Connection, tables: Sequence[Table]) -> None:
    """The next row gets an id that no row had, as it would have got at the source."""
    for table in tables:
        if table.dialect_options["sqlite"]["autoincrement"]:
            last = max(_last_id(reading, table), writing.scalar(select(func.max(table.c.id))) or 0)
            if last:
                _set_last_id(writing, table, last)


def _last_id(connection: Connection, table: Table) -> int:
    """The last that was handed out; 0 where none was."""
    return connection.scalar(text(LAST_ID[connection.dialect.name]), {"table": table.name}) or 0


def _set_last_id(connection: Connection, table: Table, last: int) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :last)"), {"table": table.name, "last": last})
        return
    changed = connection.execute(text("UPDATE sqlite_sequence SET seq = :last WHERE name = :table"), {"table": table.name, "last": last})
    if not changed.rowcount:
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)"), {"table": table.name, "last": last})
