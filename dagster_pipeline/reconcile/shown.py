"""Differing rows as they may be shown to anybody: kind and key, without what a mask or a text hides."""

from __future__ import annotations

from dagster_pipeline.checks.samples import shown_row
from dagster_pipeline.reconcile.result import ReconcileResult
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.type_mapper.type_mapper import TypeMapper


def shown_samples(schema: TableSchema, result: ReconcileResult) -> list[dict[str, str]]:
    """A few of the rows that differ: `kind`, and `key` as `column value, ...`."""
    names = schema.primary_key
    types = {mapping.name: mapping.clickhouse_type for mapping in TypeMapper().map(schema)}
    masked = {column.name for column in schema.columns if column.mask is not None}
    return [
        {
            "kind": str(sample.kind),
            "key": ", ".join(
                f"{name} {value}"
                for name, value in zip(
                    names, shown_row(sample.own_key, names, types=types, masked=masked), strict=True
                )
            ),
        }
        for sample in result.samples
    ]
