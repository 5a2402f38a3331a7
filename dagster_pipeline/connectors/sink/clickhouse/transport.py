"""What differs between a ClickHouse server and the embedded engine: opening a client, and sending one insert.

Everything else of the sink is the same SQL through the same client. Neither way holds the data: over HTTP they are a
chunked body, in the embedded engine a pipe that the engine reads as a file.
"""

from __future__ import annotations

import os
import uuid
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from dagster_pipeline.connectors.batch import WireFormat
from dagster_pipeline.connectors.pipes import enlarge
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_string
from dagster_pipeline.connectors.sink.clickhouse.embedded_lock import EmbeddedLock
from dagster_pipeline.connectors.sink.clickhouse.insert import (
    STRICT_SETTINGS,
    InsertStatement,
    Setting,
    settings_clause,
)
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, FatalError

CONNECT_SECONDS = 10
ANSWER_SECONDS = 300
"""Longest silence of a server. While a statement runs it says something every two minutes."""

PIPE_BYTES = 1 << 20
HTTP_CHUNK_BYTES = 1 << 18
"""The HTTP library copies each chunk of a body: small ones stay in the processor's cache and in memory that is used again."""
EMBEDDED_BLOCK_BYTES = 64 << 20
"""Blocks of the embedded engine: while one is written the next is parsed, and both fit into a small machine."""

EMBEDDED_READ_SETTINGS: Mapping[str, Setting] = {
    # Else blocks are joined before they are written, to a million rows.
    "min_insert_block_size_rows": 65_536,
    "min_insert_block_size_bytes": 8 << 20,
}


class AbandonedInsertError(Exception):
    """The rows' own source failed in the middle of an insert, which must not count as complete."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What the warehouse said of an insert: `rows` is `None` when it does not count them."""

    rows: int | None
    query_id: str


class Transport(ABC):
    """One way to one warehouse."""

    @abstractmethod
    def open(self) -> Client:
        """A new client, for one thread at a time."""

    @abstractmethod
    def insert(
        self,
        client: Client,
        statement: InsertStatement,
        settings: Mapping[str, Setting],
        payloads: Iterable[bytes],
    ) -> Acknowledgement:
        """Send one insert. `AbandonedInsertError` from `payloads` passes through after the insert was made to fail."""

    @abstractmethod
    def read(
        self, client: Client, select: str, settings: Mapping[str, Setting]
    ) -> AbstractContextManager[Any]:
        """A SELECT's answer as the bytes of an Arrow stream, a block at a time.

        Leaving the context early ends the statement. Leaving it at the end raises what broke the answer off.
        """

    @abstractmethod
    def close(self) -> None:
        """Give up what the transport holds; every client was closed before. May be called twice."""


class HttpTransport(Transport):
    """A server behind HTTP(S). Options of the URL: `verify`, `ca_cert`, `client_cert`, `client_cert_key`."""

    _files: ClassVar[tuple[str, ...]] = ("ca_cert", "client_cert", "client_cert_key")
    _options: ClassVar[tuple[str, ...]] = ("verify", *_files)

    def __init__(
        self,
        url: DatabaseUrl,
        *,
        connect_seconds: int = CONNECT_SECONDS,
        answer_seconds: int = ANSWER_SECONDS,
    ) -> None:
        name = url.variable or "The warehouse's URL"
        unknown = sorted(set(url.options) - set(self._options))
        if unknown:
            raise ConfigurationError(
                f"{name} has unknown options: {', '.join(unknown)}.",
                todo=f"Known: {', '.join(self._options)}.",
            )
        if not url.host:
            raise ConfigurationError(f"{name} names no host.")
        for option in self._files:
            if option in url.options and not Path(url.options[option]).is_file():
                raise ConfigurationError(
                    f"{name}: {option} is {url.options[option]}, and there is no such file."
                )
        self._url = url
        self._connect_seconds, self._answer_seconds = connect_seconds, answer_seconds

    def open(self) -> Client:
        """A client with connections of its own."""
        url = self._url
        return clickhouse_connect.get_client(
            interface=url.scheme,
            host=url.host,
            port=url.port or (8443 if url.scheme == "https" else 8123),
            username=url.user or "default",
            password=url.password,
            settings=dict(STRICT_SETTINGS),
            connect_timeout=self._connect_seconds,
            send_receive_timeout=self._answer_seconds,
            autogenerate_session_id=False,  # a session would allow one statement at a time
            tz_mode="aware",
            show_clickhouse_errors="scrub",
            dedicated_pool=True,
            verify=url.options.get("verify", True),
            ca_cert=url.options.get("ca_cert"),
            client_cert=url.options.get("client_cert"),
            client_cert_key=url.options.get("client_cert_key"),
        )

    def insert(
        self,
        client: Client,
        statement: InsertStatement,
        settings: Mapping[str, Setting],
        payloads: Iterable[bytes],
    ) -> Acknowledgement:
        """Send statement and rows as one chunked body.

        The statement leads the body instead of standing in the URL: a table of hundreds of columns makes it longer than
        what proxies, and servers by `http_max_uri_size`, allow. When `payloads` raises, the connection is cut without
        the closing chunk, which the server takes for a broken request. A server also breaks off when a body pauses for
        longer than its `http_receive_timeout`, 30 seconds unless configured.
        """
        query_id = str(uuid.uuid4())
        summary = client.raw_insert(
            table="",  # the statement stands in the body
            insert_block=_body(statement.from_input().encode(), payloads),
            # With wait_end_of_query an error cannot hide behind a status that was sent before it.
            settings={**settings, "query_id": query_id, "wait_end_of_query": 1},
        )
        counted = summary.summary.get("written_rows")
        return Acknowledgement(rows=None if counted is None else int(counted), query_id=query_id)

    @contextmanager
    def read(
        self, client: Client, select: str, settings: Mapping[str, Setting]
    ) -> Generator[Any, None, None]:
        """The body of the answer, as it comes."""
        body: Any = client.raw_stream(select, fmt="ArrowStream", settings=dict(settings))
        try:
            yield body
        finally:
            body.close()

    def close(self) -> None:
        """Nothing is held but the clients' own connections."""


