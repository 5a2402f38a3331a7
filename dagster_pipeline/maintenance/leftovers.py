"""Tables that stand in our databases and should not, or not any longer.

What nobody knows is reported and never dropped. What we made for a while is dropped when it is old enough: staging and
quarantine tables by the time of their last change, retired tables from the day on that their name says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dagster_pipeline.connectors.sink.clickhouse.statements import DROP_SETTINGS
from dagster_pipeline.errors import TableLockedError
from dagster_pipeline.maintenance.beside_names import Beside, BesideName, parse
from dagster_pipeline.maintenance.warehouse import MaintainedWarehouse
from dagster_pipeline.state.state_manager import StateManager


@dataclass(frozen=True, slots=True)
class LeftoverConfig:
    """How long tables beside others stay; `dry_run` only tells."""

    staging_days: int = 7
    quarantine_days: int = 90
    dry_run: bool = True


@dataclass(frozen=True, slots=True)
class Leftover:
    """One table.

    Attributes:
        database, name: which.
        kind: what it is; `None` for one that nobody knows.
        rows, bytes: how large.
        changed_at: when it was last written to, or made, in UTC.
        dropped: it is gone.
        why: why it stands there still, or why it went.
    """

    database: str
    name: str
    kind: Beside | None
    rows: int
    bytes: int
    changed_at: datetime
    dropped: bool
    why: str


_QUERY = """
SELECT tables.database, tables.name, parts.its_rows, parts.its_bytes,
    toUnixTimestamp(greatest(tables.metadata_modification_time, parts.changed)), toUnixTimestamp(now())
FROM system.tables AS tables
LEFT JOIN
(
    SELECT database, table, sum(rows) AS its_rows, sum(bytes_on_disk) AS its_bytes, max(modification_time) AS changed
    FROM system.parts WHERE active AND database IN {databases:Array(String)} GROUP BY database, table
) AS parts ON parts.database = tables.database AND parts.table = tables.name
WHERE tables.database IN {databases:Array(String)} AND NOT startsWith(tables.name, '.inner')
ORDER BY tables.database, tables.name
SETTINGS join_use_nulls = 0
"""


def clear_leftovers(
    warehouse: MaintainedWarehouse,
    known: Collection[tuple[str, str]],
    *,
    state: StateManager,
    owner: str,
    config: LeftoverConfig,
) -> tuple[Leftover, ...]:
    """Everything in the databases of the known tables that is none of them. Raises `PipelineError`."""
    databases = sorted({database for database, _ in known})
    found = warehouse.rows(_QUERY, {"databases": databases})
    return tuple(
        _seen(warehouse, row, known=known, state=state, owner=owner, config=config)
        for row in found
        if (row[0], row[1]) not in known
    )


def _seen(
    warehouse: MaintainedWarehouse,
    row: Iterable[object],
    *,
    known: Collection[tuple[str, str]],
    state: StateManager,
    owner: str,
    config: LeftoverConfig,
) -> Leftover:
    database, name, *numbers = row
    rows, bytes_, changed, now = (int(str(number)) for number in numbers)
    place = (str(database), str(name))
    beside = parse(place[1])
    if beside is not None and (place[0], beside.table) not in known:
        beside = None  # somebody else's table may be called so
    changed_at = datetime.fromtimestamp(changed, UTC)
    dropped, why = False, "no file names it; it is never dropped"
    if beside is not None:
        why = _keep(beside, timedelta(seconds=now - changed), datetime.fromtimestamp(now, UTC), config)
        if not why:
            why = "dry run" if config.dry_run else _drop(warehouse, *place, beside, state, owner)
            dropped = not why
    return Leftover(
        *place,
        beside.kind if beside else None,
        rows,
        bytes_,
        changed_at,
        dropped,
        why or "older than the limit",
    )


def _keep(beside: BesideName, age: timedelta, now: datetime, config: LeftoverConfig) -> str:
    """Why it stays; empty when it may go."""
    match beside.kind:
        case Beside.MIGRATING:
            return "a migration is not done: run `migrate-table` again, or with --rollback"
        case Beside.RETIRED:
            is_due = beside.until is not None and now >= beside.until
            return "" if is_due else f"kept until {beside.until:%F %R} UTC"
        case Beside.STAGING:
            limit = timedelta(days=config.staging_days)
        case Beside.QUARANTINE:
            limit = timedelta(days=config.quarantine_days)
    return "" if age >= limit else f"kept until it is {limit.days} days old"


def _drop(
    warehouse: MaintainedWarehouse,
    database: str,
    name: str,
    beside: BesideName,
    state: StateManager,
    owner: str,
) -> str:
    """Drop it under the lock of the table that it belongs to: a load may be about to go on with it. Says why not."""
    try:
        with state.lock(f"{database}/{beside.table}", owner=owner):
            warehouse.run(
                warehouse.ddl.drop(database, name),
                doing=f"Dropping {database}.{name}",
                settings=DROP_SETTINGS,
            )
    except TableLockedError:
        return "its table is being loaded"
    return ""
