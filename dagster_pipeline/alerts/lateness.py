"""Which tables are late: the last success is older than the table file's `freshness`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
        loaded: last success by table, as far as it is known.
        first_seen: of tables that were never loaded: they are given their time from then on.
        late: tables that were late.
    """

    loaded: Mapping[str, datetime] = field(default_factory=dict)
    first_seen: Mapping[str, datetime] = field(default_factory=dict)
    late: frozenset[str] = frozenset()

    def may_be_late(self, table: WatchedTable, now: datetime) -> bool:
        """Whether the table is late by what is known, or nothing is known."""
        since = self.loaded.get(table.name) or self.first_seen.get(table.name)
        return table.freshness is not None and (since is None or now - since > table.freshness)


def suspects(tables: Iterable[WatchedTable], known: LatenessMark, *, now: datetime) -> list[str]:
    """Tables that may be late: only of these the last success must be asked for."""
    return [table.name for table in tables if known.may_be_late(table, now)]


def look(
    tables: Sequence[WatchedTable], known: LatenessMark, asked: Mapping[str, datetime], *, now: datetime
) -> tuple[LatenessMark, list[Observation]]:
    """What to leave behind, and what has changed since the last look; `asked` are the last successes of suspects."""
    all_loaded, names = {**known.loaded, **asked}, [table.name for table in tables]
    loaded = {name: all_loaded[name] for name in names if name in all_loaded}
    first_seen = {name: known.first_seen.get(name, now) for name in names if name not in loaded}
    seen = LatenessMark(loaded, first_seen)
    late = frozenset(table.name for table in tables if seen.may_be_late(table, now))
    news = [
        _late(table, seen, now) if table.name in late else Cleared((AlertKind.LATE,), table.name, now)
        for table in tables
        if (table.name in late) != (table.name in known.late)
    ]
    return replace(seen, late=late), news


def _late(table: WatchedTable, seen: LatenessMark, now: datetime) -> Alert:
    loaded = seen.loaded.get(table.name)
    ago = f"{format_duration(_minutes(now, loaded))} ago" if loaded else "never"
    return Alert(
        AlertKind.LATE,
        Severity.ERROR,
        table.name,
        "The last success is older than freshness allows.",
        f"Its last success was {ago}; freshness allows {format_duration(table.freshness or timedelta())}.",
        _NEXT_STEP,
        now,
        last_success=loaded,
    )


def _minutes(now: datetime, then: datetime) -> timedelta:
    return timedelta(minutes=max(1, int((now - then).total_seconds() // 60)))
