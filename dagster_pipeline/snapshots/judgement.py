"""Whether a snapshot's number of rows can be right, held against the one before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class SizeVerdict:
    """What was found; `before` is the snapshot that it was compared with, as date and rows, if there is any."""

    passed: bool
    says: str
    before: tuple[date, int] | None = None


def judge_size(day: date, rows: int, others: Mapping[date, int], *, max_shrink: float) -> SizeVerdict:
    """A snapshot is neither empty nor much smaller than the nearest older one. `others` are rows by date."""
    older = max((other for other in others if other < day), default=None)
    before = None if older is None else (older, others[older])
    if not rows:
        return SizeVerdict(passed=False, says="0 rows: the snapshot is empty", before=before)
    if before is None:
        return SizeVerdict(passed=True, says=f"{rows:,} row(s), and no older snapshot to compare with")
    than = f"{rows:,} row(s), and {before[1]:,} on {before[0]}"
    if rows < before[1] * (1 - max_shrink):
        return SizeVerdict(passed=False, says=f"{than}: more than {max_shrink:.0%} fewer", before=before)
    return SizeVerdict(passed=True, says=than, before=before)


def loses_rows(rows: int, there: int, *, max_shrink: float) -> bool:
    """A snapshot that exists would be replaced by an empty or much smaller one."""
    return rows < there * (1 - max_shrink) or (there > 0 and rows == 0)
