"""Keeps the connections of Dagster's event log open while a run writes to it.

Dagster opens a connection for every transaction, so that many processes can hold an instance without holding its
database, and writes each event in one to three transactions. A run of three hundred small tables writes two thousand events: on
SQLite each opens the file, and closing it again copies its log into it and waits for the disk; on PostgreSQL each is a new
session with its password check. Here the process that executes a run keeps what it has opened until the run has ended.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeGuard

from dagster._core.storage.event_log.base import EventLogStorage
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, StaticPool

if TYPE_CHECKING:
    from dagster_postgres import PostgresEventLogStorage

IDLE_SESSIONS = 5
"""Sessions to PostgreSQL that stay open between events: the steps' threads and the run's own."""


@contextmanager
def kept_open(storage: EventLogStorage) -> Generator[None, None, None]:
    """Keep connections of an event log open during the block. Storages other than Dagster's own two are left alone."""
    if isinstance(storage, SqliteEventLogStorage):
        with _sqlite(storage):
            yield
    elif _is_postgres(storage):
        with _postgres(storage):
            yield
    else:
        yield


def _is_postgres(storage: EventLogStorage) -> TypeGuard[PostgresEventLogStorage]:
    """Whether it is Dagster's own for PostgreSQL, whose package a local instance need not import."""
    package = sys.modules.get("dagster_postgres")
    return package is not None and isinstance(storage, package.PostgresEventLogStorage)


@contextmanager
def _postgres(storage: PostgresEventLogStorage) -> Generator[None, None, None]:
    """A pool in place of an engine without one; a session that the server has ended meanwhile is replaced."""
    from dagster_postgres.utils import create_pg_engine  # noqa: PLC0415 -- a third of a second, not for local instances

    before = storage._engine
    pooled = create_pg_engine(
        storage.postgres_url,
        storage._token_provider,
        isolation_level="AUTOCOMMIT",
        pool_size=IDLE_SESSIONS,
        max_overflow=-1,
        pool_pre_ping=True,
    )
    storage._engine = pooled
    try:
        yield
    finally:
        storage._engine = before
        pooled.dispose()


@contextmanager
def _sqlite(storage: SqliteEventLogStorage) -> Generator[None, None, None]:
    """One connection for each file in place of one for each transaction."""
    shards = _Shards(storage)
    storage._connect = shards.connected  # type: ignore[method-assign]
    try:
        yield
    finally:
        del storage._connect
        shards.close()


class _Shards:
    """The open files of one SQLite event log: one for each run, and the index over all of them."""

    def __init__(self, storage: SqliteEventLogStorage) -> None:
        self._storage = storage
        self._engines: dict[str, Engine] = {}

    @contextmanager
    def connected(self, shard: str) -> Generator[Connection, None, None]:
        """A transaction, alone in this process as Dagster's own is."""
        with self._storage._db_lock:
            with self._engine(shard).begin() as connection:
                yield connection
            self._tell_watchers(shard)

    def close(self) -> None:
        """Close all files."""
        with self._storage._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            engine = create_engine(
                self._storage.conn_string_for_shard(shard),
                poolclass=StaticPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            if shard not in self._storage._initialized_dbs:
                self._storage._initdb(engine)
                self._storage._initialized_dbs.add(shard)
            self._engines[shard] = engine
        return self._engines[shard]

    def _tell_watchers(self, shard: str) -> None:
        """The UI's live log waits for a run's file to change, which it would not until its write-ahead log is full."""
        if shard != INDEX_SHARD_NAME:
            with suppress(OSError):
                os.utime(self._storage.path_for_shard(shard))
