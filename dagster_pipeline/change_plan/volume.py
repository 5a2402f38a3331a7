"""How much a load of a whole table moves, how long it takes, and how many partitions and parts it makes. Pure.

Every number is an estimate from the source's catalog and from past loads; what is not known is `None`, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil
from statistics import median

from dagster_pipeline.change_plan.catalog import SourceFacts
from dagster_pipeline.schema.expressions import plain_column
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.state.records import PastLoad
from dagster_pipeline.sync.plan import rows_per_chunk

TIMED_ROWS = 10_000
"""A load of fewer rows says how long a run takes to begin, not how fast rows move."""

_FUNCTION = re.compile(r"\s*(\w+)\s*\(\s*([^(),]+?)\s*\)\s*")
_DAYS = {
    "todate": 1.0,
    "todate32": 1.0,
    "tostartofday": 1.0,
    "toyyyymmdd": 1.0,
    "tomonday": 7.0,
    "tostartofhour": 1 / 24,
}
_MONTHS = {
    "toyyyymm": 1,
    "tostartofmonth": 1,
    "tostartofquarter": 3,
    "toyear": 12,
    "tostartofyear": 12,
}


@dataclass(frozen=True, slots=True)
class Volume:
    """A load of the whole table.

    Attributes:
        rows, bytes: of the source, by its catalog; `None` when it does not say.
        chunks: inserts.
        seconds: `None` when no past load tells.
        timed_by: which loads told, in words.
        partitions: of the warehouse; `None` when nobody was asked.
        parts: at most so many are made before ClickHouse merges them.
    """

    rows: int | None
    bytes: int | None
    chunks: int | None
    seconds: float | None
    timed_by: str
    partitions: int | None
    parts: int | None


def volume_of(
    schema: TableSchema, source: SourceFacts | None, past: Sequence[PastLoad], partitions_now: int | None
) -> Volume:
    """Estimate one load of everything; `partitions_now` are those that the table has, `None` for a new table."""
    table = source.survey.table if source else None
    rows = (table.estimated_rows or None) if table else None
    width = table.estimated_bytes_per_row if table else 0
    chunks = None if rows is None else _chunks(schema, rows, width)
    seconds, timed_by = _seconds(schema, rows, past)
    partitions = _partitions(schema, source, partitions_now)
    return Volume(
        rows=rows,
        bytes=rows * width if rows and width else None,
        chunks=chunks,
        seconds=seconds,
        timed_by=timed_by,
        partitions=partitions,
        parts=None if chunks is None or partitions is None else chunks * partitions,
    )


def partition_column(schema: TableSchema) -> str | None:
    """The column of a partition expression whose number of partitions follows from its oldest and newest value."""
    found = _FUNCTION.fullmatch(schema.destination.partition_by or "")
    if found is None or found[1].lower() not in {**_DAYS, **_MONTHS}:
        return None
    return plain_column(found[2], {column.name for column in schema.columns})


def _chunks(schema: TableSchema, rows: int, width: int) -> int:
    """As the plan of a run cuts."""
    if not (schema.primary_key or schema.sync.cursor):
        return 1
    return max(1, ceil(rows / rows_per_chunk(schema.sync.chunk_rows, width)))


def _seconds(schema: TableSchema, rows: int | None, past: Sequence[PastLoad]) -> tuple[float | None, str]:
    if rows is None:
        return None, ""
    own = _rates(each for each in past if each.table == schema.name)
    rates = own or _rates(past)
    if not rates:
        return None, ""
    told = f"{len(rates)} past load(s) of {'this table' if own else 'other tables'}"
    return rows * median(rates) / max(1, schema.sync.parallelism), told


def _rates(past: Iterable[PastLoad]) -> list[float]:
    """Seconds a row, of one stream."""
    return [each.seconds / each.rows for each in past if each.rows >= TIMED_ROWS and each.seconds > 0]


def _partitions(schema: TableSchema, source: SourceFacts | None, now: int | None) -> int | None:
    if schema.destination.partition_by is None:
        return 1
    if now:
        return now
    found = _FUNCTION.fullmatch(schema.destination.partition_by)
    if found is None or source is None or source.extent is None:
        return None
    first, last = (_day(text) for text in source.extent)
    if first is None or last is None:
        return None
    function = found[1].lower()
    if function in _DAYS:
        return int((last - first).days / _DAYS[function]) + 1
    months = (last.year - first.year) * 12 + last.month - first.month
    return months // _MONTHS[function] + 1


def _day(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:  # a zero date, infinity, a year beyond 9999
        return None
