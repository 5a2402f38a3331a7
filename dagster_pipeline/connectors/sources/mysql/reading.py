"""Reads rows of MySQL through `reader_process`: this side starts the child, asks, and turns frames into batches.

A child serves one request at a time and comes from the process's pool.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import quote

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sources.mysql import reader_process
from dagster_pipeline.connectors.sources.mysql.connection import (
    CHARACTER_SET,
    CONNECT_SECONDS,
    DEFAULT_PORT,
    SESSION,
    tls_mode,
)
from dagster_pipeline.connectors.sources.mysql.errors import BAD_TLS, by_number
from dagster_pipeline.connectors.sources.mysql.reader_pool import POOL, Child, end
from dagster_pipeline.connectors.sources.select_list import SelectList
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import FatalError, PipelineError, RetriableError

BATCH_BYTES = 1 << 20
MOST_ROWS = 20_000
FEWEST_ROWS = 16

_SERVER_CODE = re.compile(r"ERROR (\d{4}) ")
_LOST = ("IoError", "CodecError", "timed out waiting", "Connection reset", "Broken pipe", "UnexpectedEof")


def batch_rows(bytes_per_row: int) -> int:
    """Rows of a batch of about `BATCH_BYTES`."""
    return max(FEWEST_ROWS, min(MOST_ROWS, BATCH_BYTES // max(bytes_per_row, 1)))


class Readers:
    """The statements of one connector that children are reading."""

    def __init__(self, url: DatabaseUrl, database: str) -> None:
        self._url = url
        self._database = database
        self._lock = threading.Lock()
        self._environment = {"SSL_CERT_FILE": url.options["ssl_ca"]} if "ssl_ca" in url.options else {}
        self._busy: set[Child] = set()
        self._closed = False

    @contextmanager
    def stream(
        self,
        queries: Sequence[str],
        *,
        session: Sequence[str],
        select: SelectList,
        rows_per_batch: int,
        table: str,
        source: str,
    ) -> Generator[Generator[Batch, None, None], None, None]:
        """Ask one child for the rows of these SELECTs, in turn; leaving before the end kills it and its connection."""
        child = self._lend()
        ended_well = threading.Event()
        batches = self._batches(child, select, table, source, ended_well)
        request = {
            "url": self._address(),
            "queries": list(queries),
            "session": [CHARACTER_SET, *SESSION, *session],
            "batch_rows": rows_per_batch,
            "names": select.names,
            "flagged": select.flagged,
            "marked_by_null": select.marked_by_null,
            "own_nulls": select.own_nulls,
            "spans": [[place, *span] for place, span in select.spans.items()],
            "aside_bits": select.aside_bits,
            "aside_by_null": select.aside_by_null,
        }
        try:
            self._ask(child, request, source)
            yield batches
        finally:
            batches.close()
            self._give_back(child, usable=ended_well.is_set())

    def close(self) -> None:
        """Kill every child that is reading; whoever reads from one gets an error."""
        with self._lock:
            self._closed = True
            busy = list(self._busy)
        for child in busy:
            child.kill()

    def _lend(self) -> Child:
        child = POOL.lend(self._environment)
        with self._lock:
            if not self._closed:
                self._busy.add(child)
                return child
        POOL.take_back(child, self._environment)
        raise RetriableError(f"Reading from {self._url.redacted} was cancelled.")

    def _give_back(self, child: Child, *, usable: bool) -> None:
        with self._lock:
            self._busy.discard(child)
            usable = usable and not self._closed
        if usable:
            POOL.take_back(child, self._environment)
        else:
            end(child)

    def _ask(self, child: Child, request: dict[str, object], source: str) -> None:
        try:
            _pipe(child.stdin).write(json.dumps(request).encode() + b"\n")
            _pipe(child.stdin).flush()
        except OSError as error:
            raise _died(source) from error

    def _batches(
        self,
        child: Child,
        select: SelectList,
        table: str,
        source: str,
        ended_well: threading.Event,
    ) -> Generator[Batch, None, None]:
        while True:
            kind, rows, facts, payload = _frame(_pipe(child.stdout), source)
            if kind == b"D":
                ended_well.set()
                return
            if kind == b"E":
                raise _translated(str(facts["words"]), self._url, source)
            aside = facts.pop(reader_process.SET_ASIDE, 0)
            yield select.batch(payload, rows, facts, set_aside=aside, table=table)

    def _address(self) -> str:
        url = self._url
        options = ["prefer_socket=false", f"tcp_connect_timeout_ms={CONNECT_SECONDS * 1000}"]
        if (mode := tls_mode(url)) != "disabled":
            options.append(f"ssl-mode={mode.upper()}")
        user = f"{quote(url.user, safe='')}:{quote(url.password, safe='')}"
        return f"mysql://{user}@{url.host}:{url.port or DEFAULT_PORT}/{quote(self._database, safe='')}?{'&'.join(options)}"


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise AssertionError("the child was started with pipes")
    return pipe


def _frame(pipe: IO[bytes], source: str) -> tuple[bytes, int, dict[str, Any], bytes]:
    try:
        head = pipe.read(reader_process.HEADER.size)
        if len(head) < reader_process.HEADER.size:
            raise _died(source)
        kind, rows, text, size = reader_process.HEADER.unpack(head)
        facts, payload = pipe.read(text), pipe.read(size)
    except ValueError as error:  # closed by another thread
        raise _died(source) from error
    if len(payload) < size:
        raise _died(source)
    return kind, rows, json.loads(facts), payload


def _died(source: str) -> RetriableError:
    return RetriableError(
        f"The process that reads {source} ended in the middle.", todo="It is started again by a retry."
    )


def _translated(words: str, url: DatabaseUrl, source: str) -> PipelineError:
    """ConnectorX gives only words: a server's error carries its number there, all others are told by their Rust names."""
    code = found[1] if (found := _SERVER_CODE.search(words)) else ""
    what = f"MySQL at {url.redacted}: reading {source}: {words}"
    if code:
        return by_number(int(code), what, url=url) or FatalError(what, code=code)
    if "TlsError" in words or "certificate verify failed" in words:
        return by_number(BAD_TLS, what, url=url) or FatalError(what)
    if any(part in words for part in _LOST):
        return RetriableError(what)
    if "PanicException" in words:
        todo = "A value is of a kind that the reader does not know; name the column in an issue, or leave it out of the file."
        return FatalError(what, todo=todo)
    return FatalError(what)
