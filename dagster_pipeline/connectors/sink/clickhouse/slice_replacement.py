"""Rows of a staging table take the place of a window's rows in the table: for a reader each partition at once.

Every step may be repeated after a crash, as long as the staging table stands. Which way is right is told by
`schema.partition_cut.Replacing`.

ClickHouse shows all parts that a statement brings into a partition at once, but makes them permanent one by one: when it
is killed in that moment, it starts again with some of them. So each partition is made one part before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dagster_pipeline.connectors.sink.base_sink_connector import (
    DELETED_COLUMN,
    VERSION_COLUMN,
    SinkTable,
    SliceRequest,
)
from dagster_pipeline.connectors.sink.clickhouse.ddl import (
    Ddl,
    quote_identifier,
    quote_string,
    quote_table,
)
from dagster_pipeline.connectors.sink.clickhouse.insert import Setting
from dagster_pipeline.connectors.sink.clickhouse.window_condition import window_condition
from dagster_pipeline.schema.partition_cut import Replacing

COPY_SETTINGS: Mapping[str, Setting] = {
    "insert_deduplicate": 0,
    "deduplicate_insert": "disable",
    "deduplicate_insert_select": "disable",
    "insert_select_deduplicate": 0,
    "max_execution_time": 0,
}
"""A copy of rows is taken as it is, also where blocks look alike."""

_ACROSS = "SETTINGS do_not_merge_across_partitions_select_final = 0"


class RunStatement(Protocol):
    """Runs a statement that returns nothing."""

    def __call__(self, statement: str, *, doing: str, settings: Mapping[str, Setting] | None = None) -> None:
        """Run it."""


@dataclass(frozen=True, kw_only=True)
class SliceReplacement:
    """One replacement.

    Attributes:
        rows: runs a SELECT.
        run: runs a statement on the server that holds the rows, never ON CLUSTER: the engine replicates it.
        make_copy: makes an empty table like the destination under a name, and returns it.
        lock: raises when the run has lost its right to the rows; asked before every step that readers see.
    """

    request: SliceRequest
    ddl: Ddl
    rows: Callable[[str], list[tuple[Any, ...]]]
    run: RunStatement
    make_copy: Callable[[SinkTable, str], SinkTable]
    lock: Callable[[], None]

    def replace(self) -> None:
        """Do it."""
        match self.request.how:
            case Replacing.EXCHANGE:
                self._make_one_part_each(self.request.staging)
                self._exchange(self.request.staging, self._all_ids)
            case Replacing.OVERLAY:
                self._overlay()
            case Replacing.REBUILD:
                self._rebuild()

    @property
    def _condition(self) -> str:
        return window_condition(self.request.window, self.request.table)

    @property
    def _all_ids(self) -> list[str]:
        """Partitions of the warehouse that hold rows of the window, old or new."""
        old = self._ids(self.request.table, self._condition)
        return sorted({*old, *self._ids(self.request.staging)})

    def _exchange(self, new: SinkTable, ids: list[str]) -> None:
        filled = self._ids(new)
        for partition in ids:
            self.lock()
            # An empty partition cannot replace one.
            clause = (
                f"REPLACE PARTITION ID {quote_string(partition)} FROM {_name(new)}"
                if partition in filled
                else f"DROP PARTITION ID {quote_string(partition)}"
            )
            self._alter(self.request.table, clause)

    def _overlay(self) -> None:
        """Old rows without a new one get a tombstone beside the new rows; then all of them appear at once."""
        for partition in self._ids(self.request.table, self._condition):
            self._bury(partition)
        self._make_one_part_each(self.request.staging)
        for partition in self._ids(self.request.staging):
            self.lock()
            self._alter(
                self.request.table,
                f"ATTACH PARTITION ID {quote_string(partition)} FROM {_name(self.request.staging)}",
            )

    def _bury(self, partition: str) -> None:
        """Mark rows that are gone, each under the version that it has: of equals the one inserted last is kept.

        A newer version would also hide a row of the same key that stands in another partition by now
        (clickhouse.com/docs/engines/table-engines/mergetree-family/replacingmergetree#ver).
        """
        table, staging = self.request.table, self.request.staging
        columns = [quote_identifier(column.name) for column in table.columns]
        keys = ", ".join(map(quote_identifier, table.primary_key))
        within = f"_partition_id = {quote_string(partition)}"
        ours = ", ".join(map(quote_identifier, (VERSION_COLUMN, DELETED_COLUMN)))
        self.run(
            f"INSERT INTO {_name(staging)} ({', '.join(columns)}, {ours}) "
            f"SELECT {', '.join(columns)}, {quote_identifier(VERSION_COLUMN)}, 1 FROM {_name(table)} FINAL "
            f"WHERE {within} AND {self._condition} AND NOT {quote_identifier(DELETED_COLUMN)} "
            f"AND ({keys}) NOT IN (SELECT {keys} FROM {_name(staging)} WHERE {within}) {_ACROSS}",
            doing=f"Marking rows that are gone in {staging.full_name}",
            settings=COPY_SETTINGS,
        )

    def _rebuild(self) -> None:
        """What stays is copied beside what is new, and both replace what was there. Others must not do so meanwhile."""
        table, staging = self.request.table, self.request.staging
        built = self.make_copy(table, self.request.rebuilt_name)
        self.run(self.ddl.truncate(built.database, built.name), doing=f"Emptying {built.full_name}")
        ids = self._all_ids
        for partition in ids:
            within = f"_partition_id = {quote_string(partition)}"
            for source, condition in ((table, f"AND NOT ifNull({self._condition}, 0)"), (staging, "")):
                self.run(
                    f"INSERT INTO {_name(built)} SELECT * FROM {_name(source)} WHERE {within} {condition}",
                    doing=f"Building {built.full_name}",
                    settings=COPY_SETTINGS,
                )
        self._make_one_part_each(built)
        self._exchange(built, ids)
        self.run(
            self.ddl.drop(built.database, built.name),
            doing=f"Dropping {built.full_name}",
            settings={"max_table_size_to_drop": 0},
        )

    def _make_one_part_each(self, table: SinkTable) -> None:
        """Merge what was written in several parts. Where ClickHouse cannot, e.g. for want of space, several remain."""
        several = self.rows(
            "SELECT partition_id FROM system.parts WHERE active "
            f"AND database = {quote_string(table.database)} AND table = {quote_string(table.name)} "
            "GROUP BY partition_id HAVING count() > 1 ORDER BY 1"
        )
        for (partition,) in several:
            self.run(
                f"OPTIMIZE TABLE {_name(table)} PARTITION ID {quote_string(partition)} FINAL",
                doing=f"Merging {table.full_name}",
                settings={"optimize_throw_if_noop": 0, "max_execution_time": 0},
            )

    def _ids(self, table: SinkTable, condition: str = "1") -> list[str]:
        found = self.rows(f"SELECT DISTINCT _partition_id FROM {_name(table)} WHERE {condition} ORDER BY 1")
        return [str(partition) for (partition,) in found]

    def _alter(self, table: SinkTable, clause: str) -> None:
        self.run(
            f"ALTER TABLE {_name(table)} {clause}",
            doing=f"Replacing rows of {table.full_name}",
            settings={"max_partition_size_to_drop": 0},
        )


def slice_count(table: SinkTable, window_sql: str) -> str:
    """Rows of a window that a reader sees, as a statement."""
    final = " FINAL" if table.collapses_rereads else ""
    shown = f" AND NOT {quote_identifier(DELETED_COLUMN)}" if table.tracks_deletes else ""
    return f"SELECT count() FROM {_name(table)}{final} WHERE {window_sql}{shown} {_ACROSS}"


def _name(table: SinkTable) -> str:
    return quote_table(table.database, table.name)
