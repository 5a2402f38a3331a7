"""What Dagster's UI shows of maintenance: tables in markdown, and the results of the health checks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from dagster_pipeline.maintenance.advice_patch import patched, unified_diff
from dagster_pipeline.maintenance.column_use import TableUse
from dagster_pipeline.maintenance.expiry import ExpiredPartition
from dagster_pipeline.maintenance.health_limits import CHECKS, HealthFinding
from dagster_pipeline.maintenance.leftovers import Leftover
from dagster_pipeline.maintenance.merge_candidates import PartitionSize
from dagster_pipeline.maintenance.optimization import OptimizeResult
from dagster_pipeline.maintenance.purge import PurgedPartition
from dagster_pipeline.maintenance.storage_advice import Suggestion
from dagster_pipeline.maintenance.table_health import TableHealth
from dagster_pipeline.schema.discovery import shown_path
from dagster_pipeline.schema.models import TableSchema

LISTED = 200
"""Rows of a table in the UI; what is worst stands first."""
_KIB = 1024


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A table; a bar in a cell would end it. Numbers get separators."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    every = list(rows)
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in every[:LISTED]]
    more = f"\n\n{len(every) - LISTED:,} more are not shown." if len(every) > LISTED else ""
    return dg.MetadataValue.md("\n".join(lines) + more if every else "None.")


def human_bytes(number: float) -> str:
    """`1.5 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < _KIB:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= _KIB
    return f"{number:.1f} TiB"


def health_metadata(tables: Sequence[TableHealth], findings: Sequence[HealthFinding]) -> dict[str, Any]:
    """Every table, those with findings first, then the largest."""
    wrong = {finding.table for finding in findings}
    ranked = sorted(tables, key=lambda table: (table.full_name not in wrong, -table.bytes, table.full_name))
    head = (
        "table",
        "partitions",
        "parts",
        "most parts",
        "waiting parts",
        "mutations",
        "detached",
        "rows",
        "size",
        "replica",
    )
    return {
        "tables": markdown_table(
            head,
            (
                (
                    table.full_name,
                    table.partitions,
                    table.parts,
                    table.most_parts,
                    table.waiting_parts,
                    table.mutations,
                    table.detached_parts,
                    table.rows,
                    human_bytes(table.bytes),
                    table.replica_trouble or "well",
                )
                for table in ranked
            ),
        ),
        "findings": len(findings),
        "table count": len(tables),
        "partitions": sum(table.partitions for table in tables),
        "bytes": sum(table.bytes for table in tables),
    }


def health_results(key: dg.AssetKey, findings: Sequence[HealthFinding]) -> list[dg.AssetCheckResult]:
    """One result for each check."""
    return [
        _result(key, check, [finding for finding in findings if finding.check == check]) for check in CHECKS
    ]


def _result(key: dg.AssetKey, check: str, findings: Sequence[HealthFinding]) -> dg.AssetCheckResult:
    is_error = any(finding.is_error for finding in findings)
    listed = "\n".join(f"- {finding.says}" for finding in findings[:LISTED])
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=check,
        passed=not findings,
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        description=findings[0].says if findings else CHECKS[check],
        metadata={"tables": len(findings), **({"findings": dg.MetadataValue.md(listed)} if findings else {})},
    )


def optimize_metadata(result: OptimizeResult) -> dict[str, Any]:
    """What was merged, and why the rest was not."""
    done = [merged for merged in result.merged if merged.after is not None]
    head = ("partition", "duplicates", "parts", "rows", "size", "seconds")
    return {
        "merged": markdown_table(
            head,
            (
                (
                    merged.name,
                    "" if merged.duplicates is None else f"{merged.duplicates:.1%}",
                    *_before_and_after(merged.before, merged.after),
                    f"{merged.seconds:.1f}",
                )
                for merged in result.merged
            ),
        ),
        "left": markdown_table(("partition", "why"), result.left),
        "stopped": result.stopped or "everything was seen",
        "candidates": result.candidates,
        "merged partitions": len(done),
        "rows saved": sum(merged.before.rows - (merged.after.rows if merged.after else 0) for merged in done),
        "bytes saved": sum(
            merged.before.bytes - (merged.after.bytes if merged.after else 0) for merged in done
        ),
    }


def clean_up_metadata(
    purged: Sequence[PurgedPartition], expired: Sequence[ExpiredPartition], leftovers: Sequence[Leftover]
) -> dict[str, Any]:
    """What went and what would go. Tables that nobody knows have a list of their own."""
    ours = [table for table in leftovers if table.kind is not None]
    unknown = [table for table in leftovers if table.kind is None]
    return {
        "deleted rows": markdown_table(
            ("partition", "marked rows", "parts", "rows", "size", "left because"),
            ((one.name, one.marks, *_before_and_after(one.before, one.after), one.left) for one in purged),
        ),
        "expired partitions": markdown_table(
            ("partition", "rows", "size", "left because"),
            ((one.name, one.size.rows, human_bytes(one.size.bytes), one.left) for one in expired),
        ),
        "leftover tables": markdown_table(
            ("table", "what", "rows", "size", "last change", "dropped", "why"), map(_leftover, ours)
        ),
        "unknown tables": markdown_table(
            ("table", "what", "rows", "size", "last change", "dropped", "why"), map(_leftover, unknown)
        ),
        "purged partitions": sum(not one.left for one in purged),
        "dropped partitions": sum(not one.left for one in expired),
        "dropped tables": sum(table.dropped for table in leftovers),
        "unknown table count": len(unknown),
    }


@dataclass(frozen=True, slots=True)
class TableAdvice:
    """What one table's figures say."""

    schema: TableSchema
    use: TableUse
    suggestions: tuple[Suggestion, ...]


def advice_metadata(seen: Sequence[TableAdvice]) -> dict[str, Any]:
    """Tables by size, their suggestions, and the patch of all files."""
    ranked = sorted(seen, key=lambda one: -one.use.bytes)
    texts = ((one, one.schema.path.read_text()) for one in ranked if one.suggestions)
    patches = [
        unified_diff(shown_path(one.schema.path), text, patched(text, one.schema.lines, one.suggestions))
        for one, text in texts
    ]
    return {
        "tables": markdown_table(
            ("table", "rows", "size", "times smaller than its values", "partitions", "largest column"),
            (
                (
                    one.schema.name,
                    one.use.rows,
                    human_bytes(one.use.bytes),
                    f"{one.use.ratio:.1f}",
                    one.use.partitions,
                    max(one.use.columns, key=lambda column: column.compressed).name,
                )
                for one in ranked
            ),
        ),
        "suggestions": markdown_table(
            ("table", "suggestion"),
            ((one.schema.name, suggestion.says) for one in ranked for suggestion in one.suggestions),
        ),
        "patch": dg.MetadataValue.md("```diff\n" + "".join(patches) + "```"),
        "suggestion count": sum(len(one.suggestions) for one in seen),
    }


def _leftover(table: Leftover) -> tuple[object, ...]:
    return (
        f"{table.database}.{table.name}",
        table.kind or "unknown",
        table.rows,
        human_bytes(table.bytes),
        f"{table.changed_at:%F %R}",
        "yes" if table.dropped else "no",
        table.why,
    )


def _before_and_after(before: PartitionSize, after: PartitionSize | None) -> tuple[str, str, str]:
    if after is None:
        return f"{before.parts:,}", f"{before.rows:,}", human_bytes(before.bytes)
    return (
        f"{before.parts:,} → {after.parts:,}",
        f"{before.rows:,} → {after.rows:,}",
        f"{human_bytes(before.bytes)} → {human_bytes(after.bytes)}",
    )


def _cell(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
