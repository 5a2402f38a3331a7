"""Rows that a load left out, since ClickHouse cannot represent a value of theirs: kept beside the table until they arrive.

The source's guards decide which rows are bad, in the same statement that streams all others; only when it has left some out
are they read, as text, and written into `<table>__quarantine`. A chunk counts when both writes are acknowledged, and both
replace what an earlier attempt wrote, so no row is lost or doubled by a retry.

A row that becomes good between the two reads would be in neither. The source then says fewer values than were left out, and
the chunk is moved once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import BaseSinkConnector, SinkTable, WriteRequest
from dagster_pipeline.connectors.sink.quarantine_store import QuarantineStore, QuarantiningSink
from dagster_pipeline.connectors.sources.bad_rows import WIRE_COLUMNS
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector, ReadRequest
from dagster_pipeline.connectors.sources.quarantining_source import BadRowsRequest, QuarantiningSource
from dagster_pipeline.errors import ConfigurationError, RetriableError
from dagster_pipeline.schema.models import OnBadRow, TableSchema
from dagster_pipeline.type_mapper.canonical_text import CanonicalColumn, canonical_columns
from dagster_pipeline.type_mapper.mapping import ColumnMapping


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """Quarantine of one table, in one run.

    Attributes:
        store: where the entries stand.
        key: the primary key as both databases write it.
    """

    source: QuarantiningSource
    sink: BaseSinkConnector
    store: QuarantineStore
    key: tuple[CanonicalColumn, ...]
    source_name: str
    run_id: str

    def keep(self, read: ReadRequest, left_out: Mapping[str, int], *, load_id: str, version: int) -> None:
        """Write down the rows that a stream of `read` left out, `left_out` by column.

        Raises `RetriableError` when the source now finds fewer values at fault: one of them was mended meanwhile.
        """
        self.store.ensure()
        request = BadRowsRequest(
            read=read, columns=tuple(left_out), key=self.key, run_id=self.run_id, load_id=load_id
        )
        write = WriteRequest(
            table=self.store.table,
            columns=WIRE_COLUMNS,
            wire_format=self.source.wire_format,
            version=version,
            token="",
            query_comment=read.query_comment,
        )
        with self.source.stream_bad_rows(request) as batches:
            written = self.sink.write(write, batches).rows
        expected = sum(left_out.values())
        if written < expected:
            raise RetriableError(
                f"{self.source_name}: {expected} values could not be represented, and only {written} of them were "
                "found again: rows changed while they were read.",
                todo="The chunk is read once more.",
            )

    def settle(self, load_id: str, *, version: int, anew: bool) -> None:
        """Close what a published load has settled: all other loads' entries when the table was loaded anew."""
        if anew:
            self.store.close_other_loads(load_id, version=version)
        else:
            self.store.close_arrived(self.key, version=version)


def quarantine_of(
    schema: TableSchema,
    table: SinkTable,
    mappings: tuple[ColumnMapping, ...],
    *,
    source: BaseSourceConnector,
    sink: BaseSinkConnector,
    run_id: str,
) -> Quarantine | None:
    """The table's quarantine; `None` where its file wants none.

    Raises `ConfigurationError` when source or warehouse cannot have one.
    """
    if schema.sync.on_bad_row is not OnBadRow.QUARANTINE:
        return None
    if not isinstance(source, QuarantiningSource) or not isinstance(sink, QuarantiningSink):
        raise ConfigurationError(
            f"{schema.name}: its source or its warehouse cannot set rows aside.",
            todo="Write on_bad_row: fail.",
        )
    of_key = [mapping for mapping in mappings if mapping.name in schema.primary_key]
    return Quarantine(
        source=source,
        sink=sink,
        store=sink.quarantine_of(table),
        key=canonical_columns(schema, of_key),
        source_name=schema.name,
        run_id=run_id,
    )
