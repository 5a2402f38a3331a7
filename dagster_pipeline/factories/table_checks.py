"""The `checks:` of a file, of a table or of deliveries, as asset checks right after the load, in the same step and connection.

In the same step, because the embedded warehouse is open in one process at a time, a step of its own would cost each
table another process, and only the load knows which rows are new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import dagster as dg

from dagster_pipeline.checks.question import Outcome
from dagster_pipeline.checks.questions import Subject
from dagster_pipeline.checks.run import Rows, run_check
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.reader_view import NewRows
from dagster_pipeline.landing.result import LandingResult
from dagster_pipeline.schema.models import SyncMode, TableCheck
from dagster_pipeline.sync.plan import PARTITION
from dagster_pipeline.sync.result import SyncResult

CLOCK_MARGIN_SECONDS = 60
"""A part's time has whole seconds, and the load's first insert comes after its beginning."""


def check_specs(checks: Iterable[TableCheck], key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Declare the checks, so that the UI shows them before the first run."""
    return [
        dg.AssetCheckSpec(check.name, asset=key, description=_description(check), blocking=check.blocking)
        for check in checks
    ]


def subject_of(result: SyncResult, *, seconds: float) -> Subject:
    """What the checks of a load look at; `seconds` have passed since before it began."""
    everything_is_new = result.kind in (SyncMode.FULL, PARTITION) or result.resumed
    version = result.version if result.moved.rows else 0
    new = None if everything_is_new else NewRows(version, int(seconds) + CLOCK_MARGIN_SECONDS)
    return Subject(result.table, new, result.rows_before)


def subject_of_landing(result: LandingResult, *, seconds: float) -> Subject:
    """What the checks of a landing look at. Where an earlier run wrote some of the rows, it is the whole table."""
    if any(each.resumed for each in result.landed):
        return Subject(result.table, None, result.rows_before)
    first = min((each.version for each in result.landed if each.rows), default=0)
    return Subject(result.table, NewRows(first, int(seconds) + CLOCK_MARGIN_SECONDS), result.rows_before)


def whole_table(table: SinkTable) -> Subject:
    """What checks look at when nothing was loaded."""
    return Subject(table, None, None)


def run_checks(
    checks: Iterable[TableCheck],
    subject: Subject,
    key: dg.AssetKey,
    rows: Rows,
    *,
    masked: Collection[str] = (),
) -> Iterable[dg.AssetCheckResult]:
    """Run every check; a query that fails is an error of its check, not of the load. `masked` columns are never shown."""
    for check in checks:
        outcome = run_check(check, subject, rows, masked=masked)
        yield check_result(check.name, check.severity, key, outcome)


def check_result(name: str, severity: str, key: dg.AssetKey, outcome: Outcome) -> dg.AssetCheckResult:
    """An outcome as Dagster shows it; `severity` is `warn` or `error`."""
    # A query that fails is never only a warning: nobody knows what it would have found.
    warns = severity == "warn" and not outcome.query_failed
    metadata: dict[str, Any] = {"query": dg.MetadataValue.md(f"```sql\n{outcome.sql}\n```")}
    if outcome.verdict.failed_rows is not None:
        metadata["failed rows"] = outcome.verdict.failed_rows
    if outcome.samples:
        metadata["samples"] = _samples(outcome)
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=key,
        passed=outcome.verdict.passed,
        severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
        description=outcome.verdict.says,
        metadata=metadata,
    )


def _samples(outcome: Outcome) -> dg.TableMetadataValue:
    names = outcome.sample_columns
    records = [dg.TableRecord(dict(zip(names, row, strict=True))) for row in outcome.samples]
    return dg.TableMetadataValue(records, dg.TableSchema([dg.TableColumn(name, "string") for name in names]))


def _description(check: TableCheck) -> str:
    looked_at = ", of the rows that the load wrote" if check.only_new else ""
    return f"{check.kind} {', '.join(check.columns)}".strip() + looked_at
