"""The SELECTs of one export: which rows, in which columns, as the wire carries them. Pure text.

What is new in a table is found by `_version`, which grows with every load. A row that left the export since (it was marked as
deleted, or `where` does not take it any more) is among them, marked by `GONE_COLUMN`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from dagster_pipeline.connectors.sink.base_export_sink import GONE_COLUMN, ExportColumn, Slicing
from dagster_pipeline.connectors.sink.base_sink_connector import DELETED_COLUMN, VERSION_COLUMN, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table
from dagster_pipeline.connectors.sink.clickhouse.reader_view import READER_SETTINGS, Relation
from dagster_pipeline.connectors.sink.export_types import wire_expression
from dagster_pipeline.exports.named_export import NamedExport

_VERSION = quote_identifier(VERSION_COLUMN)
_DELETED = quote_identifier(DELETED_COLUMN)
_GONE = quote_identifier(GONE_COLUMN)
_ALIAS = "__export_"
"""Of the columns, by their place: an alias hides a column of its name, so no column may be called so."""
_SLICE_STARTS = {"day": "toDate32({})", "month": "toStartOfMonth({})"}


@dataclass(frozen=True, slots=True)
class Versions:
    """Which rows of a table are new: `above < _version <= up_to`; `up_to` is `None` for no bound."""

    above: int
    up_to: int | None = None

    @property
    def condition(self) -> str:
        """In SQL."""
        upper = "" if self.up_to is None else f" AND {_VERSION} <= {self.up_to}"
        return f"{_VERSION} > {self.above}{upper}"


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of one export.

    Attributes:
        export: which.
        columns: what is exported, in order.
        sources: of each column its expression over the source's columns.
    """

    export: NamedExport
    columns: tuple[ExportColumn, ...]
    sources: tuple[str, ...]

    @property
    def carries_deletions(self) -> bool:
        """Rows may leave the export, and leave a trace."""
        table = self.export.table
        return table is not None and (table.tracks_deletes or bool(self.export.file.source.where))

    def everything(self, *, order: Slicing | None = None) -> str:
        """Every row, as a reader sees the source."""
        return (
            f"SELECT {self._wire()} FROM {self._whole()}{self._ordered(order)}{_settings(self.export.table)}"
        )

    def added(self, versions: Versions, *, order: Slicing | None = None) -> str:
        """Rows of a table whose rows never change."""
        source = _relation(self.export, versions.condition)
        return f"SELECT {self._wire()} FROM {source}{self._ordered(order)}{_settings(self.export.table)}"

    def changed(self, versions: Versions) -> str:
        """The newest state of each row that changed, marked where it is gone."""
        table, where = self._table, self.export.file.source.where
        kept = f"ifNull(toBool({where}), false)" if where else "true"
        gone = f"{_DELETED} != 0 OR NOT {kept}" if table.tracks_deletes else f"NOT {kept}"
        source = f"(SELECT * FROM {Relation(table).name} WHERE {versions.condition})"
        if table.tracks_deletes and table.hides_deleted:
            source = f"(SELECT * FROM {source} UNION ALL {self._buried(versions)})"
        marked = f", toUInt8({gone}) AS {_GONE}" if self.carries_deletions else ""
        return f"SELECT {self._wire()}{marked} FROM {source} {READER_SETTINGS}"

    def touched_slices(self, versions: Versions, slicing: Slicing) -> str:
        """The first days of the slices in which a row changed or vanished; states that were replaced count, too."""
        start = self._slice_start(slicing)
        source = f"(SELECT * FROM {quote_table(self._table.database, self._table.name)} WHERE {versions.condition})"
        return f"SELECT DISTINCT CAST({start}, 'Nullable(Date32)') AS day FROM {source} ORDER BY day"

    def slices(self, days: Sequence[date | None], slicing: Slicing) -> str:
        """Every row of these slices, as a reader sees the table."""
        start = self._slice_start(slicing)
        listed = ", ".join(f"toDate32({quote_string(day.isoformat())})" for day in days if day is not None)
        terms = [f"CAST({start}, 'Nullable(Date32)') IN ({listed})"] if listed else []
        terms += [f"{start} IS NULL"] if None in days else []
        chosen = " OR ".join(terms) or "0"
        return (
            f"SELECT {self._wire()} FROM {self._whole()} WHERE {chosen}"
            f"{self._ordered(slicing)}{_settings(self._table)}"
        )

    @property
    def has_the_tables_key(self) -> bool:
        """Rows are told apart by the primary key of a table that keeps one row for each."""
        table, file = self.export.table, self.export.file
        sources = {column.name: source for column, source in zip(self.columns, self.sources, strict=True)}
        return (
            table is not None
            and table.collapses_rereads
            and {sources[name] for name in file.key} >= {quote_identifier(name) for name in table.primary_key}
        )

    def counted(self, select: str) -> str:
        """How many rows a SELECT of this one gives."""
        return f"SELECT count() FROM ({_without_settings(select)}) {READER_SETTINGS}"

    def bad_keys(self, select: str) -> str:
        """How many rows of a SELECT of this one have NULL in their key, and how many share a key with another one."""
        names = [column.name for column in self.columns]
        keys = [f"{_ALIAS}{names.index(name)}" for name in self.export.file.key]
        nothing = " OR ".join(f"isNull({key})" for key in keys)
        listed = ", ".join(keys)
        alive = f" WHERE {_GONE} = 0" if f" AS {_GONE} FROM" in select else ""
        return (
            f"SELECT sumIf(times, {nothing}), sumIf(times, times > 1) FROM (SELECT {listed}, count() AS times "
            f"FROM ({_without_settings(select)}){alive} GROUP BY {listed}) {READER_SETTINGS}"
        )

    @property
    def _table(self) -> SinkTable:
        if self.export.table is None:
            raise ValueError(f"{self.export.name} reads a query")
        return self.export.table

    def _wire(self) -> str:
        pairs = zip(self.columns, self.sources, strict=True)
        return ", ".join(
            f"{wire_expression(column.type, f'({source})')} AS {_ALIAS}{index}"
            for index, (column, source) in enumerate(pairs)
        )

    def _whole(self) -> str:
        return _relation(self.export)

    def _buried(self, versions: Versions) -> str:
        """Marks of deletion that FINAL hides, of rows that did not come back; a mark may stand there twice."""
        keys = ", ".join(map(quote_identifier, self._table.primary_key))
        marks = (
            f"{quote_table(self._table.database, self._table.name)} WHERE {versions.condition} AND {_DELETED}"
        )
        alive = f"{Relation(self._table).name} WHERE ({keys}) IN (SELECT {keys} FROM {marks})"
        return f"SELECT * FROM {marks} AND ({keys}) NOT IN (SELECT {keys} FROM {alive}) LIMIT 1 BY {keys}"

    def _slice_start(self, slicing: Slicing) -> str:
        names = [column.name for column in self.columns]
        index = names.index(slicing.column)
        value = wire_expression(self.columns[index].type, f"({self.sources[index]})")
        return _SLICE_STARTS[slicing.every].format(value)

    def _ordered(self, slicing: Slicing | None) -> str:
        return f" ORDER BY {self._slice_start(slicing)}" if slicing else ""


def described(export: NamedExport) -> str:
    """A SELECT with the file's columns by their names; all of the source's where the file names none."""
    columns = ", ".join(
        f"{column.source or quote_identifier(column.name)} AS {quote_identifier(column.name)}"
        for column in export.file.columns
    )
    return f"SELECT {columns or '*'} FROM {_relation(export)}"


def _relation(export: NamedExport, *conditions: str) -> str:
    """The source with its rows; an alias of ours never hides a column that a condition names."""
    if export.table is None:
        return f"({export.file.source.query})"
    relation = Relation(export.table)
    return f"({relation.select('*', export.file.source.where or '', *conditions)})"


def _settings(table: SinkTable | None) -> str:
    return f" {READER_SETTINGS}" if table is not None else ""


def _without_settings(select: str) -> str:
    return select.removesuffix(READER_SETTINGS)
