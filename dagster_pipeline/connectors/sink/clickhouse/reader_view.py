"""What a reader sees of a table, for checks and comparisons: all of it, or only what the last load wrote. Pure text.

A reader sees a table under FINAL where its engine collapses, without the rows that are marked as deleted.

The new rows are found by their `_version`, which no index knows. So the parts are narrowed down first: a part that holds
a row of this load, merged or not, was written after the load began (system.parts, `modification_time`). Parts that were
merged away meanwhile stay in the list, since the query's own snapshot may be older than the list.
"""

from __future__ import annotations

from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import DELETED_COLUMN, VERSION_COLUMN, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table

READER_SETTINGS = "SETTINGS do_not_merge_across_partitions_select_final = 0"
"""Rows of one key collapse across partitions too, whatever the server's default is."""


@dataclass(frozen=True, slots=True)
class NewRows:
    """The rows that the last load wrote.

    Attributes:
        version: their `_version`, or 0 when nothing was written.
        seconds: no part that holds one of them is older than this, by the warehouse's clock.
    """

    version: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, and the conditions under which one of its rows counts."""

    table: SinkTable
    new: NewRows | None = None

    @property
    def name(self) -> str:
        """The table, under FINAL where that makes a difference."""
        final = " FINAL" if self.table.collapses_rereads else ""
        return f"{quote_table(self.table.database, self.table.name)}{final}"

    def where(self, *conditions: str) -> str:
        """` WHERE ...` with a leading space, or nothing."""
        terms = [*self._own(), *(f"({condition})" for condition in conditions if condition)]
        return f" WHERE {' AND '.join(terms)}" if terms else ""

    def select(self, what: str, *conditions: str) -> str:
        """`SELECT what` from the rows that count."""
        return f"SELECT {what} FROM {self.name}{self.where(*conditions)}"

    def as_table(self) -> str:
        """What stands for the table in a query of somebody else's."""
        return f"({self.select('*')})" if self._own() else self.name

    def _own(self) -> list[str]:
        terms = [f"NOT {quote_identifier(DELETED_COLUMN)}"] if self.table.tracks_deletes else []
        if self.new is None:
            return terms
        if not self.new.version:
            return [*terms, "0"]
        return [*terms, f"{quote_identifier(VERSION_COLUMN)} >= {self.new.version}", self._in_new_parts()]

    def _in_new_parts(self) -> str:
        seconds = self.new.seconds if self.new else 0
        return (
            "_part IN (SELECT name FROM system.parts "
            f"WHERE database = {quote_string(self.table.database)} AND table = {quote_string(self.table.name)} "
            f"AND modification_time >= now() - {int(seconds)})"
        )
