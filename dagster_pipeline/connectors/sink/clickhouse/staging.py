"""Staging tables: made beside a table, filled by whoever loads, and put in its place or into it at once.

What does not belong here: what fills them (`writing`), how a window's partitions are replaced (`slice_replacement`) and a
delivery's are moved (`landing`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable, SliceRequest
from dagster_pipeline.connectors.sink.clickhouse.landing import Absorption
from dagster_pipeline.connectors.sink.clickhouse.slice_replacement import SliceReplacement
from dagster_pipeline.connectors.sink.clickhouse.statements import DROP_SETTINGS, Statements
from dagster_pipeline.connectors.sink.clickhouse.table_keeping import TableKeeping
from dagster_pipeline.errors import ConfigurationError

STAGING_MARK = "__staging_"
LOAD_ID = "^[0-9a-f]{12}$"
WITHOUT_EXCHANGE = ("Ordinary", "Lazy", "Memory")


class Staging:
    """Staging tables of one warehouse."""

    def __init__(self, statements: Statements, tables: TableKeeping) -> None:
        self._statements = statements
        self._tables = tables
        self._ddl = statements.ddl

    def create(self, table: SinkTable, staging_name: str) -> SinkTable:
        """Create an empty table like `table`, or keep the one that stands there when it has the same structure."""
        staging = replace(table, name=staging_name)
        diff = self._tables.diff(staging)
        if diff is None:
            self._require_exchange(table.database)
            self._tables.create(staging)
        elif diff.changes_columns:
            raise ConfigurationError(
                f"The staging table {staging.full_name} has another structure than the file wants now.",
                todo="Abandon its load, or drop it: the load must begin anew.",
            )
        else:
            self._tables.alter(staging, diff)
        return staging

    def create_like(self, table: SinkTable, name: str) -> SinkTable:
        """CREATE TABLE ... AS: REPLACE PARTITION asks for the same structure."""
        copy = replace(table, name=name)
        statement = self._ddl.create_like(table.database, name, table.name)
        self._statements.run(statement, doing=f"Creating {copy.full_name}")
        return copy

    def names(self, table: SinkTable) -> tuple[str, ...]:
        """Staging tables of this table, sorted by name."""
        found = self._statements.rows(
            "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, {start:String}) "
            f"AND match(substring(name, length({{start:String}}) + 1), '{LOAD_ID}') ORDER BY name",
            {"database": table.database, "start": table.name + STAGING_MARK},
        )
        return tuple(name for (name,) in found)

    def truncate(self, staging: SinkTable) -> None:
        """Empty a table; ClickHouse forgets the tokens of the parts that it drops."""
        statement = self._ddl.truncate(staging.database, staging.name)
        self._statements.run(statement, doing=f"Emptying {staging.full_name}", settings=DROP_SETTINGS)

    def swap(self, table: SinkTable, staging: SinkTable) -> None:
        """EXCHANGE TABLES, so that a reader always finds a table; the first time there is nothing to exchange with."""
        doing = f"Putting {staging.full_name} in the place of {table.full_name}"
        if not self._statements.table_id(table.database, table.name):
            self._statements.run(self._ddl.rename(table.database, staging.name, table.name), doing=doing)
            return
        self._statements.run(self._ddl.exchange(table.database, table.name, staging.name), doing=doing)
        self._statements.drop(table.database, staging.name)

    def replace_slice(self, request: SliceRequest, *, lock: Callable[[], None]) -> None:
        """See `slice_replacement`."""
        for table in (request.table, request.staging):
            self._statements.catch_up(table)
        SliceReplacement(
            request=request,
            ddl=self._ddl,
            rows=self._statements.rows,
            run=self._statements.run,
            make_copy=self.create_like,
            lock=lock,
        ).replace()

    def absorb(self, table: SinkTable, staging: SinkTable, *, lock: Callable[[], None]) -> None:
        """See `landing`."""
        for each in (table, staging):
            self._statements.catch_up(each)
        Absorption(
            table=table,
            staging=staging,
            rows=self._statements.rows,
            run=self._statements.run,
            lock=lock,
        ).absorb()

    def _require_exchange(self, database: str) -> None:
        engine = self._tables.database_engine(database)
        if engine in WITHOUT_EXCHANGE:
            raise ConfigurationError(
                f"The database {database} has the engine {engine}, which cannot exchange tables.",
                todo="Recreate it with the engine Atomic, ClickHouse's default.",
            )
