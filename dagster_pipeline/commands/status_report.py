"""Where every table stands, from its file and what the state store remembers. Pure; the clock is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from dagster_pipeline.delivery_tree import table_of
from dagster_pipeline.factories.table_lag import lag_seconds
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.schema.models import Schedule, TableSchema
from dagster_pipeline.state.records import LockRecord, TableState


class Standing(StrEnum):
    """What a person wants to know first. The first that holds is said."""

    DISABLED = "disabled"
    LOADING = "loading"
    NEVER = "never loaded"
    LATE = "late"
    UNFINISHED = "unfinished"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class TableStatus:
    """One table.

    Attributes:
        last_success_at: when a run last ended well, also one that found nothing new; UTC; of a table with partitions, of any.
        lag_seconds: from the cursor to now; `None` for a cursor that is no time, and without one.
        rows: after the last load, where the store knows it of every partition.
        partitions: how many are loaded; 0 for a table without partitions.
        next_due_at: by the file's schedule; whether the schedule is switched on, Dagster knows.
    """

    table: str
    standing: Standing
    last_success_at: datetime | None
    lag_seconds: float | None
    rows: int | None
    partitions: int
    next_due_at: datetime | None


def statuses(
    schemas: Sequence[TableSchema],
    states: Sequence[TableState],
    locks: Sequence[LockRecord],
    *,
    now: datetime,
) -> Iterator[TableStatus]:
    """Every table of a file, in the files' order."""
    busy = {lock.table for lock in locks if lock.expires_at > now}
    by_table: dict[str, list[TableState]] = {}
    for state in states:
        by_table.setdefault(state.table, []).append(state)
    for schema in schemas:
        yield _status(schema, by_table.get(schema.name, []), busy=schema.name in busy, now=now)


def delivery_statuses(
    files: Sequence[KindFile[Any]],
    states: Sequence[TableState],
    locks: Sequence[LockRecord],
    *,
    now: datetime,
) -> Iterator[TableStatus]:
    """Every table that deliveries land in. What the store knows of single deliveries is no success of the table's."""
    busy = {lock.table for lock in locks if lock.expires_at > now}
    whole = {state.table: state for state in states if not state.partition}
    left = {state.table for state in states if state.open_load}
    for file in files:
        name, value = "/".join(table_of(file)), file.value
        last = whole[name].last_success_at if name in whole else None
        standing = _standing(
            enabled=value.enabled,
            freshness=value.freshness,
            last=last,
            is_unfinished=name in left,
            busy=name in busy,
            now=now,
        )
        is_due = isinstance(value.schedule, Schedule) and value.enabled
        yield TableStatus(
            name, standing, last, None, None, 0, next_due(value.schedule, now=now) if is_due else None
        )


def _status(schema: TableSchema, states: list[TableState], *, busy: bool, now: datetime) -> TableStatus:
    last = max((each.last_success_at for each in states if each.last_success_at), default=None)
    rows = [each.rows for each in states if each.last_success_at]
    whole = next((each for each in states if not each.partition), None)
    return TableStatus(
        table=schema.name,
        standing=_standing(
            enabled=schema.enabled,
            freshness=schema.freshness,
            last=last,
            is_unfinished=any(each.open_load for each in states),
            busy=busy,
            now=now,
        ),
        last_success_at=last,
        lag_seconds=lag_seconds(schema, whole.cursor if whole else None, now=now),
        rows=sum(each or 0 for each in rows) if rows and None not in rows else None,
        partitions=sum(bool(each.partition and each.last_success_at) for each in states),
        next_due_at=next_due(schema.schedule, now=now) if schema.schedule and schema.enabled else None,
    )


def _standing(
    *,
    enabled: bool,
    freshness: timedelta | None,
    last: datetime | None,
    is_unfinished: bool,
    busy: bool,
    now: datetime,
) -> Standing:
    if not enabled:
        return Standing.DISABLED
    if busy:
        return Standing.LOADING
    if last is None:
        return Standing.NEVER
    if freshness is not None and now - last > freshness:
        return Standing.LATE
    return Standing.UNFINISHED if is_unfinished else Standing.OK


def next_due(schedule: Schedule, *, now: datetime) -> datetime:
    """When the cron comes up next, in the schedule's own time zone."""
    from croniter import croniter  # noqa: PLC0415 -- 30 ms that tables without a schedule need not pay

    moment: datetime = croniter(schedule.cron, now.astimezone(ZoneInfo(schedule.timezone))).get_next(datetime)
    return moment


def ago(moment: datetime | None, now: datetime) -> str:
    """`12 min ago`, `in 3 min`; `-` for never."""
    if moment is None:
        return "-"
    seconds = (now - moment).total_seconds()
    return f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"


def span(seconds: float | None) -> str:
    """A length of time in its two greatest units or fewer; `-` for none."""
    if seconds is None:
        return "-"
    sign, left = ("-" if seconds < 0 else ""), timedelta(seconds=round(abs(seconds)))
    days, rest = left.days, left.seconds
    if days:
        return f"{sign}{days} d {rest // 3600} h"
    hours, minutes = divmod(rest // 60, 60)
    if hours:
        return f"{sign}{hours} h {minutes} min"
    return f"{sign}{minutes} min" if minutes else f"{sign}{rest} s"
