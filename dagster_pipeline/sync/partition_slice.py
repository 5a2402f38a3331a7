"""Which rows a partition of a table is, as a window of its source; from the file and the partition's key alone. Pure.

A key by time is the partition's first moment, written as Dagster writes it: `2024-01-31`, or `2024-01-31-13:00` for an
hour. Days, weeks (from Monday) and months begin at midnight UTC; a column without zone is taken as it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from dagster_pipeline.connectors.batch import Window
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.models import Partitions, TableSchema
from dagster_pipeline.state.records import Load

LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
"""Every length but the month's, which varies."""

_DAY_KEY = "%Y-%m-%d"
_HOUR_KEY = "%Y-%m-%d-%H:%M"
RANGE = "..."
"""Between the first and the last key of several partitions, as Dagster's own command line writes it."""


@dataclass(frozen=True, slots=True)
class PartitionSlice:
    """Some partitions of one table that are loaded together.

    Attributes:
        keys: their Dagster keys, in order.
        window: their rows.
    """

    keys: tuple[str, ...]
    window: Window

    @property
    def name(self) -> str:
        """What the state store knows the slice by."""
        return self.keys[0] if len(self.keys) == 1 else f"{self.keys[0]}{RANGE}{self.keys[-1]}"


def partition_slice(schema: TableSchema, keys: Sequence[str]) -> PartitionSlice:
    """The slice of these partitions; by time they follow each other without a gap.

    Raises `ConfigurationError` for a key that the file does not know, for none, and for a gap.
    """
    cut = schema.partitions
    if cut is None or not keys:
        raise ConfigurationError(
            f"{schema.name}: no partition was chosen.", todo="Start the run with a partition of the table."
        )
    if cut.every is None:
        unknown = sorted(set(keys) - set(cut.values))
        if unknown:
            raise ConfigurationError(
                f"{schema.name} has no partition {unknown[0]!r}.", todo=f"There are {', '.join(cut.values)}."
            )
        return PartitionSlice(tuple(keys), Window(cursor=cut.by, values=tuple(keys)))
    spans = [time_span(cut, key) for key in keys]
    for (_, end), (begin, _) in pairwise(spans):
        if end != begin:
            raise ConfigurationError(
                f"{schema.name}: the partitions have a gap before {begin:%F %R}.",
                todo="Start one run for each range without a gap.",
            )
    window = Window(
        cursor=cut.by,
        lower=_text(schema, spans[0][0]),
        upper=_text(schema, spans[-1][1]),
        upper_inclusive=False,
    )
    return PartitionSlice(tuple(keys), window)


def overlap(part: PartitionSlice | None, load: Load) -> bool:
    """Whether the load and the slice have rows in common; `None` is the whole table, and so is a load without partition."""
    if part is None or not load.partition:
        return True
    ours, theirs = part.window, load.window
    if ours.values or theirs.values:
        return bool(set(ours.values) & set(theirs.values))
    # Moments as texts of one form, which sort as they follow each other.
    return (ours.lower or "") < (theirs.upper or "") and (theirs.lower or "") < (ours.upper or "")


def loads_all(schema: TableSchema, part: PartitionSlice | None) -> bool:
    """Whether rows outside all partitions are worth counting: by value that reads the whole table, so only once."""
    cut = schema.partitions
    return (
        part is not None and cut is not None and (cut.every is not None or set(part.keys) == set(cut.values))
    )


def outside_all_partitions(schema: TableSchema) -> Window:
    """Rows that belong to no partition of the table: before the first one, of a value that is not listed, or NULL."""
    cut = schema.partitions
    if cut is None:
        raise ConfigurationError(f"{schema.name} has no partitions.")
    if cut.every is None:
        return Window(cursor=cut.by, values=cut.values, all_but_values=True, include_nulls=True)
    start = _text(schema, datetime.fromisoformat(cut.start or ""))
    return Window(cursor=cut.by, upper=start, upper_inclusive=False, include_nulls=True)


def time_span(cut: Partitions, key: str) -> tuple[datetime, datetime]:
    """First moment of a time partition, and of the one after it. Raises `ConfigurationError` for a key that is none."""
    try:
        begin = datetime.strptime(key, _HOUR_KEY if cut.every == "hour" else _DAY_KEY)
    except ValueError:
        raise ConfigurationError(f"{key!r} is no partition by {cut.every}.") from None
    return begin, _next_month(begin) if cut.every == "month" else begin + LENGTHS[cut.every or "day"]


def partition_key(cut: Partitions, moment: datetime) -> str:
    """Key of the time partition that a moment (UTC) lies in."""
    day = datetime(moment.year, moment.month, moment.day)
    match cut.every:
        case "hour":
            return moment.strftime("%Y-%m-%d-%H:00")
        case "week":
            return (day - timedelta(days=day.weekday())).strftime(_DAY_KEY)
        case "month":
            return day.replace(day=1).strftime(_DAY_KEY)
        case _:
            return day.strftime(_DAY_KEY)


def _next_month(day: datetime) -> datetime:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _text(schema: TableSchema, moment: datetime) -> str:
    """Canonical text for the partition column's type."""
    cut = schema.partitions
    is_date = cut is not None and schema.column(cut.by).type.strip().lower() == "date"
    return moment.strftime(_DAY_KEY if is_date else "%Y-%m-%d %H:%M:%S")
