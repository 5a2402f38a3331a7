"""Puts rows into tables, and holds the delivery rules of an insert.

What does not belong here: how an INSERT is spelled (`insert`), how bytes travel (`transport`), how they are gathered
(`payloads`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

from dagster_pipeline.connectors.batch import Batch, WireColumn, WireFormat, WriteReceipt
from dagster_pipeline.connectors.object_place import ObjectPlace
from dagster_pipeline.connectors.sink.base_sink_connector import WriteRequest
from dagster_pipeline.connectors.sink.clickhouse import catalog
from dagster_pipeline.connectors.sink.clickhouse.arrival import arrival_statement
from dagster_pipeline.connectors.sink.clickhouse.errors import Task
from dagster_pipeline.connectors.sink.clickhouse.insert import (
    deduplication,
    insert_settings,
    insert_statement,
)
from dagster_pipeline.connectors.sink.clickhouse.landing import PARQUET_SETTINGS, object_insert, receipt
from dagster_pipeline.connectors.sink.clickhouse.payloads import Payloads
from dagster_pipeline.connectors.sink.clickhouse.statements import Statements
from dagster_pipeline.connectors.sink.clickhouse.transport import AbandonedInsertError, Acknowledgement
from dagster_pipeline.errors import FatalError


class Writing:
    """Inserts into tables of one warehouse. `write` may be called from several threads at once."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._warehouse = statements.warehouse
        self._wire_types = lru_cache(maxsize=64)(self._ask_wire_types)

    def write(self, request: WriteRequest, batches: Iterable[Batch]) -> WriteReceipt:
        """Send all batches as one insert.

        An atomic write is one block: all of it appears at once (per partition), and its token makes a second attempt
        add only what the first did not. The token stays known after rows were deleted: a write that is repeated on
        purpose needs another one. Any other write carries no token, may appear in pieces, and is safe to repeat because
        the table collapses by key.
        """
        started = time.monotonic()
        payloads = Payloads(batches)
        if payloads.are_empty:
            return WriteReceipt(rows=payloads.rows, bytes=0, seconds=time.monotonic() - started)
        statement = insert_statement(request, self._wire_types(request.columns))
        settings = {
            **insert_settings(request),
            **deduplication(request, self._warehouse.known_settings()),
            **self._statements.write_settings,
        }
        doing = f"Writing into {request.table.full_name}"
        said: Acknowledgement | None = None
        with suppress(AbandonedInsertError):
            said = self._warehouse.insert(statement, settings, payloads, doing=doing)
        if said is None:
            raise payloads.error
        _check_count(request, payloads.rows, said)
        seconds = time.monotonic() - started
        return WriteReceipt(rows=payloads.rows, bytes=payloads.bytes, seconds=seconds, query_id=said.query_id)

    def read_object(self, request: WriteRequest, place: ObjectPlace) -> WriteReceipt:
        """INSERT SELECT FROM s3(); into an empty staging table, so its rows can be counted there."""
        began = time.monotonic()
        statement = insert_statement(request, self._wire_types(request.columns))
        settings = {"log_comment": request.query_comment, **PARQUET_SETTINGS}
        self._warehouse.run(
            object_insert(statement, place, settings),
            doing=f"Reading an object into {request.table.full_name}",
        )
        return receipt(self._statements.number(request.table, "SELECT count() FROM {table}"), began)

    def arrived(
        self,
        columns: Sequence[WireColumn],
        wire_format: WireFormat,
        payload: bytes,
        stored: Mapping[str, str],
    ) -> list[tuple[str | None, ...]]:
        """What `write` would store of these few rows, as text; nothing is written. See `arrival`."""
        wire_types = self._wire_types(tuple(columns))
        statement = arrival_statement(columns, wire_format, payload, wire_types=wire_types, stored=stored)
        return self._warehouse.rows(statement, task=Task.WRITE, doing="Reading a sample")

    def _ask_wire_types(self, columns: tuple[WireColumn, ...]) -> dict[str, str]:
        ask = self._statements.shape_rows("Understanding the types on the wire")
        return catalog.canonical_types([(column.name, column.wire_type) for column in columns], ask)


def _check_count(request: WriteRequest, sent: int, said: Acknowledgement) -> None:
    """Fewer rows than were sent are an error. More are none: materialized views count too."""
    if said.rows is not None and said.rows < sent and not request.atomic:
        raise FatalError(
            f"{request.table.full_name}: {sent:,} rows were sent and {said.rows:,} written.",
            todo="Look for the query in the warehouse's system.query_log: " + said.query_id,
        )
