"""How a table's Dagster partitions lie in ClickHouse's: each must lie within one, or it could not be replaced at once.

ClickHouse takes or replaces one partition atomically
(clickhouse.com/docs/sql-reference/statements/alter/partition#replace-partition), never several together.
"""

from __future__ import annotations

import re
from enum import StrEnum

from dagster_pipeline.schema.expressions import plain_column
from dagster_pipeline.schema.models import Deletes, TableSchema

_FUNCTION = re.compile(r"\s*(\w+)\s*\(\s*([^(),]+?)\s*(?:,\s*(\d))?\s*\)\s*")
_WIDE = frozenset({"todate32", "toyyyymmdd", "toyyyymm", "toyear"})
"""Functions that also know moments before 1970; the others answer with a type that begins there."""
_UNITS = {
    "tostartofhour": "hour",
    "todate": "day",
    "todate32": "day",
    "tostartofday": "day",
    "toyyyymmdd": "day",
    "tomonday": "week",
    "toyyyymm": "month",
    "tostartofmonth": "month",
    "tostartofquarter": "quarter",
    "toyear": "year",
    "tostartofyear": "year",
}
_HOLDS = {
    "hour": ("hour", "day", "week", "month", "quarter", "year"),
    "day": ("day", "week", "month", "quarter", "year"),
    "week": ("week",),
    "month": ("month", "quarter", "year"),
}
"""Which units hold a partition of a length whole; a week lies in two months now and then."""


class Replacing(StrEnum):
    """How the rows of a partition take the place of those that were there.

    - `EXCHANGE`: the warehouse's partition is the same cut, and is replaced.
    - `OVERLAY`: newer versions and tombstones are attached at once; for tables that collapse by key.
    - `REBUILD`: the warehouse's partition is built anew from what stays and what is new, and replaced.
    """

    EXCHANGE = "exchange"
    OVERLAY = "overlay"
    REBUILD = "rebuild"


def replacing(table: TableSchema) -> Replacing:
    """How partitions of this table are replaced; `table` has partitions."""
    collapses = table.destination.engine == "ReplacingMergeTree" and bool(table.primary_key)
    if is_same_cut(table) and not (collapses and table.sync.deletes is Deletes.SOFT):
        return Replacing.EXCHANGE
    return Replacing.OVERLAY if collapses else Replacing.REBUILD


def needs_tombstones(table: TableSchema) -> bool:
    """Rows that vanished from a partition are hidden by a mark, so the table needs the column for it."""
    return table.partitions is not None and replacing(table) is Replacing.OVERLAY


def is_same_cut(table: TableSchema) -> bool:
    """Each Dagster partition is one partition of the warehouse."""
    cut = table.partitions
    return cut is not None and warehouse_unit(table) == (cut.every or "value")


def reaches_the_start(table: TableSchema) -> bool:
    """The warehouse's cut knows every moment from the first partition on."""
    found = _FUNCTION.fullmatch(table.destination.partition_by or "")
    start = table.partitions.start if table.partitions else None
    return found is None or start is None or start >= "1970" or found[1].lower() in _WIDE


def holds_whole_partitions(table: TableSchema) -> bool:
    """Each Dagster partition lies within one partition of the warehouse."""
    cut, unit = table.partitions, warehouse_unit(table)
    if cut is None or table.destination.partition_by is None:
        return True
    return unit == "value" if cut.every is None else unit in _HOLDS[cut.every]


def warehouse_unit(table: TableSchema) -> str | None:
    """`value`, or a unit of time, that `destination.partition_by` cuts by; `None` when it is none of these."""
    expression, cut = table.destination.partition_by, table.partitions
    if expression is None or cut is None:
        return None
    names = {column.name for column in table.columns}
    if plain_column(expression, names) == cut.by:
        is_date = table.column(cut.by).type.strip().lower() == "date"
        return "value" if cut.every is None else ("day" if is_date else None)
    found = _FUNCTION.fullmatch(expression)
    if found is None or cut.every is None or plain_column(found[2], names) != cut.by:
        return None
    if found[1].lower() == "tostartofweek":
        return "week" if found[3] == "1" else None
    return None if found[3] else _UNITS.get(found[1].lower())
