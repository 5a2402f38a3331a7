"""What PostgreSQL's catalog says of a table, view, partitioned, foreign or materialized table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dagster_pipeline.connectors.batch import SourceColumn, SourceTable
from dagster_pipeline.connectors.sources.catalog_names import missing_table
from dagster_pipeline.connectors.sources.postgres.connection import Cursor
from dagster_pipeline.connectors.sources.postgres.dialect import DIALECT
from dagster_pipeline.connectors.sources.sql_dialect import ComparedColumn
from dagster_pipeline.database_url import DatabaseUrl

PAGE_BYTES = 8192

_DESCRIPTION = """
WITH RECURSIVE found (oid, relkind, row_count, pages) AS (
    SELECT c.oid, c.relkind,
           COALESCE(sum(GREATEST(leaf.reltuples, 0)) FILTER (WHERE leaf.relkind <> 'p'), GREATEST(c.reltuples, 0))::bigint,
           COALESCE(sum(leaf.relpages) FILTER (WHERE leaf.relkind <> 'p'), c.relpages)::bigint
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL pg_catalog.pg_partition_tree(c.oid) tree ON c.relkind = 'p'
    LEFT JOIN pg_catalog.pg_class leaf ON leaf.oid = tree.relid
    WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    GROUP BY c.oid, c.relkind, c.reltuples, c.relpages
), columns AS (
    SELECT a.attnum, a.attname, a.atttypid, a.atttypmod, NOT a.attnotnull AS nullable,
           COALESCE(col_description(a.attrelid, a.attnum), '') AS comment
    FROM found JOIN pg_catalog.pg_attribute a ON a.attrelid = found.oid
    WHERE a.attnum > 0 AND NOT a.attisdropped
), keys AS (
    SELECT key.place, a.attname
    FROM found JOIN pg_catalog.pg_index i ON i.indrelid = found.oid AND i.indisprimary
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS key (attnum, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = found.oid AND a.attnum = key.attnum
    WHERE key.place <= i.indnkeyatts
), heads AS (
    SELECT DISTINCT a.attname
    FROM found JOIN pg_catalog.pg_index i ON i.indrelid = found.oid AND i.indisvalid AND i.indpred IS NULL
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_am method ON method.oid = c.relam AND method.amname = 'btree'
    JOIN pg_catalog.pg_attribute a ON a.attrelid = found.oid AND a.attnum = i.indkey[0]
), needed (oid, typmod) AS (
    SELECT atttypid, atttypmod FROM columns
    UNION
    SELECT part.oid, part.typmod
    FROM needed JOIN pg_catalog.pg_type t ON t.oid = needed.oid
    CROSS JOIN LATERAL (VALUES (t.typbasetype, t.typtypmod),
                               (CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, -1)) part (oid, typmod)
    WHERE part.oid <> 0
)
SELECT row_count, pages,
       (SELECT COALESCE(json_agg(json_build_array(attname, atttypid::bigint, atttypmod, nullable, comment)
                                 ORDER BY attnum), '[]') FROM columns),
       (SELECT COALESCE(json_agg(attname ORDER BY place), '[]') FROM keys),
       CASE WHEN relkind NOT IN ('v', 'f') THEN (SELECT COALESCE(json_agg(attname), '[]') FROM heads) END,
       (SELECT COALESCE(json_agg(json_build_array(
                   n.oid::bigint, n.typmod, t.typtype::text, t.typbasetype::bigint, t.typtypmod,
                   (CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END)::bigint,
                   format_type(n.oid, n.typmod), format_type(n.oid, -1))), '[]')
        FROM needed n JOIN pg_catalog.pg_type t ON t.oid = n.oid)
FROM found
"""
"""All of it in one question, since a run that has nothing to do asks it, too.

A partitioned table's own estimates are empty before version 14 and stale after, so its leaves are added up.
"""

_NAMES = """
SELECT n.nspname || '.' || c.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
LIMIT 10000
"""

_USER_KINDS = {"e": "enum", "c": "composite"}


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table as described, and what else the connector needs to address it.

    Attributes:
        described: the contract's answer.
        compared: every column as windows and key ranges compare it.
    """

    described: SourceTable
    compared: Mapping[str, ComparedColumn]


@dataclass(frozen=True, slots=True)
class _Type:
    kind: str
    base: tuple[int, int]
    element: int
    printed: str
    plain: str


def read_table(cursor: Cursor, *, schema: str, table: str, url: DatabaseUrl, database: str) -> CatalogTable:
    """Describe a table. Raises `ConfigurationError` that names the nearest existing ones when it is not there."""
    cursor.execute(_DESCRIPTION, (schema, table))
    found = cursor.fetchone()
    if found is None:
        cursor.execute(_NAMES)
        raise missing_table(
            f"{schema}.{table}",
            existing=(name for (name,) in cursor.fetchall()),
            url=url,
            grant=f"grant USAGE on schema {schema}.",
        )
    rows, pages, columns, key, heads, listed = found
    types = {
        (type_oid, typmod): _Type(kind, (base, base_typmod), element, printed, plain)
        for type_oid, typmod, kind, base, base_typmod, element, printed, plain in listed
    }
    return CatalogTable(
        SourceTable(
            name=f"{database}.{schema}.{table}",
            columns=tuple(
                SourceColumn(name, _spelled(types, (type_oid, typmod)), nullable, comment)
                for name, type_oid, typmod, nullable, comment in columns
            ),
            primary_key=tuple(key),
            estimated_rows=rows,
            estimated_bytes_per_row=pages * PAGE_BYTES // rows if rows else 0,
            index_heads=None if heads is None else frozenset(heads),
        ),
        {
            name: ComparedColumn(name, _plain(types, (type_oid, typmod)), nullable)
            for name, type_oid, typmod, nullable, _ in columns
        },
    )


def relation(schema: str, table: str) -> str:
    """The quoted, schema-qualified name."""
    return f"{DIALECT.quote(schema)}.{DIALECT.quote(table)}"


def _spelled(types: Mapping[tuple[int, int], _Type], key: tuple[int, int]) -> str:
    """As `format_type` prints it, with what a user's own type is: `enum mood`, `domain email (text)`."""
    found = types[key]
    if found.kind == "d":
        return f"domain {found.plain} ({_spelled(types, found.base)})"
    if found.kind in _USER_KINDS:
        return f"{_USER_KINDS[found.kind]} {found.plain}"
    if found.element and types[found.element, -1].kind in {"d", *_USER_KINDS}:
        return f"{_spelled(types, (found.element, -1))}[]"
    return found.printed


def _plain(types: Mapping[tuple[int, int], _Type], key: tuple[int, int]) -> str:
    found = types[key]
    return _plain(types, found.base) if found.kind == "d" else found.plain
