"""The state store on SQLite or PostgreSQL: each call of the contract as one transaction. No SQL stands here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.state import ledger, locks, positions, tables
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock
from dagster_pipeline.state.database import Database
from dagster_pipeline.state.records import Load, LockRecord, PastLoad, TableState


def _utc_now() -> datetime:
    return datetime.now(UTC)


class StateManager(BaseStateStore):
    """Cursors, the chunk ledger and locks, in one SQLite file or PostgreSQL database.

    Nothing is opened before the first call, which also creates the tables or brings them up to date. Not to be carried
    through a fork once it has been used: neither driver allows that.

    Args:
        url: `sqlite:////absolute/file[?timeout=seconds]` or `postgresql://user:password@host/database[?libpq options]`.
        lock_seconds: a lock whose holder is silent for this long has expired.
        clock: the present, with time zone, for a SQLite store; PostgreSQL's own clock serves there.
    """

    def __init__(
        self, url: DatabaseUrl, *, lock_seconds: int = 90, clock: Callable[[], datetime] = _utc_now
    ) -> None:
        self._database = Database(url, clock=clock)
        self._lock_seconds = lock_seconds

    def read(self, table: str, partition: str = "") -> TableState:
        """See `BaseStateStore.read`."""
        with self._database.reading() as connection:
            return positions.state_of(connection, table, partition)

    def next_version(self, table: str, *, above: int) -> int:
        """See `BaseStateStore.next_version`. Raises `FatalError` when `above` is 2**63 - 1 or more."""
        with self._database.writing() as connection:
            return positions.raise_version(connection, self._database, table, above=above)

    def open_load(self, load: Load) -> None:
        """See `BaseStateStore.open_load`."""
        with self._database.writing() as connection:
            positions.claim(connection, self._database, load.table)
            positions.enter(connection, self._database, load.table, load.partition)
            ledger.add(connection, load)

    def open_loads(self, table: str) -> tuple[Load, ...]:
        """See `BaseStateStore.open_loads`."""
        with self._database.reading() as connection:
            return tuple(ledger.open_loads(connection, tables.loads.c.table_name == table).values())

    def start_chunk(self, load_id: str, index: int) -> None:
        """See `BaseStateStore.start_chunk`. Raises `FatalError` when the chunk is done or the load is not open."""
        with self._database.writing() as connection:
            ledger.start(connection, load_id, index)

    def commit_chunk(self, load_id: str, index: int, *, rows: int, bytes_: int, seconds: float) -> None:
        """See `BaseStateStore.commit_chunk`. Raises `FatalError` when it was not started or the load is not open."""
        with self._database.writing() as connection:
            ledger.commit(connection, load_id, index, rows=rows, bytes_=bytes_, seconds=seconds)

    def close_load(self, load_id: str, *, rows: int | None, loaded_as: str | None = None) -> TableState:
        """See `BaseStateStore.close_load`."""
        with self._database.writing() as connection:
            load = ledger.close(connection, load_id)
            at = (load.table_name, load.partition_key)
            positions.put(connection, *at, row_count=rows, last_success_at=self._database.now())
            if loaded_as is not None:
                positions.put(connection, *at, loaded_as=loaded_as)
            if load.advance_to is not None:
                positions.put(connection, *at, cursor_value=load.advance_to)
            return positions.state_of(connection, *at)

    def note_success(self, table: str) -> None:
        """See `BaseStateStore.note_success`."""
        with self._database.writing() as connection:
            positions.claim(connection, self._database, table)
            positions.enter(connection, self._database, table, "")
            positions.put(connection, table, "", last_success_at=self._database.now())

    def abandon_load(self, load_id: str) -> None:
        """See `BaseStateStore.abandon_load`. Raises `FatalError` when the load is done."""
        with self._database.writing() as connection:
            ledger.abandon(connection, load_id)

    def set_cursor(self, table: str, cursor: str | None, *, partition: str = "") -> None:
        """See `BaseStateStore.set_cursor`."""
        with self._database.writing() as connection:
            positions.claim(connection, self._database, table)
            ledger.abandon_open(connection, table, partition)
            positions.enter(connection, self._database, table, partition)
            positions.put(connection, table, partition, cursor_value=cursor)

    def tables(self) -> tuple[TableState, ...]:
        """See `BaseStateStore.tables`."""
        with self._database.reading() as connection:
            return positions.all_states(connection)

    def cursors(self, table: str) -> Mapping[str, str]:
        """See `BaseStateStore.cursors`."""
        with self._database.reading() as connection:
            return positions.cursors_of(connection, table)

    def lock(self, table: str, *, owner: str, partition: str = "") -> AbstractContextManager[TableLock]:
        """See `BaseStateStore.lock`. The whole table and a partition of it exclude each other; two partitions do not.

        `owner` names the run; host and process are added.
        """
        return locks.hold(self._database, table, partition, owner=owner, seconds=self._lock_seconds)

    def close(self) -> None:
        """See `BaseStateStore.close`."""
        self._database.close()

    def past_loads(self, *, newest: int) -> tuple[PastLoad, ...]:
        """The newest done loads of every table and partition, newest first: how fast a table is moved."""
        with self._database.reading() as connection:
            return ledger.past_loads(connection, newest)

    def locks(self) -> tuple[LockRecord, ...]:
        """Every lock that was not given back, expired or not, sorted by table and partition."""
        with self._database.reading() as connection:
            return locks.all_locks(connection)

    def is_locked(self, table: str) -> bool:
        """Whether a living run holds the table or a partition of it just now; nothing is promised for the next moment."""
        with self._database.reading() as connection:
            return locks.is_held(connection, self._database, table)

    def release_lock(self, table: str, *, partition: str = "") -> bool:
        """Take a lock away from its holder, whose next `assert_held` raises; whether there was one."""
        with self._database.writing() as connection:
            return locks.release(connection, table, partition)

    def restore(self, states: Iterable[TableState]) -> None:
        """Put tables where another store had them, with their open loads. A version never goes down."""
        with self._database.writing() as connection:
            for state in states:
                positions.restore(connection, self._database, state)

    def count_prunable(self, before: datetime) -> int:
        """How many loads `prune` would remove."""
        with self._database.reading() as connection:
            return ledger.count_prunable(connection, before)

    def prune(self, before: datetime) -> int:
        """Remove loads, with their ledgers, that are done or abandoned and were opened before that moment.

        Each table and partition keeps its newest done and its newest abandoned load. Returns how many were removed.
        """
        with self._database.writing() as connection:
            return ledger.prune(connection, before)
