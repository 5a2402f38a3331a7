"""What flows between the rooms of checks: a question to the warehouse, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means.

    Attributes:
        passed: the check holds.
        says: the answer as a sentence.
        failed_rows: rows (or values, or the distance of a count) at fault; `None` where that has no meaning.
    """

    passed: bool
    says: str
    failed_rows: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One check as SQL.

    Attributes:
        sql: a SELECT of one row.
        judge: from that row to the verdict.
        samples: a SELECT of a few rows at fault; empty where there are none to show.
        sample_columns: names of what `samples` selects: columns of the table, or `rows` for a count.
    """

    sql: str
    judge: Callable[[Row], Verdict]
    samples: str = ""
    sample_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one check.

    Attributes:
        verdict: `passed` is false, too, when the query failed.
        sql: what was asked.
        samples: a few rows at fault, already fit to be shown to anybody.
        sample_columns: their columns.
        query_failed: the check could not be judged; the verdict says why.
    """

    verdict: Verdict
    sql: str
    samples: tuple[tuple[str, ...], ...] = ()
    sample_columns: tuple[str, ...] = ()
    query_failed: bool = False
