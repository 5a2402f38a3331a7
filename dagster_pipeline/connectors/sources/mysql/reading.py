"""Reads rows of MySQL through `reader_process`: this side starts the child, asks, and turns frames into batches.

A child serves one statement at a time and is used again for the next chunk of the same thread (starting one costs
about 0.25 CPU seconds). It must die with the thread that started it, which is what Linux ties PR_SET_PDEATHSIG to.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
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
from dagster_pipeline.connectors.sources.mysql.errors import by_number
from dagster_pipeline.connectors.sources.select_list import SelectList
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import FatalError, PipelineError, RetriableError

BATCH_BYTES = 2 << 20
MOST_ROWS = 20_000
FEWEST_ROWS = 16

_THRIFTY = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
"""A child holds two batches; freed memory is to go back at once."""

_SERVER_CODE = re.compile(r"ERROR (\d{4}) ")
_LOST = ("IoError", "CodecError", "timed out waiting", "Connection reset", "Broken pipe", "UnexpectedEof")


def batch_rows(bytes_per_row: int) -> int:
    """Rows of a batch of about `BATCH_BYTES`."""
    return max(FEWEST_ROWS, min(MOST_ROWS, BATCH_BYTES // max(bytes_per_row, 1)))


class Readers:
    """The children of one connector, one for each thread that reads."""

    def __init__(self, url: DatabaseUrl, database: str) -> None:
        self._url = url
        self._database = database
        self._lock = threading.Lock()
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._closed = False

    @contextmanager
    def stream(
        self,
        query: str,
        *,
        session: Sequence[str],
        select: SelectList,
        rows_per_batch: int,
        table: str,
        source: str,
    ) -> Generator[Generator[Batch, None, None], None, None]:
        """Ask one child; leaving before the end kills it, and with it the statement's connection."""
        child = self._child()
        ended_well = threading.Event()
        batches = self._batches(child, select, table, source, ended_well)
        request = {
            "url": self._address(),
            "query": query,
            "session": [CHARACTER_SET, *SESSION, *session],
            "batch_rows": rows_per_batch,
            "names": select.names,
            "flagged": select.flagged,
            "marked_by_null": select.marked_by_null,
        }
        try:
            self._ask(child, request, source)
            yield batches
        finally:
            batches.close()
            if not ended_well.is_set():
                self._end(child)

    def close(self) -> None:
        """Kill every child; whoever reads from one gets an error."""
        with self._lock:
            self._closed = True
            children = list(self._children.values())
            self._children.clear()
        for child in children:
            child.kill()
            child.wait()

    def _child(self) -> subprocess.Popen[bytes]:
        thread = threading.get_ident()
        with self._lock:
            if self._closed:
                raise RetriableError(f"Reading from {self._url.redacted} was cancelled.")
            child = self._children.get(thread)
            if child is None or child.poll() is not None:
                child = self._children[thread] = self._start()
            return child

    def _start(self) -> subprocess.Popen[bytes]:
        environment = dict(_THRIFTY)
        if "ssl_ca" in self._url.options:
            environment["SSL_CERT_FILE"] = self._url.options["ssl_ca"]
        return subprocess.Popen(  # noqa: S603 -- our own file, run by our own interpreter
            [sys.executable, "-I", str(Path(reader_process.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # ConnectorX's pool logs there, addresses included
            env=environment,
        )

    def _ask(self, child: subprocess.Popen[bytes], request: dict[str, object], source: str) -> None:
        try:
            _pipe(child.stdin).write(json.dumps(request).encode() + b"\n")
            _pipe(child.stdin).flush()
        except OSError as error:
            raise _died(source) from error

    def _batches(
        self,
        child: subprocess.Popen[bytes],
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
            yield Batch(payload, rows, select.judged(facts, table))

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._children = {thread: known for thread, known in self._children.items() if known is not child}
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()

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
    if any(part in words for part in _LOST):
        return RetriableError(what)
    if "PanicException" in words:
        todo = "A value is of a kind that the reader does not know; name the column in an issue, or leave it out of the file."
        return FatalError(what, todo=todo)
    return FatalError(what)
