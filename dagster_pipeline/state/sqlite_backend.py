"""What is SQLite's own about the store: one file, one writer at a time, the host's clock.

Transactions follow SQLAlchemy's recipe for the sqlite3 module (docs.sqlalchemy.org, SQLite, "Transactions with SQLite
and the sqlite3 driver"): the module's own transaction control is off, and BEGIN is sent by us.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import URL, ColumnElement, Connection, Engine, Table, create_engine, event, literal
from sqlalchemy.dialects.sqlite import Insert, insert

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.state.column_types import Instant

BUSY_SECONDS = 30.0
"""How long a writer waits for another. Each holds the file for milliseconds; the address's `timeout` overrides it."""


class SqliteBackend:
    """The store in one file."""

    begin_reading = "BEGIN"
    # A transaction that reads first and then writes could not wait for another writer: SQLite fails it at once.
    begin_writing = "BEGIN IMMEDIATE"
    reading_options: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, url: DatabaseUrl, *, clock: Callable[[], datetime]) -> None:
        """Raises `ConfigurationError` when the address names no file, or options that do not exist here."""
        if not url.database or url.database == ":memory:":
            raise ConfigurationError(f"{url.variable} names no file.", todo="Write sqlite:////absolute/file.")
        if unknown := sorted(set(url.options) - {"timeout"}):
            raise ConfigurationError(
                f"{url.variable} has options that a SQLite store does not know: {', '.join(unknown)}.",
                todo="Only timeout (seconds) is known.",
            )
        try:
            self._busy_seconds = float(url.options.get("timeout", BUSY_SECONDS))
        except ValueError as error:
            raise ConfigurationError(
                f"{url.variable}: timeout is no number.", todo="Write seconds, e.g. timeout=30."
            ) from error
        self._file = Path(url.database).absolute()
        self._clock = clock
        self._identity: tuple[int, int] | None = None

    def open(self) -> Engine:
        """Create directory and file when they are missing. No transaction is begun."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"The state store's directory {self._file.parent} cannot be created: {error.strerror}.",
                todo="Create it, with the right for this user to write there, or set STATE_URL.",
            ) from error
        self._turn_on_wal()
        self._identity = self._look()
        engine = create_engine(
            URL.create("sqlite+pysqlite", database=str(self._file)),
            connect_args={"timeout": self._busy_seconds},
            max_overflow=-1,  # a heartbeat must never wait for a connection that its own run holds
            hide_parameters=True,
        )
        event.listen(engine, "connect", _on_connect)
        return engine

    def check(self) -> None:
        """Raises `ConfigurationError` when the file is not the one that was opened: SQLite would not notice."""
        if self._look() != self._identity:
            raise ConfigurationError(
                f"The state store's file {self._file} was removed or replaced while it was in use.",
                todo="Put it back, then start the process again; without it the next start begins an empty store.",
            )

    def now(self) -> ColumnElement[Any]:
        """The host's clock: all users of the file are on one host."""
        return literal(self._clock(), Instant)

    def insert(self, table: Table) -> Insert:
        """An INSERT that knows ON CONFLICT."""
        return insert(table)

    def exclude_other_migrations(self, connection: Connection) -> None:
        """A writing transaction is alone already."""

    def _look(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _turn_on_wal(self) -> None:
        """Readers and the writer do not wait for each other then. The mode is a property of the file and stays.

        SQLite does not wait for a lock here, so we do; two processes may create the store at once.
        """
        deadline = time.monotonic() + self._busy_seconds
        with closing(
            sqlite3.connect(self._file, timeout=self._busy_seconds, isolation_level=None)
        ) as connection:
            while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                try:
                    connection.execute("PRAGMA journal_mode = WAL")
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous = FULL")
