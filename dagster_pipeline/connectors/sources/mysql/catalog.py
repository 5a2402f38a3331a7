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

_DESCRIPTION = """
SELECT COALESCE(t.table_rows, 0), COALESCE(t.avg_row_length, 0),
       c.column_name, c.column_type, c.data_type, c.is_nullable = 'YES', c.column_comment, k.seq_in_index
FROM information_schema.tables t
LEFT JOIN information_schema.columns c ON c.table_schema = %(database)s AND c.table_name = %(table)s
LEFT JOIN information_schema.statistics k ON k.table_schema = %(database)s AND k.table_name = %(table)s
    AND k.index_name = 'PRIMARY' AND k.column_name = c.column_name
WHERE t.table_schema = %(database)s AND t.table_name = %(table)s
ORDER BY c.ordinal_position
"""
"""All of it in one question, since a run that has nothing to do asks it, too."""

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
    cursor.execute(_DESCRIPTION, {"database": database, "table": table})
    columns = [found for found in cursor.fetchall() if found[2] is not None]
    if not columns:
        cursor.execute(_NAMES, (database,))
        raise missing_table(
            f"{database}.{table}",
            existing=(str(name) for (name,) in cursor.fetchall()),
            url=url,
            grant="grant SELECT on it.",
        )
    rows, row_bytes, *_ = columns[0]
    key = sorted((place, str(name)) for _, _, name, *_, place in columns if place is not None)
    return CatalogTable(
        SourceTable(
            name=f"{database}.{table}",
            columns=tuple(
                SourceColumn(str(name), str(column_type), bool(nullable), str(comment))
                for _, _, name, column_type, _, nullable, comment, _ in columns
            ),
            primary_key=tuple(name for _, name in key),
            estimated_rows=int(rows),
            estimated_bytes_per_row=int(row_bytes),
        ),
        {
            str(name): ComparedColumn(str(name), str(data_type).lower(), bool(nullable))
            for _, _, name, _, data_type, nullable, *_ in columns
        },
        tuple(
            str(name) for _, _, name, _, data_type, *_ in columns if _WIDE.fullmatch(str(data_type).lower())
        ),
    )
