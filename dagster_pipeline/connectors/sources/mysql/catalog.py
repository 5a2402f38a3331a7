"""What information_schema says of a table or view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymysql.cursors import Cursor

from dagster_pipeline.connectors.batch import SourceColumn, SourceTable
from dagster_pipeline.connectors.sources.catalog_names import missing_table
from dagster_pipeline.connectors.sources.sql_dialect import ComparedColumn
from dagster_pipeline.database_url import DatabaseUrl

_DESCRIPTION = """
SELECT 'table' AS kind, 0 AS place, '' AS name, CONVERT(COALESCE(table_rows, 0) USING utf8mb4) AS type,
       CONVERT(COALESCE(avg_row_length, 0) USING utf8mb4) AS plain_type, table_type LIKE '%%VIEW' AS nullable, '' AS comment
FROM information_schema.tables WHERE table_schema = %(database)s AND table_name = %(table)s
UNION ALL
SELECT 'column', ordinal_position, CONVERT(column_name USING utf8mb4), CONVERT(column_type USING utf8mb4),
       CONVERT(data_type USING utf8mb4), is_nullable = 'YES', CONVERT(column_comment USING utf8mb4)
FROM information_schema.columns WHERE table_schema = %(database)s AND table_name = %(table)s
UNION ALL
SELECT 'key', seq_in_index, CONVERT(column_name USING utf8mb4), '', '', 0, ''
FROM information_schema.statistics
WHERE table_schema = %(database)s AND table_name = %(table)s AND index_name = 'PRIMARY'
UNION ALL
SELECT 'head', 0, CONVERT(column_name USING utf8mb4), '', '', 0, ''
FROM information_schema.statistics
WHERE table_schema = %(database)s AND table_name = %(table)s
  AND seq_in_index = 1 AND index_type = 'BTREE' AND sub_part IS NULL AND column_name IS NOT NULL
ORDER BY kind, place
"""
"""All of it in one question, since a run that has nothing to do asks it, too; one value is one text. Not as a join: the
server would look through all databases (mariadb.com/kb/en/optimizing-for-information_schema)."""

_NAMES = "SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables WHERE table_schema = %s LIMIT 10000"


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table as described, and what else the connector needs to address it.

    Attributes:
        described: the contract's answer.
        compared: every column as windows and key ranges compare it.
        is_mariadb: as the server greets.
    """

    described: SourceTable
    compared: Mapping[str, ComparedColumn]
    is_mariadb: bool


def read_table(cursor: Cursor, *, database: str, table: str, url: DatabaseUrl) -> CatalogTable:
    """Describe a table. Raises `ConfigurationError` that names the nearest existing ones when it is not there."""
    cursor.execute(_DESCRIPTION, {"database": database, "table": table})
    found: dict[str, list[tuple[Any, ...]]] = {"table": [], "column": [], "key": [], "head": []}
    for kind, _, *facts in cursor.fetchall():
        found[kind].append(tuple(facts))
    if not found["table"]:
        cursor.execute(_NAMES, (database,))
        raise missing_table(
            f"{database}.{table}",
            existing=(str(name) for (name,) in cursor.fetchall()),
            url=url,
            grant="grant SELECT on it.",
        )
    ((_, rows, row_bytes, is_view, _),) = found["table"]
    columns = found["column"]
    return CatalogTable(
        SourceTable(
            name=f"{database}.{table}",
            columns=tuple(
                SourceColumn(str(name), str(column_type), bool(nullable), str(comment))
                for name, column_type, _, nullable, comment in columns
            ),
            primary_key=tuple(str(name) for name, *_ in found["key"]),
            estimated_rows=int(rows),
            estimated_bytes_per_row=int(row_bytes),
            index_heads=None if is_view else frozenset(str(name) for name, *_ in found["head"]),
        ),
        {
            str(name): ComparedColumn(str(name), str(data_type).lower(), bool(nullable))
            for name, _, data_type, nullable, _ in columns
        },
        "mariadb" in str(cursor.connection.get_server_info()).lower(),  # type: ignore[no-untyped-call]  # PyMySQL types it not
    )
