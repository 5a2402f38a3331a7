"""Which tables are late: the last success is older than the table file's `freshness`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dagster_pipeline.alerts.alert import Alert, AlertKind, Cleared, Observation, Severity
from dagster_pipeline.alerts.watched_table import WatchedTable
from dagster_pipeline.schema.duration import format_duration

_NEXT_STEP = (
    "See why it was not loaded: is its schedule on, does the daemon run, does a run wait in the queue or hang? "
    "Then materialize it."
)


@dataclass(frozen=True, slots=True)
class LatenessMark:
    """What the last look left behind.

    Attributes:
        since: when watching began; a table that was never loaded is given its time from then on.
        late: tables that were late.
    """

    since: datetime
    late: frozenset[str] = frozenset()


def lateness(
    tables: Iterable[WatchedTable],
    *,
    last_success: Mapping[str, datetime],
    known: LatenessMark,
    now: datetime,
) -> Iterator[Observation]:
    """What has changed since the last look. A table that is not in `last_success` was never loaded."""
    for table in tables:
        loaded = last_success.get(table.name)
        allowed = _allowed(table, loaded or known.since, now)
        if (allowed is not None) == (table.name in known.late):
            continue
        if allowed is None:
            yield Cleared((AlertKind.LATE,), table.name, now)
            continue
        ago = f"{format_duration(_minutes(now, loaded))} ago" if loaded else "never"
        yield Alert(
            AlertKind.LATE,
            Severity.ERROR,
            table.name,
            "The last success is older than freshness allows.",
            f"Its last success was {ago}; freshness allows {format_duration(allowed)}.",
            _NEXT_STEP,
            now,
            last_success=loaded,
        )


def mark_of(
    tables: Iterable[WatchedTable],
    *,
    last_success: Mapping[str, datetime],
    known: LatenessMark,
    now: datetime,
) -> LatenessMark:
    """What to leave behind for the next look."""
    late = (t.name for t in tables if _allowed(t, last_success.get(t.name, known.since), now) is not None)
    return replace(known, late=frozenset(late))


def _allowed(table: WatchedTable, loaded: datetime, now: datetime) -> timedelta | None:
    """The time that a late table has exceeded; `None` when it is not late."""
    return table.freshness if table.freshness is not None and now - loaded > table.freshness else None


def _minutes(now: datetime, then: datetime) -> timedelta:
    return timedelta(minutes=max(1, int((now - then).total_seconds() // 60)))
