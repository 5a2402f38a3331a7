"""Reads rows of PostgreSQL as `COPY (SELECT ...) TO STDOUT` text, which is ClickHouse's TabSeparated byte for byte.

A thread lets the driver write into a pipe; whoever iterates reads the other end, so rows never become Python objects,
and a reader that pauses stops the server by way of the full pipe. Memory: the pipe, one block, and one row in the
driver.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.pipes import enlarge
from dagster_pipeline.connectors.sources.postgres.connection import Connection, hang_up, session
from dagster_pipeline.connectors.sources.postgres.errors import translated
from dagster_pipeline.connectors.sources.select_list import SelectList
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import RetriableError

BLOCK_BYTES = 1 << 18
"""A batch is what a block holds up to its last line end; a row that is longer makes a longer batch."""
PACED_BLOCK_BYTES = 1 << 12
"""A source with a row budget: few rows at once, so that no pause is long."""


@dataclass(frozen=True, kw_only=True)
class CopyStream:
    """One COPY on a connection of its own.

    Attributes:
        query: the SELECT.
        statements: run in the same transaction before it, e.g. for keyed masks.
        table: the destination, for errors about values.
        source: the source table, for all other errors.
        block_bytes: about how large a batch is.
    """

    connection: Connection
    url: DatabaseUrl
    query: str
    statements: tuple[str, ...]
    select: SelectList
    table: str
    source: str
    block_bytes: int = BLOCK_BYTES

    @contextmanager
    def open(self) -> Generator[Generator[Batch, None, None], None, None]:
        """Start the statement; leaving ends it at the server, whether it was read to its end or not."""
        receiver, sender = os.pipe()
        enlarge(sender, self.block_bytes)
        errors: list[BaseException] = []
        thread = threading.Thread(target=self._copy, args=(sender, errors), name="copy", daemon=True)
        thread.start()
        batches = self._batches(receiver, thread, errors)
        try:
            yield batches
        finally:
            batches.close()
            if thread.is_alive():
                hang_up(self.connection)
            os.close(receiver)  # a thread that waits for room in the pipe gets an error
            thread.join()

    def _copy(self, sender: int, errors: list[BaseException]) -> None:
        try:
            with (
                os.fdopen(sender, "wb", buffering=self.block_bytes // 4) as pipe,
                session(self.connection, statements=self.statements, bounded=False) as cursor,
            ):
                cursor.copy_expert(f"COPY ({self.query}) TO STDOUT (ENCODING '{self._encoding}')", pipe)
        except BaseException as error:  # noqa: BLE001 -- it is raised where the rows are read
            errors.append(error)

    @property
    def _encoding(self) -> str:
        """What texts arrive in: a database without an encoding would refuse bytes that are not UTF-8."""
        raw = self.connection.info.parameter_status("server_encoding") == "SQL_ASCII"
        return "SQL_ASCII" if raw else "UTF8"

    def _batches(
        self, receiver: int, thread: threading.Thread, errors: list[BaseException]
    ) -> Generator[Batch, None, None]:
        for block in _whole_lines(receiver, self.block_bytes):
            if not block.endswith(b"\n"):
                break  # the statement was broken off within a row
            yield self._batch(block)
        thread.join()
        if errors:
            raise self._translated(errors[0]) from errors[0]

    def _batch(self, block: bytes) -> Batch:
        rows = block.count(b"\n")
        if not self.select.flagged:
            return Batch(block, rows)
        if block.count(b"\t" * len(self.select.flagged) + b"\n") == rows:
            return Batch(block, rows)
        return self._flagged(block, rows)

    def _flagged(self, block: bytes, rows: int) -> Batch:
        """Some rows were changed: count them by column, and take out those that are set aside."""
        flags, aside_bits = len(self.select.flagged), self.select.aside_bits
        none, kept, marked = b"\t" * flags, [], []
        for line in block.split(b"\n")[:-1]:
            if line.endswith(none):
                kept.append(line)
                continue
            row = tuple(int(each or 0) for each in line.rsplit(b"\t", flags)[1:])
            marked.append(row)
            if not any(flag & bits for flag, bits in zip(row, aside_bits, strict=True)):
                kept.append(line)
        aside = rows - len(kept)
        payload = b"\n".join([*kept, b""]) if aside else block
        return self.select.batch(
            payload, len(kept), self.select.tally(marked), set_aside=aside, table=self.table
        )

    def _translated(self, error: BaseException) -> BaseException:
        if isinstance(error, psycopg2.Error):
            return translated(error, url=self.url, doing=f"reading {self.source}")
        if isinstance(error, OSError | ValueError):
            return RetriableError(f"Reading {self.source} from {self.url.redacted} was broken off.")
        return error


def _whole_lines(receiver: int, block_bytes: int) -> Iterator[bytes]:
    """Blocks that end with a line end (text COPY escapes those in values), but for the last of a broken statement."""
    pending: list[bytes] = []
    size = 0
    while chunk := os.read(receiver, block_bytes):
        cut = chunk.rfind(b"\n") + 1
        if cut == 0 or size + cut < block_bytes:
            pending.append(chunk)
            size += len(chunk)
            continue
        yield b"".join([*pending, chunk[:cut]])
        pending, size = ([chunk[cut:]], len(chunk) - cut) if cut < len(chunk) else ([], 0)
    if size:
        yield b"".join(pending)
