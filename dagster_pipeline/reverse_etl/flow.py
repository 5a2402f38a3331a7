"""One reverse ETL file with what it needs of the tree, and the one SELECT that gives its rows. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier
from dagster_pipeline.connectors.sink.clickhouse.reader_view import Relation
from dagster_pipeline.schema.reverse_etl_file import KIND, ReverseEtlFile


def selected_name(place: int) -> str:
    """The name of a flow's column in its SELECT: no column of a source has it, since ClickHouse takes an alias for the column."""
    return f"_selected_{place}"


@dataclass(frozen=True, slots=True)
class Flow:
    """One file.

    Attributes:
        name: the file's name.
        file: what it says.
        table: the warehouse table that it reads; `None` for a query.
        sources: `<database>/<table>` of every warehouse table that it reads, as far as the file says.
    """

    name: str
    file: ReverseEtlFile
    table: SinkTable | None
    sources: tuple[str, ...]

    @property
    def state_name(self) -> str:
        """Under which the state store knows it."""
        return f"{KIND}/{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The target's columns, in the file's order."""
        return tuple(column.name for column in self.file.columns)

    @property
    def key_places(self) -> tuple[int, ...]:
        """Where the key's columns stand among the columns."""
        return tuple(self.column_names.index(name) for name in self.file.key)

    @property
    def fingerprint(self) -> str:
        """Of what the file asks for, for the state store's record of a load."""
        parts = [self.select, *self.column_names, *self.file.key]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @property
    def select(self) -> str:
        """The rows, with the columns named by `selected_name`, in the file's order."""
        columns = ", ".join(
            f"{column.source or quote_identifier(column.name)} AS {selected_name(index)}"
            for index, column in enumerate(self.file.columns)
        )
        source = self.file.source
        if self.table is None:
            return f"SELECT {columns} FROM ({source.query}) AS source"
        relation = Relation(self.table)
        return f"SELECT {columns} FROM {relation.name}{relation.where(source.where or '')}"
