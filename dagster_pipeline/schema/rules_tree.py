"""Rules between files: every table has one file, and no two tables share a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema.naming import op_name


def clashes(
    tables: Sequence[TableSchema], shown: Mapping[Path, str]
) -> Iterator[tuple[TableSchema, Finding]]:
    """Two files for one destination, and names that are one to Dagster. `shown` has paths as problems name them."""
    by_name: dict[str, TableSchema] = {}
    by_op: dict[str, TableSchema] = {}
    for table in tables:
        same = by_name.setdefault(table.name, table)
        alike = by_op.setdefault(op_name(table.destination.database, table.destination.table), table)
        if same is not table:
            yield (
                table,
                Finding(
                    "destination.table",
                    f"{table.destination.full_name} is already the destination of {shown[same.path]}.",
                    "Give one of them another destination, or remove one file.",
                ),
            )
        elif alike is not table:
            yield (
                table,
                Finding(
                    "destination.table",
                    f"{table.name} and {alike.name} ({shown[alike.path]}) are one name to Dagster, "
                    "which turns '-' and '.' into '_' and joins with '__'.",
                    "Give one of them another destination.",
                ),
            )
