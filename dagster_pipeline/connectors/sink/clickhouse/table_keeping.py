"""Keeps tables as their files want them: makes them, alters what can be altered, refuses the rest; and views beside them.

What does not belong here: what differs (`table_diff`, `table_difference`), how a statement is spelled (`ddl`), rows.
"""

from __future__ import annotations

from typing import Any

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse import catalog
from dagster_pipeline.connectors.sink.clickhouse.cluster import distributed_name
from dagster_pipeline.connectors.sink.clickhouse.statements import Statements
from dagster_pipeline.connectors.sink.clickhouse.table_diff import TableDiff, compare
from dagster_pipeline.connectors.sink.clickhouse.table_difference import (
    TableDifference,
    table_differences,
    table_is_missing,
)
from dagster_pipeline.connectors.sink.clickhouse.table_shape import TableShape
from dagster_pipeline.errors import ConfigurationError


class TableKeeping:
    """Tables of one warehouse, held to their files."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._ddl = statements.ddl

    def ensure(self, table: SinkTable) -> tuple[str, ...]:
        """Create the table, or add and widen columns, change comments, TTL and settings."""
        statements = self.planned(table)
        self._run_all(statements, f"Creating or altering {table.full_name}")
        return statements

    def planned(self, table: SinkTable) -> tuple[str, ...]:
        """What `ensure` would run. Raises `ConfigurationError` for what cannot be altered."""
        diff = self.accepted_diff(table)
        if diff is None:
            return (*self._creation(table), *self._distributed(table, columns_change=True))
        distributed = self._distributed(table, columns_change=diff.changes_columns)
        return (*self._ddl.alter(table, diff.changes), *distributed)

    def accepted_diff(self, table: SinkTable) -> TableDiff | None:
        """What `ensure` would alter; `None` when there is no table. Raises `ConfigurationError` for what cannot be."""
        diff = self.diff(table)
        if diff is not None:
            _refuse(table, diff)
        return diff

    def diff(self, table: SinkTable) -> TableDiff | None:
        """What must change in the table; `None` when there is none."""
        existing = catalog.existing_shape(table.database, table.name, self._statements.rows)
        return None if existing is None else compare(self.wanted_shape(table), existing)

    def differences(self, table: SinkTable) -> tuple[TableDifference, ...]:
        """Everything in which the live table is not what its file wants; nothing is changed. See `table_difference`."""
        existing = catalog.existing_shape(table.database, table.name, self._statements.rows)
        if existing is None:
            return (table_is_missing(table, self._creation(table)),)
        return table_differences(table, self.wanted_shape(table), existing, self._ddl)

    def wanted_shape(self, table: SinkTable) -> TableShape:
        """The table as its file wants it, in ClickHouse's own words. Raises `ConfigurationError` for a wrong file."""
        ask = self._statements.shape_rows(f"Understanding the file of {table.full_name}")
        return catalog.wanted_shape(table, self._ddl, ask)

    def create(self, table: SinkTable) -> None:
        """Create a table that is not there, and its database."""
        self._run_all(self._creation(table), f"Creating {table.full_name}")

    def alter(self, table: SinkTable, diff: TableDiff) -> None:
        """Change what a diff says."""
        self._run_all(self._ddl.alter(table, diff.changes), f"Altering {table.full_name}")

    def replace_view(self, database: str, name: str, select: str, *, comment: str = "") -> None:
        """Create a view, or put it in the place of one. Raises `ConfigurationError` when a table has that name."""
        found = self._statements.rows(
            "SELECT engine FROM system.tables WHERE database = {database:String} AND name = {name:String}",
            {"database": database, "name": name},
        )
        if found and found[0][0] != "View":
            raise ConfigurationError(
                f"{database}.{name} is no view, so it is not replaced by one.",
                todo="Give the view another name.",
            )
        statement = self._ddl.replace_view(database, name, select, comment=comment)
        self._statements.run(statement, doing=f"Creating the view {database}.{name}")

    def database_engine(self, database: str) -> str:
        """Name of a database's engine; empty when there is no such database."""
        found = self._statements.rows(
            "SELECT engine FROM system.databases WHERE name = {name:String}", {"name": database}
        )
        return str(found[0][0]) if found else ""

    def _run_all(self, statements: tuple[str, ...], doing: str) -> None:
        for statement in statements:
            self._statements.run(statement, doing=doing)

    def _creation(self, table: SinkTable) -> tuple[str, ...]:
        """CREATE DATABASE only where it is missing, so that a user who may not create one is not asked to."""
        database = (
            () if self.database_engine(table.database) else (self._ddl.create_database(table.database),)
        )
        return (*database, self._ddl.create_table(table))

    def _distributed(self, table: SinkTable, *, columns_change: bool) -> tuple[str, ...]:
        """What makes the Distributed table, where one is asked for that is missing or has other columns."""
        cluster = self._statements.cluster
        if cluster is None or not table.distributed:
            return ()
        above, below = (self._columns(table.database, name) for name in (distributed_name(table), table.name))
        is_right = above == below and not columns_change
        return () if is_right else (cluster.distributed_table(table),)

    def _columns(self, database: str, name: str) -> list[tuple[Any, ...]]:
        return self._statements.rows(
            "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {name:String} "
            "ORDER BY position",
            {"database": database, "name": name},
        )


def _refuse(table: SinkTable, diff: TableDiff) -> None:
    if diff.refusals:
        listed = "".join(f"\n  - {refusal.says}" for refusal in diff.refusals)
        command = f"python -m dagster_pipeline migrate-table {table.database}/{table.name}"
        migrate = "Load it in full" if diff.impossible else f"Migrate it with `{command}`, load it in full"
        raise ConfigurationError(
            f"{table.full_name} differs from its file in what cannot be altered:{listed}\n",
            todo=f"Nothing was changed. {migrate}, or make the file say what the table is.",
        )
