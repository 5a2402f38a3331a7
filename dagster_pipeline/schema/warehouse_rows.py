"""`source:` of files that take rows out of the warehouse: those of a table of the tree, or of a query."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pydantic import Field

from dagster_pipeline.schema.check_sql import judge_query
from dagster_pipeline.schema.field_types import Identifier, Model, Names, Sql
from dagster_pipeline.schema.finding import Finding, child, suggest


class WarehouseRows(Model):
    """Rows of the warehouse: those of a table that a file of this tree brings there, or of a query."""

    table: Identifier | None = Field(
        default=None, description="<database>/<table> of a table file; read as a reader sees it."
    )
    where: Sql | None = Field(default=None, description="Only with table: a condition in ClickHouse's SQL.")
    query: Sql | None = Field(default=None, description="One SELECT in ClickHouse's SQL, instead of a table.")
    depends_on: Names = Field(
        default=(), description="Only with query: the tables it reads, <database>/<table>, for the lineage."
    )


def judge_warehouse_rows(source: WarehouseRows, tables: Collection[str]) -> Iterator[Finding]:
    """What is wrong with `source`; `tables` are the names of all tables, `<database>/<table>`."""
    if (source.table is None) == (source.query is None):
        yield Finding("source", "The source is one of `table` and `query`.", "Write exactly one of them.")
        return
    if source.query is not None:
        if source.where is not None:
            yield Finding("source.where", "`where` belongs to `table`.", "Put it into the query.")
        if "{table}" in source.query:
            yield Finding("source.query", "{table} means nothing here.", "Name the table: database.table.")
        else:
            yield from judge_query(source.query, "source.query", ())
    named = {"source.table": source.table} if source.table else {}
    named |= {child("source.depends_on", index): name for index, name in enumerate(source.depends_on)}
    for key, name in named.items():
        if name not in tables:
            todo = suggest(name, tables, otherwise="Write <database>/<table>, or use `query`.")
            yield Finding(key, f"No file brings '{name}' into the warehouse.", todo)
