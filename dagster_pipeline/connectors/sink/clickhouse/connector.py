"""The ClickHouse sink: a server over HTTP(S), or the embedded engine.

Belongs here: which statements run in which order, and the delivery rules of `write`. Does not belong here: how a
statement is spelled (`ddl`, `insert`), how bytes travel (`transport`), what an error code means (`errors`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ClassVar

from dagster_pipeline.connectors.batch import Batch, KeyRange, Window, WireColumn, WireFormat, WriteReceipt
from dagster_pipeline.connectors.digest import Buckets, DigestRequest, KeySet, RangeDigest, RowDigest
from dagster_pipeline.connectors.object_place import ObjectPlace
from dagster_pipeline.connectors.sink.base_sink_connector import (
    VERSION_COLUMN,
    SinkColumn,
    SinkTable,
    SliceRequest,
    WriteRequest,
)
from dagster_pipeline.connectors.sink.clickhouse import catalog, digests
from dagster_pipeline.connectors.sink.clickhouse.arrival import arrival_statement
from dagster_pipeline.connectors.sink.clickhouse.cluster import (
    CATCH_UP_SETTINGS,
    Cluster,
    distributed_name,
)
from dagster_pipeline.connectors.sink.clickhouse.ddl import Ddl, quote_identifier, quote_table
from dagster_pipeline.connectors.sink.clickhouse.digests import DigestStatements
from dagster_pipeline.connectors.sink.clickhouse.errors import Task
from dagster_pipeline.connectors.sink.clickhouse.insert import (
    Setting,
    deduplication,
    deduplication_switch,
    insert_settings,
    insert_statement,
)
from dagster_pipeline.connectors.sink.clickhouse.landing import (
    PARQUET_SETTINGS,
    Absorption,
    object_insert,
    receipt,
    removal,
)
from dagster_pipeline.connectors.sink.clickhouse.payloads import Payloads
from dagster_pipeline.connectors.sink.clickhouse.quarantine import ClickHouseQuarantine
from dagster_pipeline.connectors.sink.clickhouse.reader_view import READER_SETTINGS, Relation
from dagster_pipeline.connectors.sink.clickhouse.slice_replacement import SliceReplacement, slice_count
from dagster_pipeline.connectors.sink.clickhouse.table_diff import TableDiff, compare
from dagster_pipeline.connectors.sink.clickhouse.table_difference import (
    TableDifference,
    table_differences,
    table_is_missing,
)
from dagster_pipeline.connectors.sink.clickhouse.table_shape import TableShape
from dagster_pipeline.connectors.sink.clickhouse.transport import (
    AbandonedInsertError,
    Acknowledgement,
    EmbeddedTransport,
    HttpTransport,
)
from dagster_pipeline.connectors.sink.clickhouse.warehouse import Warehouse
from dagster_pipeline.connectors.sink.clickhouse.window_condition import window_condition
from dagster_pipeline.connectors.sink.comparable_sink import ComparableSink
from dagster_pipeline.connectors.sink.landing_sink import LandingSink
from dagster_pipeline.connectors.sink.quarantine_store import QuarantiningSink, quarantine_table
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, FatalError

LOCK_WAIT_SECONDS = 30.0
STAGING_MARK = "__staging_"
LOAD_ID = "^[0-9a-f]{12}$"
WITHOUT_EXCHANGE = ("Ordinary", "Lazy", "Memory")

DDL_SETTINGS: Mapping[str, Setting] = {"mutations_sync": 1}
CLUSTER_SETTINGS: Mapping[str, Setting] = {
    "distributed_ddl_task_timeout": 300,
    "distributed_ddl_output_mode": "throw",
    "alter_sync": 2,
    "mutations_sync": 2,
}
"""DDL waits for every replica of the cluster, and an error of one is an error."""
DROP_SETTINGS: Mapping[str, Setting] = {"max_table_size_to_drop": 0, "max_partition_size_to_drop": 0}
"""What is dropped here was replaced by something else, whatever its size."""


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
        self._is_embedded = url.scheme == "chdb"
        if self._is_embedded and cluster:
            raise ConfigurationError(
                "The embedded warehouse has no cluster.", todo="Unset CLICKHOUSE_CLUSTER."
            )
        self._cluster = Cluster(cluster, insert_quorum) if cluster else None
        self._ddl = Ddl(cluster)
        self._write_settings = self._cluster.write_settings if self._cluster else {}
        self._ddl_settings = {**(CLUSTER_SETTINGS if cluster else DDL_SETTINGS), **self._write_settings}
        holder = f"run {run_id}" if run_id else ""
        transport = (
            EmbeddedTransport(Path(url.database), holder=holder, lock_wait_seconds=lock_wait_seconds)
            if self._is_embedded
            else HttpTransport(url)
        )
        self._warehouse = Warehouse(transport, url=url)
        self._wire_types = lru_cache(maxsize=64)(self._ask_wire_types)

    def ensure_table(self, table: SinkTable) -> tuple[str, ...]:
        """Create the table, or add and widen columns, change comments, TTL and settings."""
        statements = self.planned_statements(table)
        for statement in statements:
            self._run(statement, doing=f"Creating or altering {table.full_name}")
        return statements

    def planned_statements(self, table: SinkTable) -> tuple[str, ...]:
        """What `ensure_table` would run."""
        diff = self._diff(table)
        if diff is None:
            return (*self._creation(table), *self._distributed(table, columns_change=True))
        _refuse(table, diff)
        distributed = self._distributed(table, columns_change=diff.changes_columns)
        return (*self._ddl.alter(table, diff.changes), *distributed)

    def differences(self, table: SinkTable) -> tuple[TableDifference, ...]:
        """Everything in which the live table is not what its file wants; nothing is changed. See `table_difference`."""
        existing = catalog.existing_shape(table.database, table.name, self.rows)
        if existing is None:
            return (table_is_missing(table, self._creation(table)),)
        ask = self._shape_rows(f"Understanding the file of {table.full_name}")
        return table_differences(table, catalog.wanted_shape(table, self._ddl, ask), existing, self._ddl)

    def missing_columns(self, table: SinkTable) -> tuple[str, ...]:
        """Columns of the file that the table does not have yet."""
        diff = self._diff(table)
        if diff is None:
            return ()
        _refuse(table, diff)
        return diff.added_columns

    def create_staging(self, table: SinkTable, staging_name: str) -> SinkTable:
        """Create an empty table like `table`, or keep the one that stands there when it has the same structure."""
        staging = replace(table, name=staging_name)
        diff = self._diff(staging)
        if diff is None:
            self._require_exchange(table.database)
            self._create(staging)
        elif diff.changes_columns:
            raise ConfigurationError(
                f"The staging table {staging.full_name} has another structure than the file wants now.",
                todo="Abandon its load, or drop it: the load must begin anew.",
            )
        else:
            self._alter(staging, diff)
        return staging

    def create_like(self, table: SinkTable, name: str) -> SinkTable:
        """CREATE TABLE ... AS: REPLACE PARTITION asks for the same structure."""
        copy = replace(table, name=name)
        self._run(self._ddl.create_like(table.database, name, table.name), doing=f"Creating {copy.full_name}")
        return copy

    def stagings(self, table: SinkTable) -> tuple[str, ...]:
        """Staging tables of this table, sorted by name."""
        found = self.rows(
            "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, {start:String}) "
            f"AND match(substring(name, length({{start:String}}) + 1), '{LOAD_ID}') ORDER BY name",
            {"database": table.database, "start": table.name + STAGING_MARK},
        )
        return tuple(name for (name,) in found)

    def table_id(self, database: str, name: str) -> str:
        """The UUID of the table."""
        found = self.rows(
            "SELECT toString(uuid) FROM system.tables WHERE database = {database:String} AND name = {name:String}",
            {"database": database, "name": name},
        )
        return str(found[0][0]) if found else ""

    def swap(self, table: SinkTable, staging: SinkTable) -> None:
        """EXCHANGE TABLES, so that a reader always finds a table; the first time there is nothing to exchange with."""
        doing = f"Putting {staging.full_name} in the place of {table.full_name}"
        if not self.table_id(table.database, table.name):
            self._run(self._ddl.rename(table.database, staging.name, table.name), doing=doing)
            return
        self._run(self._ddl.exchange(table.database, table.name, staging.name), doing=doing)
        self.drop(table.database, staging.name)

    def replace_slice(self, request: SliceRequest, *, lock: Callable[[], None]) -> None:
        """See `slice_replacement`."""
        for table in (request.table, request.staging):
            self.catch_up(table)
        SliceReplacement(
            request=request,
            ddl=self._ddl,
            rows=self.rows,
            run=self._run,
            make_copy=self.create_like,
            lock=lock,
        ).replace()

    def count_slice(self, table: SinkTable, window: Window) -> int:
        """Rows under FINAL, without those marked as deleted."""
        if not self.table_id(table.database, table.name):
            return 0
        ((rows,),) = self.rows(slice_count(table, window_condition(window, table)))
        return int(rows)

    def drop(self, database: str, name: str) -> None:
        """Drop a table of whatever size."""
        # In the embedded engine nobody else reads, and it may be closed before a drop in the background is due.
        statement = self._ddl.drop(database, name) + (" SYNC" if self._is_embedded else "")
        self._run(statement, doing=f"Dropping {database}.{name}", settings=DROP_SETTINGS)

    def truncate(self, table: SinkTable) -> None:
        """Empty a table; ClickHouse forgets the tokens of the parts that it drops."""
        statement = self._ddl.truncate(table.database, table.name)
        self._run(statement, doing=f"Emptying {table.full_name}", settings=DROP_SETTINGS)

    def highest_version(self, table: SinkTable) -> int:
        """The greatest `_version`, hidden rows included."""
        return self._number(
            table,
            f"SELECT max({quote_identifier(VERSION_COLUMN)}) FROM {{table}}",
        )

    def catch_up(self, table: SinkTable) -> None:
        """All replicas that are alive, since whoever stands behind the URL may ask any of them."""
        if self._cluster:
            statement, doing = self._cluster.catch_up(table), f"Waiting for the replicas of {table.full_name}"
            self._warehouse.run(statement, doing=doing, settings=CATCH_UP_SETTINGS)

    def count_rows(self, table: SinkTable) -> int:
        """Rows under FINAL, without those marked as deleted."""
        return self._number(table, f"{Relation(table).select('count()')} {READER_SETTINGS}")

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
            **self._write_settings,
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

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Run a SELECT, for checks and counts; parameters stand in it as `{name:Type}`."""
        return self._warehouse.rows(sql, parameters)

    def run(self, statement: str, *, doing: str, settings: Mapping[str, Setting] | None = None) -> None:
        """Run a statement of another room that returns nothing; `doing` names its object in errors."""
        self._run(statement, doing=doing, settings=settings)

    def describe(self, select: str, *, doing: str) -> tuple[SinkColumn, ...]:
        """The columns that a SELECT gives. What is wrong with it is an error of the file that it comes from."""
        found = self._warehouse.rows(f"DESCRIBE TABLE ({select})", task=Task.SHAPE, doing=doing)
        return tuple(SinkColumn(name, type_) for name, type_, *_ in found)

    def replace_view(self, database: str, name: str, select: str, *, comment: str = "") -> None:
        """Create a view, or put it in the place of one. Raises `ConfigurationError` when a table has that name."""
        found = self.rows(
            "SELECT engine FROM system.tables WHERE database = {database:String} AND name = {name:String}",
            {"database": database, "name": name},
        )
        if found and found[0][0] != "View":
            raise ConfigurationError(
                f"{database}.{name} is no view, so it is not replaced by one.",
                todo="Give the view another name.",
            )
        statement = self._ddl.replace_view(database, name, select, comment=comment)
        self._run(statement, doing=f"Creating the view {database}.{name}")

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

    def command(self, statement: str, *, doing: str) -> None:
        """Run a statement of ours that returns nothing, e.g. INSERT SELECT; it is never deduplicated."""
        settings = deduplication_switch(on=False, known_settings=self._warehouse.known_settings())
        self._run(statement, doing=doing, settings=settings)

    def insert_rows(
        self, table: SinkTable, columns: Sequence[str], rows: Sequence[Sequence[object]], *, doing: str
    ) -> None:
        """Insert a few rows of Python values; bulk goes through `write`."""
        if rows:
            self._warehouse.insert_rows(table.database, table.name, columns, rows, doing=doing)

    def wanted_shape(self, table: SinkTable) -> TableShape:
        """The table as its file wants it, in ClickHouse's own words. Raises `ConfigurationError` for a wrong file."""
        ask = self._shape_rows(f"Understanding the file of {table.full_name}")
        return catalog.wanted_shape(table, self._ddl, ask)

    @property
    def ddl(self) -> Ddl:
        """DDL as this warehouse wants it, ON CLUSTER where it has one."""
        return self._ddl

    def digest(self, table: SinkTable, request: DigestRequest, key_range: KeyRange) -> RangeDigest:
        """One statement."""
        statement = DigestStatements(table=table, request=request).of_range(key_range)
        return digests.range_digest(self.rows(statement)[0])

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
        settings = deduplication_switch(on=False, known_settings=self._warehouse.known_settings())
        self._warehouse.run(
            statement,
            doing=f"Marking rows of {table.full_name} as deleted",
            settings={**settings, **self._write_settings},
        )

    def quarantine_of(self, table: SinkTable) -> ClickHouseQuarantine:
        """The rows of a table that were set aside; nothing is asked or made yet."""
        aside = quarantine_table(table)

        def change(statement: str) -> None:
            settings = deduplication_switch(on=False, known_settings=self._warehouse.known_settings())
            self._warehouse.run(
                statement,
                doing=f"Closing entries of {aside.full_name}",
                settings={**settings, **self._write_settings},
            )

        return ClickHouseQuarantine(
            loaded=table,
            table=aside,
            make=self.ensure_table,
            exists=lambda: bool(self.table_id(aside.database, aside.name)),
            rows_of=self.rows,
            run=change,
        )

    def absorb(self, table: SinkTable, staging: SinkTable, *, lock: Callable[[], None]) -> None:
        """See `landing`."""
        for each in (table, staging):
            self.catch_up(each)
        Absorption(
            table=table,
            staging=staging,
            rows=self.rows,
            run=self._run,
            lock=lock,
        ).absorb()

    def remove_version(self, table: SinkTable, version: int) -> None:
        """One mutation, waited for."""
        if self.table_id(table.database, table.name):
            statement = removal(table, version)
            self._run(statement, doing=f"Removing half of a load from {table.full_name}")

    def read_object(self, request: WriteRequest, place: ObjectPlace) -> WriteReceipt:
        """INSERT SELECT FROM s3(); into an empty staging table, so its rows can be counted there."""
        began = time.monotonic()
        statement = insert_statement(request, self._wire_types(request.columns))
        settings = {"log_comment": request.query_comment, **PARQUET_SETTINGS}
        self._warehouse.run(
            object_insert(statement, place, settings),
            doing=f"Reading an object into {request.table.full_name}",
        )
        return receipt(self._number(request.table, "SELECT count() FROM {table}"), began)

    def close(self) -> None:
        """End every connection and give up the embedded warehouse."""
        self._warehouse.close()

    def _run(self, statement: str, *, doing: str, settings: Mapping[str, Setting] | None = None) -> None:
        self._warehouse.run(statement, doing=doing, settings={**self._ddl_settings, **(settings or {})})

    def _shape_rows(self, doing: str) -> catalog.Rows:
        """`rows`, for questions whose error is the file's fault."""
        return partial(self._warehouse.rows, task=Task.SHAPE, doing=doing)

    def _diff(self, table: SinkTable) -> TableDiff | None:
        """What must change in the table; `None` when there is none."""
        existing = catalog.existing_shape(table.database, table.name, self.rows)
        if existing is None:
            return None
        return compare(self.wanted_shape(table), existing)

    def _create(self, table: SinkTable) -> tuple[str, ...]:
        statements = self._creation(table)
        for statement in statements:
            self._run(statement, doing=f"Creating {table.full_name}")
        return statements

    def _creation(self, table: SinkTable) -> tuple[str, ...]:
        return (*self._database_statements(table.database), self._ddl.create_table(table))

    def _distributed(self, table: SinkTable, *, columns_change: bool) -> tuple[str, ...]:
        """What makes the Distributed table, where one is asked for that is missing or has other columns."""
        if self._cluster is None or not table.distributed:
            return ()
        above, below = (self._columns(table.database, name) for name in (distributed_name(table), table.name))
        is_right = above == below and not columns_change
        return () if is_right else (self._cluster.distributed_table(table),)

    def _columns(self, database: str, name: str) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {name:String} "
            "ORDER BY position",
            {"database": database, "name": name},
        )

    def _alter(self, table: SinkTable, diff: TableDiff) -> tuple[str, ...]:
        statements = self._ddl.alter(table, diff.changes)
        for statement in statements:
            self._run(statement, doing=f"Altering {table.full_name}")
        return statements

    def _ask_wire_types(self, columns: tuple[WireColumn, ...]) -> dict[str, str]:
        ask = self._shape_rows("Understanding the types on the wire")
        return catalog.canonical_types([(column.name, column.wire_type) for column in columns], ask)

    def _database_statements(self, database: str) -> tuple[str, ...]:
        """CREATE DATABASE where it is missing, so that a user who may not create one is not asked to."""
        return () if self._database_engine(database) else (self._ddl.create_database(database),)

    def _database_engine(self, database: str) -> str:
        found = self.rows(
            "SELECT engine FROM system.databases WHERE name = {name:String}", {"name": database}
        )
        return str(found[0][0]) if found else ""

    def _require_exchange(self, database: str) -> None:
        engine = self._database_engine(database)
        if engine in WITHOUT_EXCHANGE:
            raise ConfigurationError(
                f"The database {database} has the engine {engine}, which cannot exchange tables.",
                todo="Recreate it with the engine Atomic, ClickHouse's default.",
            )

    def _number(self, table: SinkTable, sql: str) -> int:
        """One number about a table; 0 when it does not exist."""
        if not self.table_id(table.database, table.name):
            return 0
        self.catch_up(table)
        ((number,),) = self.rows(sql.replace("{table}", quote_table(table.database, table.name)))
        return int(number)


def _refuse(table: SinkTable, diff: TableDiff) -> None:
    if diff.refusals:
        listed = "".join(f"\n  - {refusal.says}" for refusal in diff.refusals)
        command = f"python -m dagster_pipeline migrate-table {table.database}/{table.name}"
        migrate = "Load it in full" if diff.impossible else f"Migrate it with `{command}`, load it in full"
        raise ConfigurationError(
            f"{table.full_name} differs from its file in what cannot be altered:{listed}\n",
            todo=f"Nothing was changed. {migrate}, or make the file say what the table is.",
        )


def _check_count(request: WriteRequest, sent: int, said: Acknowledgement) -> None:
    """Fewer rows than were sent are an error. More are none: materialized views count too."""
    if said.rows is not None and said.rows < sent and not request.atomic:
        raise FatalError(
            f"{request.table.full_name}: {sent:,} rows were sent and {said.rows:,} written.",
            todo="Look for the query in the warehouse's system.query_log: " + said.query_id,
        )
