"""Rows into a table by the two ways that MySQL has: LOAD DATA LOCAL from a stream, and INSERTs of many rows.

LOAD DATA is faster, and often forbidden (`local_infile` is off by default since MySQL 8). With LOCAL, what a strict session
refuses is only a warning, and a doubled key drops the row (dev.mysql.com/doc/refman/8.4/en/load-data.html): so no warning is
let pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymysql.constants import COMMAND
from pymysql.protocol import OKPacketWrapper

from dagster_pipeline.connectors.sink.mysql.errors import refusal, without_value
from dagster_pipeline.connectors.sink.row_texts import lines, value_lists
from dagster_pipeline.errors import FatalError

PACKET_BYTES = 1 << 20
"""Of a packet of LOAD DATA, and of an INSERT where the server allows as much."""
_ROOM = 1 << 16
"""Left in a packet for the head of a statement."""


def allows_load_data(cursor: Any) -> bool:
    """The server takes rows from the client's stream."""
    cursor.execute("SELECT @@local_infile")
    (allowed,) = cursor.fetchone()
    return str(allowed) in ("1", "ON")


def insert_bytes(cursor: Any) -> int:
    """Of the rows of one INSERT."""
    cursor.execute("SELECT @@max_allowed_packet")
    (largest,) = cursor.fetchone()
    return max(min(PACKET_BYTES, int(largest) - _ROOM), 1)


def load_rows(
    connection: Any, statement: str, columns: Sequence[Any], families: Sequence[str], *, table: str
) -> int:
    """One LOAD DATA; returns the bytes of its rows. Raises `DataQualityError` for rows that were changed or left out.

    Not by PyMySQL's own way, which opens whatever file the server names.
    """
    data = lines(columns, families)
    connection._execute_command(COMMAND.COM_QUERY, statement.encode())
    if not connection._read_packet().is_load_local_packet():
        raise FatalError(f"{table}: the server did not ask for the rows of LOAD DATA.")
    for start in range(0, len(data), PACKET_BYTES):
        connection.write_packet(bytes(data[start : start + PACKET_BYTES]))
    connection.write_packet(b"")
    done = OKPacketWrapper(connection._read_packet())
    rows = len(columns[0])
    if done.warning_count or done.affected_rows != rows:
        raise _refused(connection, table, rows=rows, written=int(done.affected_rows))
    return len(data)


def insert_rows(
    connection: Any,
    head: str,
    columns: Sequence[Any],
    families: Sequence[str],
    *,
    table: str,
    most_bytes: int,
) -> int:
    """As many INSERTs as it takes; returns the bytes of their rows."""
    size = 0
    with connection.cursor() as cursor:
        for values, rows in value_lists(columns, families, most_bytes):
            written = cursor.execute(head.encode() + values)
            if cursor.warning_count or written != rows:
                raise _refused(connection, table, rows=rows, written=written)
            size += len(values)
    return size


def _refused(connection: Any, table: str, *, rows: int, written: int) -> Exception:
    with connection.cursor() as cursor:
        cursor.execute("SHOW WARNINGS LIMIT 1")
        warning = cursor.fetchone()
    if warning is None:
        return FatalError(f"{table}: {written} of {rows} rows were written, and the server does not say why.")
    return refusal(table, int(warning[1]), without_value(str(warning[2])))
