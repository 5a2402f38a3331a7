"""Cutting a table into key ranges of about equal size: two ways, both over callables, so neither needs a server to test.

- `walk` asks for every n-th key in key order. Works for every key that can be ordered and is exact, at the price of
  one index scan in all.
- `bisect` halves the span of an integer key until the optimizer's estimate of each part is small enough. It costs two
  EXPLAINs a range whatever the table's size, but needs estimates that can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from dagster_pipeline.connectors.batch import KeyRange

Key = tuple[str, ...]

LARGEST_SHARE = 1.5
"""A part is halved while it is estimated at more than this many targets; halves are then at least 3/4 of one."""

ESTIMATES_PER_PART = 16
"""Two are usual; a key with huge gaps needs more; beyond this many the estimates do not follow the key at all."""

TRUSTED_SHARE = 0.4
"""The estimate of the whole span must be at least this share of the table's own, or there are no statistics to go by.

InnoDB never estimates a range at more than half of the table, rounded down.
"""


def ranges_between(columns: tuple[str, ...], bounds: Sequence[Key]) -> tuple[KeyRange, ...]:
    """Ranges with these bounds between them, the first open below, the last above."""
    edges: list[Key | None] = [None, *bounds, None]
    return tuple(KeyRange(columns, lower, upper) for lower, upper in pairwise(edges))


def walk(key_after: Callable[[Key | None], Key | None]) -> list[Key]:
    """Bounds by walking: `key_after(key)` is the key that lies a target beyond the given one, `None` at the end."""
    bounds: list[Key] = []
    while (key := key_after(bounds[-1] if bounds else None)) is not None:
        bounds.append(key)
    return bounds


def bisect(
    lowest: int, highest: int, *, target_rows: int, table_rows: int, estimate: Callable[[int, int], int]
) -> list[Key] | None:
    """Bounds by halving `lowest..highest`, or `None` when the estimates cannot be trusted.

    `estimate(lower, upper)` is about how many rows have `lower < key <= upper`. What all parts together are estimated at
    beyond `table_rows` is taken off again: InnoDB counts about twice the rows of a long range, and never more than half
    of the table.
    """
    whole = estimate(lowest - 1, highest)
    if whole < table_rows * TRUSTED_SHARE:
        return None
    affordable = ESTIMATES_PER_PART * (10 + whole // target_rows)
    parts: list[tuple[int, int]] = []
    pending = [(lowest - 1, highest, whole)]
    while pending:
        if len(parts) + len(pending) > affordable:
            return None
        lower, upper, rows = pending.pop()
        if rows <= target_rows * LARGEST_SHARE or upper - lower <= 1:
            parts.append((upper, rows))
            continue
        middle = (lower + upper) // 2
        pending.append((middle, upper, estimate(middle, upper)))
        pending.append((lower, middle, estimate(lower, middle)))
    overestimate = max(1.0, sum(rows for _, rows in parts) / max(table_rows, 1))
    return [(str(upper),) for upper in _merged(parts, target_rows * overestimate)]


def _merged(parts: Sequence[tuple[int, int]], target_rows: float) -> list[int]:
    """Upper ends after joining neighbours while that brings a range nearer to the target; the last end is left open."""
    ends: list[int] = []
    gathered = 0
    for (upper, rows), (_, following) in pairwise(parts):
        gathered += rows
        if gathered + following / 2 > target_rows or gathered + following > target_rows * LARGEST_SHARE:
            ends.append(upper)
            gathered = 0
    return ends
