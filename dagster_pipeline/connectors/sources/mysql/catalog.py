"""What information_schema says of a table or view."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pymysql.cursors import Cursor

from dagster_pipeline.connectors.batch import SourceColumn, SourceTable
from dagster_pipeline.connectors.sources.catalog_names import missing_table
from dagster_pipeline.connectors.sources.sql_dialect import ComparedColumn
from dagster_pipeline.database_url import DatabaseUrl

_TABLE = """
SELECT COALESCE(table_rows, 0), COALESCE(avg_row_length, 0)
FROM information_schema.tables WHERE table_schema = %s AND table_name = %s
"""
_COLUMNS = """
SELECT column_name, column_type, data_type, is_nullable = 'YES', column_comment
FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position
"""
_PRIMARY_KEY = """
SELECT column_name FROM information_schema.statistics
WHERE table_schema = %s AND table_name = %s AND index_name = 'PRIMARY' ORDER BY seq_in_index
"""
_NAMES = "SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables WHERE table_schema = %s LIMIT 10000"
_WIDE = re.compile(r"(tiny|medium|long)?(text|blob)|json|varchar|varbinary|geometry")


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table as described, and what else the connector needs to address it.

    Attributes:
        described: the contract's answer.
        compared: every column as windows and key ranges compare it.
        wide: names of columns whose values may be much longer than the catalog's estimate of a row.
    """

    described: SourceTable
    compared: Mapping[str, ComparedColumn]
    wide: tuple[str, ...]


def read_table(cursor: Cursor, *, database: str, table: str, url: DatabaseUrl) -> CatalogTable:
    """Describe a table. Raises `ConfigurationError` that names the nearest existing ones when it is not there."""
    cursor.execute(_TABLE, (database, table))
    found = cursor.fetchone()
    if found is None:
        cursor.execute(_NAMES, (database,))
        raise missing_table(
            f"{database}.{table}",
            existing=(str(name) for (name,) in cursor.fetchall()),
            url=url,
            grant="grant SELECT on it.",
        )
    rows, row_bytes = found
    cursor.execute(_COLUMNS, (database, table))
    columns = cursor.fetchall()
    cursor.execute(_PRIMARY_KEY, (database, table))
    key = tuple(str(name) for (name,) in cursor.fetchall())
    return CatalogTable(
        SourceTable(
            name=f"{database}.{table}",
            columns=tuple(
                SourceColumn(str(name), str(column_type), bool(nullable), str(comment))
                for name, column_type, _, nullable, comment in columns
            ),
            primary_key=key,
            estimated_rows=int(rows),
            estimated_bytes_per_row=int(row_bytes),
        ),
        {
            str(name): ComparedColumn(str(name), str(data_type).lower(), bool(nullable))
            for name, _, data_type, nullable, _ in columns
        },
        tuple(str(name) for name, _, data_type, _, _ in columns if _WIDE.fullmatch(str(data_type).lower())),
    )
