"""A warehouse to talk to from several threads: clients are lent one at a time, and every error is one of ours.

What does not belong here: any statement.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from dagster_pipeline.connectors.arrow_body import WatchedBody
from dagster_pipeline.connectors.sink.clickhouse.errors import Task, translate
from dagster_pipeline.connectors.sink.clickhouse.insert import InsertStatement, Setting
from dagster_pipeline.connectors.sink.clickhouse.transport import Acknowledgement, Transport
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import FatalError, RetriableError

if TYPE_CHECKING:
    import pyarrow as pa


class Warehouse:
    """Lends clients of one transport. A client is made when all others are lent out, and kept."""

    def __init__(self, transport: Transport, *, url: DatabaseUrl) -> None:
        self._transport = transport
        self._url = url
        self._lock = threading.Lock()
        self._idle: list[Client] = []
        self._lent = 0
        self._is_closed = False

    def rows(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        task: Task = Task.READ,
        doing: str = "A query",
    ) -> list[tuple[Any, ...]]:
        """Run a SELECT with ClickHouse's own parameters, `{name:Type}`."""
        with self._client(task, doing) as client:
            return [tuple(row) for row in client.query(sql, parameters=dict(parameters or {})).result_rows]

    def run(self, sql: str, *, doing: str, settings: Mapping[str, Setting] | None = None) -> None:
        """Run a statement that returns nothing; settings that this server does not know are left out."""
        with self._client(Task.SHAPE, doing) as client:
            known = {
                name: value for name, value in (settings or {}).items() if name in client.server_settings
            }
            client.command(sql, settings=known)

    def known_settings(self) -> Mapping[str, object]:
        """The settings that this server has, by name."""
        with self._client(Task.READ, "Reading the settings") as client:
            return client.server_settings

    def insert(
        self,
        statement: InsertStatement,
        settings: Mapping[str, Setting],
        payloads: Iterable[bytes],
        *,
        doing: str,
    ) -> Acknowledgement:
        """Send one insert; what `payloads` raises passes through."""
        with self._client(Task.WRITE, doing) as client:
            return self._transport.insert(client, statement, settings, payloads)

    def batches(
        self, select: str, settings: Mapping[str, Setting], *, doing: str
    ) -> Generator[pa.RecordBatch, None, None]:
        """A SELECT's answer in pieces; it was complete when nothing is raised."""
        import pyarrow as pa  # noqa: PLC0415 -- it takes half a second, and few need it

        with self._client(Task.READ, doing) as client:
            known = {name: value for name, value in settings.items() if name in client.server_settings}
            try:
                with self._transport.read(client, select, known) as body:
                    watched = WatchedBody(body)
                    yield from pa.ipc.open_stream(pa.PythonFile(watched, mode="r"))
                    if not watched.is_complete:
                        raise _broken_off(doing)
            except pa.ArrowInvalid:
                raise _broken_off(doing) from None

    def insert_rows(
        self,
        database: str,
        table: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        doing: str,
    ) -> None:
        """Insert Python values, as one block."""
        with self._client(Task.WRITE, doing) as client:
            client.insert(table, rows, column_names=list(columns), database=database)

    def close(self) -> None:
        """End every connection, a lent one when it comes back; may be called twice."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            is_last = not self._lent
        for client in idle:
            client.close()
        if is_last:
            self._transport.close()

    @contextmanager
    def _client(self, task: Task, doing: str) -> Iterator[Client]:
        try:
            client = self._lend()
            try:
                yield client
            finally:
                self._take_back(client)
        except (ClickHouseError, HTTPError, OSError) as error:
            # "from None": a cause would carry the driver's text, and rows in it, into logs.
            raise translate(
                error, task=task, doing=doing, where=self._url.redacted, variable=self._url.variable
            ) from None

    def _lend(self) -> Client:
        with self._lock:
            if self._is_closed:
                raise FatalError("The connection to the warehouse was closed.")
            client = self._idle.pop() if self._idle else self._transport.open()
            self._lent += 1
            return client

    def _take_back(self, client: Client) -> None:
        with self._lock:
            self._lent -= 1
            if not self._is_closed:
                self._idle.append(client)
                return
            is_last = not self._lent
        client.close()
        if is_last:
            self._transport.close()


def _broken_off(doing: str) -> RetriableError:
    return RetriableError(f"{doing}: the answer broke off.", todo="Look into the warehouse's log.")
