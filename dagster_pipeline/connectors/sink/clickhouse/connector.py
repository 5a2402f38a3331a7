"""The ClickHouse sink: a server over HTTP(S), or the embedded engine.

Belongs here: which task each part of the contracts is. Does not belong here: the tasks themselves, each in a module of its
own: tables (`table_keeping`), inserts (`writing`), full loads and partitions (`staging`), deliveries (`landing`), comparing
(`digests`), rows set aside (`quarantine`); nor how all of them run a statement (`statements`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dagster_pipeline.connectors.batch import Batch, KeyRange, Window, WireColumn, WireFormat, WriteReceipt
from dagster_pipeline.connectors.digest import (
    Buckets,
    DigestRequest,
    KeySet,
    RangeChecksum,
    RangeDigest,
    RowDigest,
)
from dagster_pipeline.connectors.object_place import ObjectPlace
from dagster_pipeline.connectors.sink.base_sink_connector import (
    VERSION_COLUMN,
    SinkColumn,
    SinkTable,
    SliceRequest,
    WriteRequest,
)
from dagster_pipeline.connectors.sink.clickhouse import digests
from dagster_pipeline.connectors.sink.clickhouse.cluster import Cluster
from dagster_pipeline.connectors.sink.clickhouse.ddl import Ddl, quote_identifier
from dagster_pipeline.connectors.sink.clickhouse.digests import DigestStatements
from dagster_pipeline.connectors.sink.clickhouse.errors import Task
from dagster_pipeline.connectors.sink.clickhouse.insert import Setting
from dagster_pipeline.connectors.sink.clickhouse.landing import removal
from dagster_pipeline.connectors.sink.clickhouse.quarantine import ClickHouseQuarantine
from dagster_pipeline.connectors.sink.clickhouse.reader_view import READER_SETTINGS, Relation
from dagster_pipeline.connectors.sink.clickhouse.slice_replacement import slice_count
from dagster_pipeline.connectors.sink.clickhouse.staging import Staging
from dagster_pipeline.connectors.sink.clickhouse.statements import Statements
from dagster_pipeline.connectors.sink.clickhouse.table_difference import TableDifference
from dagster_pipeline.connectors.sink.clickhouse.table_keeping import TableKeeping
from dagster_pipeline.connectors.sink.clickhouse.table_shape import TableShape
from dagster_pipeline.connectors.sink.clickhouse.transport import EmbeddedTransport, HttpTransport
from dagster_pipeline.connectors.sink.clickhouse.warehouse import Warehouse
from dagster_pipeline.connectors.sink.clickhouse.window_condition import window_condition
from dagster_pipeline.connectors.sink.clickhouse.writing import Writing
from dagster_pipeline.connectors.sink.comparable_sink import ComparableSink
from dagster_pipeline.connectors.sink.landing_sink import LandingSink
from dagster_pipeline.connectors.sink.quarantine_store import QuarantiningSink, quarantine_table
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow as pa

LOCK_WAIT_SECONDS = 30.0
ARROW_SETTINGS: Mapping[str, Setting] = {
    "output_format_arrow_string_as_string": 1,
    "output_format_arrow_low_cardinality_as_dictionary": 0,
    "max_block_size": 65_536,
}


class ClickHouseSink(LandingSink, ComparableSink, QuarantiningSink):
    """Tables of one warehouse. Nothing is connected before the first call."""

    wire_formats: ClassVar[tuple[WireFormat, ...]] = (WireFormat.TAB_SEPARATED, WireFormat.ARROW_STREAM)

    def __init__(
        self,
        url: DatabaseUrl,
        *,
        cluster: str | None = None,
        insert_quorum: str = "auto",
        run_id: str = "",
        lock_wait_seconds: float = LOCK_WAIT_SECONDS,
    ) -> None:
        """Make a sink.

        Args:
            url: `chdb:///dir`, or `http(s)://user:password@host:port/`. The path's database is not used: every table
                says its own.
            cluster: DDL runs ON CLUSTER with Replicated engines.
            insert_quorum: of a cluster, see `Cluster`.
            run_id: told to whoever finds the embedded warehouse held by us.
            lock_wait_seconds: how long to wait for another process that holds the embedded warehouse.

        Raises:
            ConfigurationError: an option of the URL is unknown, or a cluster of embedded engines is asked for.
        """
        is_embedded = url.scheme == "chdb"
        if is_embedded and cluster:
            raise ConfigurationError(
                "The embedded warehouse has no cluster.", todo="Unset CLICKHOUSE_CLUSTER."
            )
        holder = f"run {run_id}" if run_id else ""
        transport = (
            EmbeddedTransport(Path(url.database), holder=holder, lock_wait_seconds=lock_wait_seconds)
            if is_embedded
            else HttpTransport(url)
        )
        self._warehouse = Warehouse(transport, url=url)
        self._statements = Statements(
            self._warehouse,
            cluster=Cluster(cluster, insert_quorum) if cluster else None,
            is_embedded=is_embedded,
        )
        self._tables = TableKeeping(self._statements)
        self._staging = Staging(self._statements, self._tables)
        self._writing = Writing(self._statements)

    def ensure_table(self, table: SinkTable) -> tuple[str, ...]:
        """Create the table, or add and widen columns, change comments, TTL and settings."""
        return self._tables.ensure(table)

    def planned_statements(self, table: SinkTable) -> tuple[str, ...]:
        """What `ensure_table` would run."""
        return self._tables.planned(table)

    def differences(self, table: SinkTable) -> tuple[TableDifference, ...]:
        """Everything in which the live table is not what its file wants; nothing is changed."""
        return self._tables.differences(table)

    def missing_columns(self, table: SinkTable) -> tuple[str, ...]:
        """Columns of the file that the table does not have yet."""
        diff = self._tables.accepted_diff(table)
        return diff.added_columns if diff else ()

    def wanted_shape(self, table: SinkTable) -> TableShape:
        """The table as its file wants it, in ClickHouse's own words. Raises `ConfigurationError` for a wrong file."""
        return self._tables.wanted_shape(table)

    def replace_view(self, database: str, name: str, select: str, *, comment: str = "") -> None:
        """Create a view, or put it in the place of one. Raises `ConfigurationError` when a table has that name."""
        self._tables.replace_view(database, name, select, comment=comment)

    def create_staging(self, table: SinkTable, staging_name: str) -> SinkTable:
        """Create an empty table like `table`, or keep the one that stands there when it has the same structure."""
        return self._staging.create(table, staging_name)

    def create_like(self, table: SinkTable, name: str) -> SinkTable:
        """CREATE TABLE ... AS."""
        return self._staging.create_like(table, name)

    def stagings(self, table: SinkTable) -> tuple[str, ...]:
        """Staging tables of this table, sorted by name."""
        return self._staging.names(table)

    def swap(self, table: SinkTable, staging: SinkTable) -> None:
        """EXCHANGE TABLES, so that a reader always finds a table."""
        self._staging.swap(table, staging)

    def replace_slice(self, request: SliceRequest, *, lock: Callable[[], None]) -> None:
        """See `slice_replacement`."""
        self._staging.replace_slice(request, lock=lock)

    def absorb(self, table: SinkTable, staging: SinkTable, *, lock: Callable[[], None]) -> None:
        """See `landing`."""
        self._staging.absorb(table, staging, lock=lock)

    def truncate(self, staging: SinkTable) -> None:
        """Empty a table; ClickHouse forgets the tokens of the parts that it drops."""
        self._staging.truncate(staging)

    def drop(self, database: str, name: str) -> None:
        """Drop a table of whatever size."""
        self._statements.drop(database, name)

    def remove_version(self, table: SinkTable, version: int) -> None:
        """One mutation, waited for."""
        if self.table_id(table.database, table.name):
            self.run(removal(table, version), doing=f"Removing half of a load from {table.full_name}")

    def table_id(self, database: str, name: str) -> str:
        """The UUID of the table."""
        return self._statements.table_id(database, name)

    def catch_up(self, table: SinkTable) -> None:
        """All replicas that are alive, since whoever stands behind the URL may ask any of them."""
        self._statements.catch_up(table)

    def highest_version(self, table: SinkTable) -> int:
        """The greatest `_version`, hidden rows included."""
        return self._statements.number(
            table, f"SELECT max({quote_identifier(VERSION_COLUMN)}) FROM {{table}}"
        )

    def count_rows(self, table: SinkTable) -> int:
        """Rows under FINAL, without those marked as deleted."""
        return self._statements.number(table, f"{Relation(table).select('count()')} {READER_SETTINGS}")

    def count_slice(self, table: SinkTable, window: Window) -> int:
        """Rows under FINAL, without those marked as deleted."""
        if not self.table_id(table.database, table.name):
            return 0
        ((rows,),) = self.rows(slice_count(table, window_condition(window, table)))
        return int(rows)

    def write(self, request: WriteRequest, batches: Iterable[Batch]) -> WriteReceipt:
        """Send all batches as one insert."""
        return self._writing.write(request, batches)

    def read_object(self, request: WriteRequest, place: ObjectPlace) -> WriteReceipt:
        """INSERT SELECT FROM s3()."""
        return self._writing.read_object(request, place)

    def arrived(
        self,
        columns: Sequence[WireColumn],
        wire_format: WireFormat,
        payload: bytes,
        stored: Mapping[str, str],
    ) -> list[tuple[str | None, ...]]:
        """What `write` would store of these few rows, as text; nothing is written."""
        return self._writing.arrived(columns, wire_format, payload, stored)

    def digests(
        self, table: SinkTable, request: DigestRequest, ranges: Sequence[KeyRange], checksum: RangeChecksum
    ) -> Sequence[RangeDigest]:
        """One statement for all of them."""
        statement = DigestStatements(table=table, request=request).of_ranges(ranges, checksum)
        found = digests.bucket_digests(self.rows(statement))
        return [found.get(number, RangeDigest()) for number in range(len(ranges))]

    def bucket_digests(
        self, table: SinkTable, request: DigestRequest, key_range: KeyRange, buckets: Buckets
    ) -> Mapping[int, RangeDigest]:
        """One statement."""
        statement = DigestStatements(table=table, request=request).of_buckets(key_range, buckets)
        return digests.bucket_digests(self.rows(statement))

    def row_digests(
        self,
        table: SinkTable,
        request: DigestRequest,
        key_range: KeyRange,
        buckets: Buckets | None = None,
    ) -> tuple[RowDigest, ...]:
        """One statement."""
        statement = DigestStatements(table=table, request=request).of_rows(key_range, buckets)
        return digests.row_digests(self.rows(statement), len(request.key))

    def mark_deleted(self, table: SinkTable, keys: KeySet, *, version: int) -> None:
        """One INSERT SELECT; nothing is deduplicated, since a version comes once."""
        if not (table.tracks_deletes and table.collapses_rereads):
            raise ConfigurationError(
                f"{table.full_name} does not track deletes.", todo="Set sync.deletes to soft or mirror."
            )
        statement = digests.mark_deleted_statement(table, keys, version=version)
        self.command(statement, doing=f"Marking rows of {table.full_name} as deleted")

    def quarantine_of(self, table: SinkTable) -> ClickHouseQuarantine:
        """The rows of a table that were set aside; nothing is asked or made yet."""
        aside = quarantine_table(table)
        return ClickHouseQuarantine(
            loaded=table,
            table=aside,
            make=self.ensure_table,
            exists=lambda: bool(self.table_id(aside.database, aside.name)),
            rows_of=self.rows,
            run=lambda statement: self.command(statement, doing=f"Closing entries of {aside.full_name}"),
        )

    @property
    def ddl(self) -> Ddl:
        """DDL as this warehouse wants it, ON CLUSTER where it has one."""
        return self._statements.ddl

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Run a SELECT, for checks and counts; parameters stand in it as `{name:Type}`."""
        return self._statements.rows(sql, parameters)

    def batches(self, select: str, *, doing: str, comment: str = "") -> Generator[pa.RecordBatch, None, None]:
        """The rows of a SELECT as Arrow, a block at a time; all of them came when nothing is raised."""
        return self._warehouse.batches(select, {**ARROW_SETTINGS, "log_comment": comment}, doing=doing)

    def describe(self, select: str, *, doing: str) -> tuple[SinkColumn, ...]:
        """The columns that a SELECT gives. What is wrong with it is an error of the file that it comes from."""
        found = self._warehouse.rows(f"DESCRIBE TABLE ({select})", task=Task.SHAPE, doing=doing)
        return tuple(SinkColumn(name, type_) for name, type_, *_ in found)

    def run(self, statement: str, *, doing: str, settings: Mapping[str, Setting] | None = None) -> None:
        """Run a statement of another room that returns nothing; `doing` names its object in errors."""
        self._statements.run(statement, doing=doing, settings=settings)

    def command(self, statement: str, *, doing: str) -> None:
        """Change rows by a statement of ours, e.g. INSERT SELECT; it is never deduplicated."""
        self._statements.command(statement, doing=doing)

    def insert_rows(
        self, table: SinkTable, columns: Sequence[str], rows: Sequence[Sequence[object]], *, doing: str
    ) -> None:
        """Insert a few rows of Python values; bulk goes through `write`."""
        if rows:
            self._warehouse.insert_rows(table.database, table.name, columns, rows, doing=doing)

    def close(self) -> None:
        """End every connection and give up the embedded warehouse."""
        self._warehouse.close()
