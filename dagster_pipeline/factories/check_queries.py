"""A declared check as one ClickHouse query with one number to judge. Pure: no Dagster, no connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table
from dagster_pipeline.schema.models import TableCheck


@dataclass(frozen=True, slots=True)
class CheckQuery:
    """One question to the warehouse.

    Attributes:
        sql: a SELECT of one row whose first column is judged.
        passes: the judgement.
        says: the answer as a sentence.
    """

    sql: str
    passes: Callable[[Any], bool]
    says: Callable[[Any], str]


def check_query(check: TableCheck, table: SinkTable) -> CheckQuery:
    """The query of one check, over what a reader sees (FINAL where the engine collapses)."""
    final = " FINAL" if table.collapses_rereads else ""
    return _BUILDERS[check.kind](check, f"{quote_table(table.database, table.name)}{final}")


def _failing(sql: str, what: str) -> CheckQuery:
    return CheckQuery(sql, lambda rows: int(rows) == 0, lambda rows: f"{int(rows):,} {what}")


def _not_null(check: TableCheck, relation: str) -> CheckQuery:
    nulls = " OR ".join(f"{quote_identifier(column)} IS NULL" for column in check.columns)
    return _failing(
        f"SELECT count() FROM {relation} WHERE {nulls}", f"row(s) with NULL in {', '.join(check.columns)}"
    )


def _unique(check: TableCheck, relation: str) -> CheckQuery:
    columns = ", ".join(quote_identifier(column) for column in check.columns)
    inner = f"SELECT count() AS rows FROM {relation} GROUP BY {columns} HAVING rows > 1"
    return _failing(
        f"SELECT count() FROM ({inner})", f"value(s) of {', '.join(check.columns)} more than once"
    )


def _accepted_values(check: TableCheck, relation: str) -> CheckQuery:
    (column,) = check.columns
    name = quote_identifier(column)
    values = ", ".join(quote_string(str(value)) for value in check.arguments["values"])
    sql = f"SELECT count() FROM {relation} WHERE {name} IS NOT NULL AND toString({name}) NOT IN ({values})"
    return _failing(sql, f"row(s) whose {column} is not one of the accepted values")


def _row_count(check: TableCheck, relation: str) -> CheckQuery:
    low, high = check.arguments.get("min"), check.arguments.get("max")

    def passes(rows: Any) -> bool:
        return (low is None or int(rows) >= low) and (high is None or int(rows) <= high)

    limits = " and ".join(
        part
        for part in (f"at least {low}" * (low is not None), f"at most {high}" * (high is not None))
        if part
    )
    return CheckQuery(
        f"SELECT count() FROM {relation}", passes, lambda rows: f"{int(rows):,} row(s), {limits} wanted"
    )


def _sql(check: TableCheck, relation: str) -> CheckQuery:
    expected = check.arguments.get("expect", 0)
    return CheckQuery(
        check.arguments["query"].replace("{table}", relation),
        lambda found: str(found) == str(expected),
        lambda found: f"found {found}, expected {expected}",
    )


_BUILDERS: dict[str, Callable[[TableCheck, str], CheckQuery]] = {
    "not_null": _not_null,
    "unique": _unique,
    "accepted_values": _accepted_values,
    "row_count": _row_count,
    "sql": _sql,
}
