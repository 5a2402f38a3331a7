"""The store as a place for transactions: opened at the first call, brought up to date, its errors ours.

What a query says is not known here, and what the two databases do differently stands in their backends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, event
from sqlalchemy.dialects import postgresql, sqlite

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.state import migrations
from dagster_pipeline.state.errors import translated
from dagster_pipeline.state.postgres_backend import PostgresBackend
from dagster_pipeline.state.sqlite_backend import SqliteBackend

_BEGIN = "pipeline_begin"


def _backend(url: DatabaseUrl, clock: Callable[[], datetime]) -> SqliteBackend | PostgresBackend:
    product = url.scheme.partition("+")[0]
    if product == "sqlite":
        return SqliteBackend(url, clock=clock)
    if product in {"postgresql", "postgres"}:
        return PostgresBackend(url)
    raise ConfigurationError(
        f"{url.variable} starts with {url.scheme}://, and no state store is known for it.",
        todo="Write sqlite:////absolute/file or postgresql://user:password@host/database.",
    )


class Database:
    """One store. May be used from several threads; each transaction has a connection of its own."""

    def __init__(
        self,
        url: DatabaseUrl,
        *,
        clock: Callable[[], datetime],
        steps: Sequence[migrations.Step] = migrations.STEPS,
    ) -> None:
        """Opens nothing. Raises `ConfigurationError` when the address cannot be one of a store."""
        self.url = url
        self._backend = _backend(url, clock)
        self._steps = steps
        self._opening = threading.Lock()
        self._engine: Engine | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the store."""
        with self._transaction(self._backend.begin_reading, **self._backend.reading_options) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is kept when its block ends, and undone when it raises."""
        with self._transaction(self._backend.begin_writing) as connection:
            yield connection

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        """A transaction in a store that exists, whatever its schema: it is not brought up to date first."""
        with translated(self.url):
            engine = self._backend.open()
            try:
                with engine.connect() as connection, connection.begin():
                    yield connection
            finally:
                engine.dispose()

    def now(self) -> ColumnElement[Any]:
        """The moment as the store judges it, for use inside a statement."""
        return self._backend.now()

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that knows ON CONFLICT."""
        return self._backend.insert(table)

    def close(self) -> None:
        """End every connection; the next transaction opens the store again."""
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    @contextmanager
    def _transaction(self, begin: str, **options: Any) -> Iterator[Connection]:
        engine = self._opened()
        self._backend.check()
        with translated(self.url), _begun(engine, begin, **options) as connection:
            yield connection

    def _opened(self) -> Engine:
        with self._opening:
            if self._engine is None:
                with translated(self.url):
                    engine = self._backend.open()
                    event.listen(engine, "begin", _send_begin)
                    try:
                        self._migrate(engine)
                    except BaseException:
                        engine.dispose()
                        raise
                self._engine = engine
            return self._engine

    def _migrate(self, engine: Engine) -> None:
        with _begun(engine, self._backend.begin_reading) as connection:
            if migrations.is_current(connection, self.url, self._steps):
                return
        with _begun(engine, self._backend.begin_writing) as connection:
            self._backend.exclude_other_migrations(connection)
            migrations.migrate(connection, self.url, self._steps)


@contextmanager
def _begun(engine: Engine, begin: str, **options: Any) -> Iterator[Connection]:
    with engine.connect().execution_options(**options, **{_BEGIN: begin}) as connection, connection.begin():
        yield connection


def _send_begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options()[_BEGIN])
