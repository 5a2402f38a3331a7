"""Cuts ordered rows where a slice of dates ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from dagster_pipeline.connectors.sink.base_export_sink import Slicing

NO_DATE = "__HIVE_DEFAULT_PARTITION__"
"""The folder of rows without a date, as Hive calls it."""


def slice_label(day: date | None, slicing: Slicing) -> str:
    """`2026-11-21` or `2026-11`."""
    if day is None:
        return NO_DATE
    return day.isoformat() if slicing.every == "day" else f"{day:%Y-%m}"


def folder(label: str, slicing: Slicing) -> str:
    """`created_at_day=2026-11-21/`: not the column's own name, whose value in the object is another one."""
    return f"{slicing.column}_{slicing.every}={label}/"


def cut(batch: pa.RecordBatch, slicing: Slicing | None) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The batch in pieces of one slice each, with the slice's label; empty without slices."""
    if slicing is None:
        yield "", batch
        return
    days = batch.column(slicing.column).cast(pa.date32(), safe=False)
    starts = pc.floor_temporal(days, unit=slicing.every)
    runs = pc.run_end_encode(starts)
    begin = 0
    for end, start in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
        yield slice_label(start, slicing), batch.slice(begin, end - begin)
        begin = end
