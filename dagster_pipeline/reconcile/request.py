"""From a table file and where its load stands to what is compared. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.connectors.batch import EVERYTHING, Window
from dagster_pipeline.connectors.digest import DigestRequest
from dagster_pipeline.schema.models import NullCursor, SyncMode, TableSchema
from dagster_pipeline.type_mapper.canonical_text import canonical_columns
from dagster_pipeline.type_mapper.mapping import ColumnMapping


def whole_rows(
    schema: TableSchema, mappings: Sequence[ColumnMapping], *, cursor: str | None, query_comment: str
) -> DigestRequest:
    """Every column of every row that the warehouse is to have; `cursor` is where the table's load stands."""
    columns = canonical_columns(schema, mappings)
    return DigestRequest(
        columns=columns,
        key=tuple(column for column in columns if column.name in schema.primary_key),
        mappings=tuple(mappings),
        window=_wanted(schema),
        settled=_settled(schema, cursor),
        query_comment=query_comment,
    )


def keys_only(schema: TableSchema, mappings: Sequence[ColumnMapping], *, query_comment: str) -> DigestRequest:
    """The keys of the same rows: what a search for vanished rows compares, mostly from an index."""
    of_key = [mapping for mapping in mappings if mapping.name in schema.primary_key]
    columns = canonical_columns(schema, of_key)
    return DigestRequest(columns, columns, tuple(of_key), _wanted(schema), query_comment=query_comment)


def _wanted(schema: TableSchema) -> Window:
    """Rows without a cursor are left out where no load takes them."""
    sync = schema.sync
    if sync.cursor is not None and sync.null_cursor is NullCursor.EXCLUDE:
        return Window(cursor=sync.cursor)
    return EVERYTHING


def _settled(schema: TableSchema, cursor: str | None) -> Window:
    """Up to where the last load was sure to have seen everything."""
    sync = schema.sync
    if sync.mode is SyncMode.FULL or sync.cursor is None or cursor is None:
        return EVERYTHING
    return Window(cursor=sync.cursor, upper=cursor)
