"""Where every table stands, from its file and what the state store remembers. Pure; the clock is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from dagster_pipeline.factories.table_lag import lag_seconds
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
        last_success_at: UTC; of a table with partitions, of the newest load of any.
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


def _status(schema: TableSchema, states: list[TableState], *, busy: bool, now: datetime) -> TableStatus:
    last = max((each.last_success_at for each in states if each.last_success_at), default=None)
    rows = [each.rows for each in states if each.last_success_at]
    whole = next((each for each in states if not each.partition), None)
    return TableStatus(
        table=schema.name,
        standing=_standing(schema, states, last, busy=busy, now=now),
        last_success_at=last,
        lag_seconds=lag_seconds(schema, whole.cursor if whole else None, now=now),
        rows=sum(each or 0 for each in rows) if rows and None not in rows else None,
        partitions=sum(bool(each.partition and each.last_success_at) for each in states),
        next_due_at=next_due(schema.schedule, now=now) if schema.schedule and schema.enabled else None,
    )


def _standing(
    schema: TableSchema, states: list[TableState], last: datetime | None, *, busy: bool, now: datetime
) -> Standing:
    if not schema.enabled:
        return Standing.DISABLED
    if busy:
        return Standing.LOADING
    if last is None:
        return Standing.NEVER
    if schema.freshness is not None and now - last > schema.freshness:
        return Standing.LATE
    return Standing.UNFINISHED if any(each.open_load for each in states) else Standing.OK


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
