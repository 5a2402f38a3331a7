"""The table at the end of the demo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scripts.demo.compare import ComparedTable, Comparison
from scripts.demo.dagster_runs import Moves

HEADINGS = ("asset", "source rows", "warehouse rows", "moved in run 1", "moved in run 2", "seconds", "")


def render(comparisons: Sequence[Comparison], moves: Mapping[ComparedTable, Moves]) -> str:
    """A table for people, one line per asset, and why a first run moved nothing."""
    lines = [HEADINGS, *(_line(comparison, moves[comparison.table]) for comparison in comparisons)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    notes = [f"\n{table.asset} in run 1:\n{move.notes}" for table, move in moves.items() if move.notes]
    return "\n".join([*(_aligned(line, widths) for line in lines), *notes])


def _line(comparison: Comparison, moves: Moves) -> tuple[str, ...]:
    different = " ".join(comparison.differences) or "row count"
    return (
        comparison.table.asset,
        f"{comparison.source_rows:,}",
        f"{comparison.warehouse_rows:,}",
        *(f"{rows:,}" for rows in moves.rows),
        f"{moves.seconds:.1f}",
        "equal" if comparison.agrees else f"DIFFERENT: {different}",
    )


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *numbers, last = line
    middle = [word.rjust(width) for word, width in zip(numbers, widths[1:-1], strict=True)]
    return "  ".join([first.ljust(widths[0]), *middle, last]).rstrip()