class EmbeddedTransport(Transport):
    """The engine in this process, over one directory."""

    def __init__(self, directory: Path, *, holder: str, lock_wait_seconds: float) -> None:
        self._directory = directory
        self._lock = EmbeddedLock(directory, holder=holder, wait_seconds=lock_wait_seconds)
        self._is_locked = False
        self._settings: dict[str, Setting] = {
            **STRICT_SETTINGS,
            "min_insert_block_size_bytes": EMBEDDED_BLOCK_BYTES,
        }

    def open(self) -> Client:
        """A handle on the engine; the first takes the directory's lock."""
        if not self._is_locked:
            self._lock.acquire()
            self._is_locked = True
        try:
            return clickhouse_connect.get_client(
                interface="chdb",
                path=str(self._directory),
                settings=dict(self._settings),
                tz_mode="aware",
                show_clickhouse_errors="scrub",
            )
        except ImportError as error:
            raise ConfigurationError(
                "The embedded warehouse needs the package chdb.", todo="Install dagster-pipeline[embedded]."
            ) from error

    def insert(
        self,
        client: Client,
        statement: InsertStatement,
        settings: Mapping[str, Setting],
        payloads: Iterable[bytes],
    ) -> Acknowledgement:
        """Let the engine read a pipe while this thread fills it.

        The end of a pipe looks like the end of the data, so an insert that is abandoned gets a last piece that no
        parser takes.
        """
        read_end, write_end = os.pipe()
        enlarge(write_end, PIPE_BYTES)
        text = statement.from_file(f"/dev/fd/{read_end}", settings)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="insert") as engine:
            running = engine.submit(_run_and_close, client, text, read_end)
            try:
                _feed(write_end, payloads)
            except BaseException:
                _feed(write_end, [_poison(statement)])
                os.close(write_end)
                if running.exception() is None:
                    raise FatalError("The engine took an insert whose source had failed.") from None
                raise
            os.close(write_end)
            running.result()
        return Acknowledgement(rows=None, query_id="")

    @contextmanager
    def read(
        self, client: Client, select: str, settings: Mapping[str, Setting]
    ) -> Generator[Any, None, None]:
        """Let the engine fill a pipe while this thread reads it."""
        read_end, write_end = os.pipe()
        enlarge(write_end, PIPE_BYTES)
        target = f"FUNCTION file('/dev/fd/{write_end}', 'ArrowStream')"
        text = f"INSERT INTO {target} {settings_clause({**settings, **EMBEDDED_READ_SETTINGS})} {select}"
        with os.fdopen(read_end, "rb") as body, ThreadPoolExecutor(1, "read") as engine:
            running = engine.submit(_run_and_close, client, text, write_end)
            try:
                yield body
            except GeneratorExit:
                body.close()
                self._kill(target)
                running.exception()
                raise
            except BaseException:
                body.close()
                if (
                    broken := running.exception()
                ) is not None:  # what was read is broken since the statement is
                    raise broken from None
                raise
            running.result()

    def _kill(self, target: str) -> None:
        """End a statement whose answer nobody reads any more; the engine would go on to its end (chDB 4.4)."""
        client = self.open()
        try:
            client.command(
                f"KILL QUERY WHERE startsWith(query, {quote_string(f'INSERT INTO {target}')}) ASYNC"
            )
        finally:
            client.close()

    def close(self) -> None:
        """Give up the directory."""
        if self._is_locked:
            self._is_locked = False
            self._lock.release()


def _body(head: bytes, payloads: Iterable[bytes]) -> Generator[bytes, None, None]:
    yield head
    for payload in payloads:
        for start in range(0, len(payload), HTTP_CHUNK_BYTES):
            yield payload[start : start + HTTP_CHUNK_BYTES]


def _run_and_close(client: Client, statement: str, read_end: int) -> None:
    try:
        client.command(statement)
    finally:
        os.close(read_end)  # a writer that is not done gets EPIPE instead of waiting for ever


def _feed(write_end: int, payloads: Iterable[bytes]) -> None:
    """Write everything, until nobody reads any more: then the engine has an error to tell."""
    with suppress(BrokenPipeError):
        for payload in payloads:
            rest = memoryview(payload)
            while rest:
                rest = rest[os.write(write_end, rest) :]


def _poison(statement: InsertStatement) -> bytes:
    """Bytes that no parser takes: a row with too many columns, a message longer than what follows."""
    if statement.wire_format is WireFormat.TAB_SEPARATED:
        return b"\t" * (statement.columns + 1) + b"\n"
    return b"\xff\xff\xff\xff\xff\xff\xff\x7f"
