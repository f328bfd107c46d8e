"""Where SQLite and PostgreSQL differ: column types, which make every text storable, upserts and row ids."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Integer,
    Interval,
    Row,
    Select,
    Table,
    Text,
    column,
    exists,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.types import JSON, TypeDecorator, TypeEngine

from core.errors import NotFound
from store.intake import storable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LARGEST_ID = 2**63 - 1

AnyRow = Row[*tuple[Any, ...]]
"""A row of whatever columns; it never leaves the package."""
RowId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite makes an identity of INTEGER only."""


def storable_json(value: Any) -> Any:
    """`storable` for every key and text inside a JSON value."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): storable_json(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable_json(one) for one in value]
    return value


def to_json(value: Any) -> str:
    """Compact JSON text, letters as they are; times and bytes as PostgreSQL reads them."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_as_postgresql_reads)


def _as_postgresql_reads(value: datetime | bytes) -> str:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else value.isoformat()


class Words(TypeDecorator[str]):
    """Text that sorts by code point on both databases."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text(collation="C") if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC times: `timestamptz` on PostgreSQL, whole microseconds since 1970 on SQLite (small, quick and sortable)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no zone: times inside are aware and UTC")
        return value.astimezone(UTC) if dialect.name == "postgresql" else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        # psycopg answers in the zone of the session.
        return value.astimezone(UTC) if dialect.name == "postgresql" else EPOCH + timedelta(microseconds=value)


class Json(TypeDecorator[Any]):
    """A JSON value; `jsonb` on PostgreSQL."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(postgresql.JSONB() if dialect.name == "postgresql" else JSON())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return storable_json(value)


def row_id(public: str, noun: str) -> int:
    """The database's id behind a public one. Raises NotFound for anything that cannot be an id."""
    if public.isascii() and public.isdigit() and 0 < len(public) <= 19 and (number := int(public)) <= LARGEST_ID:
        return number
    raise NotFound(f"no {noun} {public[:40]!r} in this workspace")


def insert_into(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insert that knows `on_conflict_do_nothing` and `on_conflict_do_update` on the database at hand."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def insert_all(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> tuple[postgresql.Insert | sqlite.Insert, list[Mapping[str, Any]] | None]:
    """An insert of `rows`, whose texts are storable already, and what to execute it with.

    PostgreSQL gets all rows as one JSON text: binding each value in Python took five times as long.
    """
    if connection.dialect.name != "postgresql":
        return sqlite.insert(table), list(rows)
    names = list(rows[0])
    columns = [column(name, table.c[name].type) for name in names]
    given = func.json_to_recordset(literal(list(rows), postgresql.JSON)).table_valued(*columns)
    chosen = select(*given.render_derived(name="given", with_types=True).c)
    return postgresql.insert(table).from_select(names, chosen), None


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, key: Sequence[str]) -> None:
    """Insert `rows`; one whose `key` columns exist already takes the new values instead."""
    if not rows:
        return
    statement, values = insert_all(connection, table, rows)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changed), values)


def locked(query: Select[int]) -> Select[int]:
    """The ids of `query`, locked and without those that another transaction holds, for `UPDATE ... WHERE id IN (...)`.

    As a materialized CTE: PostgreSQL may run a plain subquery several times, each time past the rows it took, beyond any LIMIT
    (https://www.postgresql.org/docs/current/queries-with.html).
    """
    picked = query.with_for_update(skip_locked=True).cte("picked").prefix_with("MATERIALIZED", dialect="postgresql")
    return select(picked.c.id)


def before(connection: Connection, moment: ColumnElement[datetime], stretch: timedelta) -> ColumnElement[Any]:
    """The time `stretch` before `moment`, to compare a UtcTime with."""
    if connection.dialect.name == "postgresql":
        return moment - literal(stretch, Interval)
    return type_coerce(type_coerce(moment, BigInteger) - stretch // MICROSECOND, UtcTime)


def start_of(connection: Connection, moment: ColumnElement[datetime], width: timedelta) -> ColumnElement[datetime]:
    """The start of the `width`-long stretch since 1970 that holds `moment`."""
    if connection.dialect.name == "postgresql":
        return func.date_bin(literal(width, Interval), moment, EPOCH, type_=UtcTime)
    number = type_coerce(moment, BigInteger)
    return type_coerce(number - number % (width // MICROSECOND), UtcTime)


def bytewise(connection: Connection, value: ColumnElement[str]) -> ColumnElement[str]:
    """`value` sorted by code point, as columns of Words are."""
    return value.collate("C") if connection.dialect.name == "postgresql" else value


def json_has(connection: Connection, pairs_of: ColumnElement[Any], name: str, value: str) -> ColumnElement[bool]:
    """Whether the JSON object in `pairs_of` holds this text under `name`, whatever letters the name is made of."""
    if connection.dialect.name == "postgresql":
        same: ColumnElement[bool] = pairs_of[name].as_string() == storable(value)
        return same
    pairs = func.json_each(pairs_of).table_valued("key", "value")
    return exists().where(pairs.c.key == storable(name), pairs.c.value == storable(value))


def add_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert many rows the quickest way there is: COPY on PostgreSQL, one prepared statement on SQLite. Texts are storable already."""
    names = ", ".join(f'"{name}"' for name in columns)
    if connection.dialect.name == "postgresql":
        cursor = connection.connection.cursor()
        with cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)
        return
    times = [index for index, name in enumerate(columns) if isinstance(table.c[name].type, UtcTime)]
    marks = ", ".join("?" * len(columns))
    values = [_with_numbers(row, times) for row in rows]
    if values:
        connection.exec_driver_sql(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', values)  # noqa: S608 (names of our tables)


def _with_numbers(row: Sequence[Any], times: Sequence[int]) -> tuple[Any, ...]:
    values = list(row)
    for index in times:
        values[index] = (values[index] - EPOCH) // MICROSECOND
    return tuple(values)


def unindexed(connection: Connection, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """`value`, to group or sort by without an index: SQLite prefers one that spares a small sort to one that finds the few rows."""
    return value if connection.dialect.name == "postgresql" else UnaryExpression(value, operator=custom_op("+"), type_=value.type)
