"""Days and months at whose ends snapshots are taken. Pure: the clock is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.duration import format_duration
from dagster_pipeline.schema.finding import listed
from dagster_pipeline.schema.snapshot_files import Every, Snapshot

KEY_FORMAT = "%Y-%m-%d"
_A_DAY = timedelta(days=1)
_LONGEST_MONTH = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Period:
    """One day or month.

    Attributes:
        first: its first day; the key of the Dagster partition.
        last: its last day; `_snapshot_date` of its snapshot.
        ends: the first moment after it, in UTC.
    """

    first: date
    last: date
    ends: datetime

    @property
    def key(self) -> str:
        """Name of the Dagster partition."""
        return self.first.isoformat()

    @property
    def partition_id(self) -> str:
        """ClickHouse's id of the partition of a Date (clickhouse.com/docs, `partition_id` of a Date is YYYYMMDD)."""
        return self.last.strftime("%Y%m%d")


def period_of(snapshot: Snapshot, day: date) -> Period:
    """The period that a day lies in."""
    first, behind = day, day + _A_DAY
    if snapshot.file.every is Every.MONTH:
        first = day.replace(day=1)
        behind = (first + _LONGEST_MONTH).replace(day=1)
    midnight = datetime(behind.year, behind.month, behind.day, tzinfo=ZoneInfo(snapshot.file.timezone))
    return Period(first=first, last=behind - _A_DAY, ends=midnight.astimezone(UTC))


def period_of_key(snapshot: Snapshot, key: str) -> Period:
    """The period of a partition. Raises `ConfigurationError` for a key that is none."""
    try:
        day = datetime.strptime(key, KEY_FORMAT).date()
    except ValueError:
        day = date.min
    if day < date.fromisoformat(snapshot.file.start) or period_of(snapshot, day).key != key:
        raise ConfigurationError(
            f"{snapshot.name} has no snapshot {key!r}.",
            todo=f"Name the first day of a {snapshot.file.every} from {snapshot.file.start} on.",
        )
    return period_of(snapshot, day)


def latest_ended(snapshot: Snapshot, now: datetime) -> Period:
    """The last period that has ended at a moment; it may begin before `start`."""
    today = now.astimezone(ZoneInfo(snapshot.file.timezone)).date()
    return period_of(snapshot, period_of(snapshot, today).first - _A_DAY)


def oldest_kept(snapshot: Snapshot, now: datetime) -> Period | None:
    """The oldest period whose snapshot is not dropped; `None` without `retention`."""
    if snapshot.file.retention is None:
        return None
    kept = latest_ended(snapshot, now)
    if snapshot.file.every is Every.DAY:
        return period_of(snapshot, kept.first - (snapshot.file.retention - 1) * _A_DAY)
    months = kept.first.year * 12 + kept.first.month - snapshot.file.retention
    return period_of(snapshot, date(months // 12, months % 12 + 1, 1))


def is_past(snapshot: Snapshot, period: Period, now: datetime) -> bool:
    """The moment is over for good: what is read holds only the present, which is no longer that period's end."""
    return not snapshot.knows_the_past and now > period.ends + snapshot.file.grace


def require_takeable(snapshot: Snapshot, period: Period, now: datetime) -> None:
    """Raise `ConfigurationError` when the rows of that moment cannot be known, or would be dropped at once."""
    if now < period.ends:
        raise ConfigurationError(
            f"{snapshot.name}: the {snapshot.file.every} {period.key} ends at {period.ends:%F %T} UTC.",
            todo="Take its snapshot after that.",
        )
    kept = oldest_kept(snapshot, now)
    if kept is not None and period.first < kept.first:
        raise ConfigurationError(
            f"{snapshot.name}: a snapshot of {period.last} would be dropped at once, since retention is "
            f"{snapshot.file.retention} and the oldest that is kept is of {kept.last}.",
            todo=f"Raise retention in {snapshot.path.name}, or leave it out of the backfill.",
        )
    if is_past(snapshot, period, now):
        what = listed(snapshot.reads) if snapshot.source_table is not None else "Its query"
        raise ConfigurationError(
            f"{snapshot.name}: {what} shows only the present, which is no snapshot of {period.last} any more: that "
            f"moment passed at {period.ends:%F %T} UTC, and grace is {format_duration(snapshot.file.grace)}.",
            todo="Whatever snapshot exists stays as it is. Past ones can be taken with strategy timestamp or append, or from "
            "a query that names {snapshot_end}.",
        )
