"""Asks ClickHouse what a table is, and how it spells what a table should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import Ddl, quote_string, structure, table_columns
from dagster_pipeline.connectors.sink.clickhouse.table_shape import ColumnShape, TableShape, parse_engine

Rows = Callable[[str, Mapping[str, object] | None], list[tuple[Any, ...]]]
"""Runs a SELECT with parameters and returns its rows."""

_ENGINE_MARK = " ENGINE = "


def canonical_types(columns: Sequence[tuple[str, str]], rows: Rows) -> dict[str, str]:
    """Each column's type as ClickHouse prints it: `Decimal(20,4)` is `Decimal(20, 4)`, `INTEGER` is `Int32`."""
    described = rows(f"DESCRIBE TABLE null({quote_string(structure(columns))})", None)
    return {name: type_ for name, type_, *_ in described}


def wanted_shape(table: SinkTable, ddl: Ddl, rows: Rows) -> TableShape:
    """The table as its file wants it."""
    columns = table_columns(table)
    types = canonical_types([(column.name, column.type) for column in columns], rows)
    # The formatter needs a whole statement; any column will do, since it looks no name up.
    statement = f"CREATE TABLE shape (`column` UInt8) ENGINE = {ddl.engine(table)}"
    ((formatted,),) = rows("SELECT formatQuerySingleLine({statement:String})", {"statement": statement})
    return TableShape(
        columns=tuple(
            ColumnShape(column.name, types[column.name], column.default, column.comment) for column in columns
        ),
        engine=parse_engine(formatted.partition(_ENGINE_MARK)[2]),
        comment=table.comment,
    )


def existing_shape(database: str, name: str, rows: Rows) -> TableShape | None:
    """The table as it stands; `None` when there is none."""
    found = rows(
        "SELECT if(engine_full = '', engine, engine_full), comment, (SELECT groupArray((name, type, default_expression, "
        "comment, is_in_sorting_key OR is_in_partition_key OR is_in_primary_key)) FROM (SELECT * FROM system.columns "
        "WHERE database = {database:String} AND table = {name:String} ORDER BY position)) "
        "FROM system.tables WHERE database = {database:String} AND name = {name:String}",
        {"database": database, "name": name},
    )
    if not found:
        return None
    ((engine, comment, columns),) = found
    return TableShape(
        columns=tuple(
            ColumnShape(column, type_, default, text, in_key=bool(in_key))
            for column, type_, default, text, in_key in columns
        ),
        engine=parse_engine(engine),
        comment=comment,
    )
