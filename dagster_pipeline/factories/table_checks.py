"""A table file's `checks:` as asset checks that run right after the load, in the same process and connection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import dagster as dg

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.errors import PipelineError
from dagster_pipeline.factories.check_queries import CheckQuery, check_query
from dagster_pipeline.schema.models import TableCheck, TableSchema


class Rows(Protocol):
    """Reads from the warehouse; `ClickHouseSink.rows` is one."""

    def __call__(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of one SELECT."""


def check_specs(schema: TableSchema, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Declare the checks, so that the UI shows them before the first run."""
    return [
        dg.AssetCheckSpec(check.name, asset=key, description=_description(check)) for check in schema.checks
    ]


def run_checks(
    schema: TableSchema, table: SinkTable, key: dg.AssetKey, rows: Rows
) -> Iterable[dg.AssetCheckResult]:
    """Run every check; a query that fails is an error of its check, not of the load."""
    for check in schema.checks:
        yield _run(check, table, key, rows)


def _run(check: TableCheck, table: SinkTable, key: dg.AssetKey, rows: Rows) -> dg.AssetCheckResult:
    query = check_query(check, table)
    severity = dg.AssetCheckSeverity.WARN if check.severity == "warn" else dg.AssetCheckSeverity.ERROR
    try:
        found = rows(query.sql)[0][0]
    except PipelineError as error:
        return _result(
            check, key, query, severity, passed=False, text=f"The query failed: {error}", found=None
        )
    return _result(
        check, key, query, severity, passed=query.passes(found), text=query.says(found), found=found
    )


def _result(
    check: TableCheck,
    key: dg.AssetKey,
    query: CheckQuery,
    severity: dg.AssetCheckSeverity,
    *,
    passed: bool,
    text: str,
    found: Any,
) -> dg.AssetCheckResult:
    number = {"found": found} if isinstance(found, int | float) else {"found": str(found)}
    return dg.AssetCheckResult(
        check_name=check.name,
        asset_key=key,
        passed=passed,
        severity=severity,
        description=text,
        metadata={"query": dg.MetadataValue.md(f"```sql\n{query.sql}\n```"), **number},
    )


def _description(check: TableCheck) -> str:
    return f"{check.kind} {', '.join(check.columns)}".strip()
