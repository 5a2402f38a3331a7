"""Statements about tables and where they stand. Each function works inside its caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, select, update

from dagster_pipeline.errors import FatalError
from dagster_pipeline.state import ledger
from dagster_pipeline.state.database import Database
from dagster_pipeline.state.ledger import Key
from dagster_pipeline.state.records import Load, TableState
from dagster_pipeline.state.tables import loads, positions, tables

GREATEST_VERSION = 2**63 - 1
"""What the store can count to; UInt64 in the warehouse holds twice that."""


def claim(connection: Connection, database: Database, table: str) -> None:
    """Hold the table's row until the transaction ends, so that no other transaction changes the table's state."""
    known = database.insert(tables).values(table_name=table, version=0)
    # An update that changes nothing locks the row, also when it is new; DO NOTHING would not.
    same = {tables.c.version: tables.c.version}
    connection.execute(known.on_conflict_do_update(index_elements=[tables.c.table_name], set_=same))


def raise_version(connection: Connection, database: Database, table: str, *, above: int) -> int:
    """The next version of a table, in one statement. Raises `FatalError` when there is none left."""
    if above >= GREATEST_VERSION:
        raise FatalError(
            f"{table} holds _version {above}, and the state store counts to {GREATEST_VERSION}.",
            todo="Load the table anew under another name: its versions were not given out by this pipeline.",
        )
    following = case((tables.c.version > above, tables.c.version), else_=above) + 1
    first = database.insert(tables).values(table_name=table, version=above + 1)
    statement = first.on_conflict_do_update(
        index_elements=[tables.c.table_name], set_={tables.c.version: following}
    )
    return int(connection.execute(statement.returning(tables.c.version)).scalar_one())


def enter(connection: Connection, database: Database, table: str, partition: str) -> None:
    """Make the table and partition known."""
    known = database.insert(positions).values(table_name=table, partition_key=partition)
    connection.execute(known.on_conflict_do_nothing())


def put(connection: Connection, table: str, partition: str, **values: object) -> None:
    """Change columns of a position that is known."""
    at = (positions.c.table_name == table, positions.c.partition_key == partition)
    connection.execute(update(positions).where(*at).values(**values))


def cursors_of(connection: Connection, table: str) -> dict[str, str]:
    """Cursors of a table by partition, in one statement: a table of objects has one for each object."""
    at = (positions.c.table_name == table, positions.c.cursor_value.is_not(None))
    query = select(positions.c.partition_key, positions.c.cursor_value).where(*at)
    return {row.partition_key: row.cursor_value for row in connection.execute(query)}


def restore(connection: Connection, database: Database, state: TableState) -> None:
    """Put a table and partition where the given state has it. The version of the table only rises."""
    claim(connection, database, state.table)
    higher = (tables.c.table_name == state.table, tables.c.version < state.version)
    connection.execute(update(tables).where(*higher).values(version=state.version))
    ledger.abandon_open(connection, state.table, state.partition)
    enter(connection, database, state.table, state.partition)
    put(
        connection,
        state.table,
        state.partition,
        cursor_value=state.cursor,
        row_count=state.rows,
        last_success_at=state.last_success_at,
        loaded_as=state.loaded_as or None,
    )
    if state.open_load:
        ledger.remove(connection, state.open_load.load_id)  # a copy may be restored into its own store
        ledger.add(connection, state.open_load)


def state_of(connection: Connection, table: str, partition: str) -> TableState:
    """Where one table and partition stands; fresh when it is not known."""
    here = and_(positions.c.table_name == tables.c.table_name, positions.c.partition_key == partition)
    left_open = ledger.open_loads(connection, loads.c.table_name == table, loads.c.partition_key == partition)
    row = connection.execute(_joined(here).where(tables.c.table_name == table)).one_or_none()
    return _state(row, partition, left_open) if row else TableState(table=table, partition=partition)


def all_states(connection: Connection) -> tuple[TableState, ...]:
    """Every table and partition, sorted; a table of which only a version is known stands as unpartitioned."""
    left_open = ledger.open_loads(connection)
    rows = connection.execute(_joined(positions.c.table_name == tables.c.table_name)).all()
    found = [_state(row, row.partition_key or "", left_open) for row in rows]
    return tuple(sorted(found, key=lambda state: (state.table, state.partition)))


def _joined(on: ColumnElement[bool]) -> Select[Any]:
    position = [column for column in positions.c if column is not positions.c.table_name]
    return select(tables, *position).select_from(tables.outerjoin(positions, on))


def _state(row: Row[Any], partition: str, left_open: Mapping[Key, Load]) -> TableState:
    return TableState(
        table=row.table_name,
        partition=partition,
        cursor=row.cursor_value,
        version=row.version,
        rows=row.row_count,
        last_success_at=row.last_success_at,
        open_load=left_open.get((row.table_name, partition)),
        loaded_as=row.loaded_as or "",
    )
