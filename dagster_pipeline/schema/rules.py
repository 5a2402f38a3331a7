"""All rules that one resolved table is judged by, in the order in which a reader would look."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dagster_pipeline.schema import (
    rules_checks,
    rules_columns,
    rules_partitions,
    rules_table,
    rules_triggers,
)
from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.models import TableSchema

RULES: tuple[Callable[[TableSchema], Iterator[Finding]], ...] = (
    rules_table.mode,
    rules_table.cursor,
    rules_table.deletes,
    rules_table.quarantine,
    rules_table.names,
    rules_triggers.trigger,
    rules_columns.column_names,
    rules_columns.primary_key,
    rules_columns.masks,
    rules_columns.order_by,
    rules_columns.partition_by,
    rules_partitions.partitions,
    rules_checks.of_table,
    rules_checks.reconciliation,
)


def judge(table: TableSchema) -> Iterator[Finding]:
    """What is wrong with one table."""
    for rule in RULES:
        yield from rule(table)
