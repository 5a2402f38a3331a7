"""Locks on tables: rows that a heartbeat keeps alive while their holder lives, and that expire when it does not.

Two partitions of a table may be held at once; the whole table (partition '') excludes every partition of it. Expiry is
judged by the store's clock alone; a holder of this machine whose process is gone has lost its lock at once.
A lock is not a fence: between two calls of `assert_held` a process that stood still may have lost it, which is why every
chunk asks, and why the ledger refuses a chunk that another run has done and any chunk of a load that another run has
ended.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from dagster_pipeline.errors import PipelineError, TableLockedError
from dagster_pipeline.state import holder, positions
from dagster_pipeline.state.base_state_store import TableLock
from dagster_pipeline.state.database import Database
from dagster_pipeline.state.records import LockRecord, for_people
from dagster_pipeline.state.tables import locks

BEATS_PER_LOCK = 3
"""A lock survives two heartbeats that fail, e.g. while the store is restarted."""

HOLDER_MARK = "@"
"""A token is a random text, this mark, and which process holds the lock."""

_log = logging.getLogger(__name__)


@contextmanager
def hold(database: Database, table: str, partition: str, *, owner: str, seconds: int) -> Iterator[TableLock]:
    """Take the lock, keep it alive while the block runs, give it back.

    Raises `TableLockedError` that names the holder and when its lock expires; also in place of any other error of a block
    whose lock is not held any more. A run that stood still (a paused machine, a swapped-out process) may wake up when
    another one has taken its table over, and then finds loads ended and tables dropped that it knows nothing about:
    whatever error comes of that, the reason is the lost lock.
    """
    lock = HeldLock(database, table, partition, owner=owner, seconds=seconds)
    lock.take()
    try:
        yield lock
    except PipelineError as error:
        if lost := lock.loss():
            raise lost from error
        raise
    finally:
        lock.give_back()


def all_locks(connection: Connection) -> tuple[LockRecord, ...]:
    """Every lock that was not given back, expired or not, sorted."""
    rows = connection.execute(select(locks)).all()
    return tuple(sorted(map(_record, rows), key=lambda lock: (lock.table, lock.partition)))


def is_held(connection: Connection, database: Database, table: str) -> bool:
    """Whether a living run holds the table or a partition of it."""
    held = select(locks.c.token).where(locks.c.table_name == table, locks.c.expires_at > database.now())
    tokens = connection.execute(held).scalars().all()
    return any(not holder.has_ended(token.partition(HOLDER_MARK)[2]) for token in tokens)


def release(connection: Connection, table: str, partition: str) -> bool:
    """Take the lock away from whoever holds it; whether there was one."""
    held = delete(locks).where(locks.c.table_name == table, locks.c.partition_key == partition)
    return bool(connection.execute(held).rowcount)


class HeldLock(TableLock):
    """One lock of this process. `take` and `give_back` are called once."""

    def __init__(self, database: Database, table: str, partition: str, *, owner: str, seconds: int) -> None:
        self._database = database
        self._table = table
        self._partition = partition
        self._owner = f"{owner} (host {socket.gethostname()}, process {os.getpid()})"
        self._duration = timedelta(seconds=seconds)
        self._token = f"{uuid.uuid4().hex}{HOLDER_MARK}{holder.of_this_process()}"
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, name=f"lock of {table}", daemon=True)

    def take(self) -> None:
        """Write the row and start the heartbeat. Raises `TableLockedError` when another's lock is in the way."""
        with self._database.writing() as connection:
            positions.claim(connection, self._database, self._table)
            other = self._make_way(connection)
            if other is None:
                self._write(connection)
        if other:  # raised here, so that what `_make_way` mended is kept
            raise _locked(other)
        self._heart.start()

    def assert_held(self) -> None:
        """See to it that most of the lock's time is left. Raises `TableLockedError` when it is not ours any more."""
        if not (self._has_time() or self._prolong()):
            raise TableLockedError(
                f"{self._owner} lost its lock on {for_people(self._table, self._partition)}:"
                " it expired or was released.",
                todo="This run has stopped before it wrote more; the next one resumes where the ledger stands.",
            )

    def loss(self) -> TableLockedError | None:
        """What `assert_held` raises when the lock was lost; `None` also where the store does not say."""
        try:
            self.assert_held()
        except TableLockedError as error:
            return error
        except PipelineError:
            return None
        return None

    def give_back(self) -> None:
        """Stop the heartbeat and delete the row. A store that does not answer is no error: the row expires."""
        self._stop.set()
        self._heart.join()
        try:
            with self._database.writing() as connection:
                connection.execute(delete(locks).where(locks.c.token == self._token))
        except PipelineError as error:
            _log.warning("The lock on %s could not be given back and will expire: %s", self._table, error)

    def _make_way(self, connection: Connection) -> Row[Any] | None:
        """Delete the locks in the way that expired or whose holders are dead; the row of one that stays, if any.

        A heartbeat that comes late finds its row deleted, so it cannot revive a lock beside the new one.
        """
        now, in_the_way = self._database.now(), _conflicts(self._table, self._partition)
        # A heartbeat in the future: the clock was set back. The lock must still end, and lasts from now.
        connection.execute(
            update(locks)
            .where(in_the_way, locks.c.heartbeat_at > now)
            .values(heartbeat_at=now, expires_at=now + (locks.c.expires_at - locks.c.heartbeat_at))
        )
        connection.execute(delete(locks).where(in_the_way, locks.c.expires_at <= now))
        for row in connection.execute(select(locks).where(in_the_way)).all():
            if not holder.has_ended(row.token.partition(HOLDER_MARK)[2]):
                return row
            _log.warning("%s is dead, its lock on %s is taken over.", row.owner, row.table_name)
            connection.execute(delete(locks).where(locks.c.token == row.token))
        return None

    def _write(self, connection: Connection) -> None:
        now = self._database.now()
        connection.execute(
            insert(locks).values(
                table_name=self._table,
                partition_key=self._partition,
                token=self._token,
                owner=self._owner,
                acquired_at=now,
                heartbeat_at=now,
                expires_at=self._end(now),
            )
        )

    def _has_time(self) -> bool:
        """Whether the lock is ours and no heartbeat is due. A look costs a store no write, so every chunk can afford it."""
        due = self._database.now() + self._microseconds(
            self._duration * (BEATS_PER_LOCK - 1) / BEATS_PER_LOCK
        )
        fresh = select(locks.c.token).where(locks.c.token == self._token, locks.c.expires_at > due)
        with self._database.reading() as connection:
            return connection.execute(fresh).first() is not None

    def _prolong(self) -> bool:
        mine = update(locks).where(locks.c.token == self._token)
        with self._database.writing() as connection:
            now = self._database.now()  # not before: the transaction may have waited for another writer
            return bool(connection.execute(mine.values(heartbeat_at=now, expires_at=self._end(now))).rowcount)

    def _beat(self) -> None:
        while not self._stop.wait(self._duration.total_seconds() / BEATS_PER_LOCK):
            try:
                if not self._prolong():
                    return  # `assert_held` says so to the run
            except PipelineError as error:
                _log.warning("The lock on %s could not be prolonged: %s", self._table, error)

    def _end(self, now: ColumnElement[Any]) -> ColumnElement[Any]:
        return now + self._microseconds(self._duration)

    @staticmethod
    def _microseconds(duration: timedelta) -> int:
        return int(duration / timedelta(microseconds=1))


def _conflicts(table: str, partition: str) -> ColumnElement[bool]:
    of_table = locks.c.table_name == table
    return of_table & locks.c.partition_key.in_(("", partition)) if partition else of_table


def _locked(row: Row[Any]) -> TableLockedError:
    return TableLockedError(
        f"{for_people(row.table_name, row.partition_key)} is locked by {row.owner}"
        f" since {row.acquired_at:%F %T} UTC; the lock expires at {row.expires_at:%F %T} UTC"
        " unless that run prolongs it.",
        todo="Try again then; `python -m dagster_pipeline state release-lock` takes it away from a dead run.",
    )


def _record(row: Row[Any]) -> LockRecord:
    return LockRecord(
        table=row.table_name,
        partition=row.partition_key,
        owner=row.owner,
        acquired_at=row.acquired_at,
        heartbeat_at=row.heartbeat_at,
        expires_at=row.expires_at,
    )
