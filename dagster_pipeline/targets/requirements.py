"""What every table must have before rows are written into it, whoever writes them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from dagster_pipeline.schema.finding import listed
from dagster_pipeline.targets.base_target import TargetTable


def unmet(
    table: TargetTable, *, key: Sequence[str], written: Collection[str], inserts: bool
) -> Iterator[str]:
    """What it lacks, a sentence each."""
    if not table.is_transactional:
        yield "its engine has no transactions. Make it an InnoDB table."
    if frozenset(key) not in table.unique_keys:
        yield (
            f"it has no unique index on exactly ({', '.join(key)}), so a row could be doubled. "
            "Create one, or correct `key`."
        )
    needed = [
        column.name
        for column in table.columns
        if not (column.nullable or column.has_default or column.is_generated or column.name in written)
    ]
    if inserts and needed:
        yield f"a new row needs {listed(needed)} too. Add to `columns`, or do not insert rows (`mode: update`)."
