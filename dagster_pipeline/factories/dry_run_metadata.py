"""A dry run as metadata of an observation."""

from __future__ import annotations

from typing import Any

import dagster as dg

from dagster_pipeline.connectors.batch import KeyRange
from dagster_pipeline.factories.table_metadata import coercions_table, listed, sql_text, window_text
from dagster_pipeline.sync.dry_run import DryRun


def dry_run_metadata(dry: DryRun) -> dict[str, Any]:
    """What the run would do. Its labels are not those of a run, so that no plot mixes them."""
    return {
        "dry run": dg.MetadataValue.md(
            f"Nothing was written. A run would read **{dry.rows_to_read:,} rows** in {len(dry.chunks)} chunk(s) "
            f"into {dry.table.full_name}, which has {dry.rows_in_destination:,}."
        ),
        "would read rows": dry.rows_to_read,
        "would read chunks": len(dry.chunks),
        "chunk ranges": dg.MetadataValue.md(listed([_range_text(chunk) for chunk in dry.chunks])),
        "kind": str(dry.kind),
        "window": window_text(dry.window, None),
        "cursor would be": dry.advance_to or "as it is",
        "rows there now": dry.rows_in_destination,
        "source query": sql_text(dry.query),
        "statements": sql_text(*dry.statements),
        "sampled rows": dry.sampled_rows,
        "coercions in the sample": coercions_table(dry.coerced),
        "notes": dg.MetadataValue.md(listed(dry.notes)),
    }


def _range_text(chunk: KeyRange) -> str:
    lower, upper = (", ".join(bound) if bound else "" for bound in (chunk.lower, chunk.upper))
    return f"{', '.join(chunk.columns) or 'all'} in ({lower or 'start'}, {upper or 'end'}]"
