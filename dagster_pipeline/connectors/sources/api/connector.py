"""The API source: all answers of one run are one delivery, complete on the local disk before any row of it is written."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dagster_pipeline.connectors.batch import Batch, WireColumn
from dagster_pipeline.connectors.sources.api.client import ApiClient
from dagster_pipeline.connectors.sources.api.pages import records_of_pages, search
from dagster_pipeline.connectors.sources.api.records import RecordReader
from dagster_pipeline.connectors.sources.arrow_columns import (
    ArrowColumn,
    arrow_columns,
    conformed,
    wire_schema,
)
from dagster_pipeline.connectors.sources.arrow_stream import arrow_stream
from dagster_pipeline.connectors.sources.base_delivery_source import (
    ANSWERS,
    BaseDeliverySource,
    Delivery,
    Findings,
)
from dagster_pipeline.schema.api_models import ApiFile


class ApiAnswerSource(BaseDeliverySource):
    """What one file below `schemas/apis/` asks for. Nothing is asked before `deliveries`."""

    def __init__(
        self, file: ApiFile, *, name: str, client: ApiClient, before: Callable[[], str | None] = lambda: None
    ) -> None:
        """Make a source of the file of that name; `before` says the identity of the answers that landed last."""
        self._file = file
        self._client = client
        self._before = before
        self._columns = arrow_columns(file.columns)
        self._reader = RecordReader(self._columns, where=f"api {name}")
        self._folder = tempfile.TemporaryDirectory(prefix="dagster-pipeline-api-")
        self._spool = Path(self._folder.name) / "answers.arrow"

    @property
    def columns(self) -> tuple[WireColumn, ...]:
        """The declared columns."""
        return tuple(column.wire_column for column in self._columns)

    def deliveries(self) -> Iterable[Delivery]:
        """Ask the API, to the last page. The identity is the greatest value seen and a digest of all rows."""
        since = _value_of(self._before())
        digest, rows, greatest = hashlib.sha256(), 0, since
        schema = wire_schema(self._columns)
        with pa.OSFile(str(self._spool), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
            for records in self._pages(since):  # never without a record
                batch = self._reader.batch(records)
                writer.write_batch(batch)
                digest.update(batch.serialize())
                rows += batch.num_rows
                greatest = self._greater(greatest, batch, records)
        if self._file.source.incremental is not None and not rows:
            return ()
        return (Delivery(ANSWERS, f"{greatest or ''} {digest.hexdigest()[:32]}", self._spool.stat().st_size),)

    @contextmanager
    def stream(
        self, delivery: Delivery, findings: Findings
    ) -> Generator[Generator[Batch, None, None], None, None]:
        """What was written to the disk."""
        del delivery  # there is one
        if never := self._reader.never_seen:
            findings.notes.append(f"no record has a value for {', '.join(never)}; check arrives_as")
        with pa.OSFile(str(self._spool)) as file, pa.ipc.open_stream(file) as reader:
            batches = arrow_stream(wire_schema(self._columns), reader)
            try:
                yield batches
            finally:
                batches.close()

    def first_records(self) -> int:
        """How many records the first page has, asked for as the first run does."""
        return len(next(self._pages(None), ()))

    def close(self) -> None:
        """End the connections and remove what was spooled."""
        self._client.close()
        self._folder.cleanup()

    def _pages(self, since: str | None) -> Generator[list[Any], None, None]:
        source = self._file.source
        parameters: dict[str, Any] = {}
        if source.incremental is not None:
            wanted = self._moved_back(since) if since is not None else source.incremental.start
            if wanted is not None:
                parameters[source.incremental.parameter] = wanted
        return records_of_pages(
            source, self._client.get, first_url=self._client.first_url, parameters=parameters
        )

    def _moved_back(self, since: str) -> str:
        """The text to ask with: what the API itself wrote, or an earlier moment."""
        incremental = self._file.source.incremental
        if incremental is None or incremental.lookback is None:
            return since
        moment = datetime.fromisoformat(since)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - incremental.lookback).isoformat().replace("+00:00", "Z")

    def _greater(self, before: str | None, batch: pa.RecordBatch, records: list[Any]) -> str | None:
        """The greatest value so far, as the API writes it: who asks with it again is sure to be understood."""
        incremental = self._file.source.incremental
        if incremental is None:
            return None
        column = next(each for each in self._columns if each.name == incremental.column)
        values = batch.column(column.name)
        position = pc.index(values, pc.max(values)).as_py()
        text = str(search(column.arrives_as, records[position]))
        if before is not None and _one(before, column).value >= _one(text, column).value:
            return before
        return text


def _value_of(identity: str | None) -> str | None:
    """The greatest value of answers that landed; `None` before the first."""
    return (identity or "").rpartition(" ")[0] or None


def _one(text: str, column: ArrowColumn) -> Any:
    """A value as the API writes it, as the number that Arrow compares."""
    array = pa.array([text])
    if not column.is_temporal:
        return array.cast(column.type)[0]
    read = pa.RecordBatch.from_arrays([array], names=[column.arrives_as])
    return conformed(read, [column], where="the greatest value seen").column(0)[0]
