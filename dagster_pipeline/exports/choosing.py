"""Which rows one load exports, and how the destination takes them: everything, or what is new since the last one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from dagster_pipeline.connectors.sink.base_export_sink import BaseExportSink, Export, ExportMode
from dagster_pipeline.connectors.sink.base_sink_connector import SYSTEM_COLUMNS, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier
from dagster_pipeline.connectors.sink.export_types import exported_columns
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.exports.named_export import NamedExport
from dagster_pipeline.exports.position import Position, settled_version
from dagster_pipeline.exports.selecting import Selection, Versions, described
from dagster_pipeline.state.state_manager import StateManager


@dataclass(frozen=True, slots=True)
class Chosen:
    """What one load is to do.

    Attributes:
        export: without a name yet.
        select: gives the rows.
        above: the version of the table's rows above which they are read; 0 for all.
        position: where the export stands afterwards; `None` for one that has no position.
        is_empty: nothing is new.
        notes: what a reader of the run should know.
    """

    export: Export
    select: str
    above: int = 0
    position: Position | None = None
    is_empty: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Choosing:
    """The choice of one run."""

    export: NamedExport
    warehouse: ClickHouseSink
    sink: BaseExportSink
    state: StateManager
    full_refresh: bool
    selection: Selection = field(init=False)

    def __post_init__(self) -> None:
        """Ask the warehouse for the columns. Raises `ConfigurationError` for ones that cannot be exported."""
        object.__setattr__(self, "selection", selection_of(self.export, self.warehouse))

    @property
    def place(self) -> str:
        """Digest of the destination."""
        sink = self.export.file.sink
        return _digest(sink.kind, sink.connection, sink.full_name)

    @property
    def definition(self) -> str:
        """Digest of what is exported."""
        file, chosen = self.export.file, self.selection
        columns = [f"{column.name} {column.type}" for column in chosen.columns]
        return _digest(*columns, *chosen.sources, *file.key, str(file.source.where), str(self.sink.slicing))

    def choose(self) -> Chosen:
        """Everything of a query and of a replacement; of a table otherwise what is new."""
        mode, table = self.export.file.export_mode, self.export.table
        if table is not None and mode is ExportMode.MERGE:
            return self._merged(table)
        if table is not None and mode is ExportMode.APPEND:
            return self._appended(table)
        if self.full_refresh:
            mode = ExportMode.REPLACE
        return Chosen(self._described(mode), self.selection.everything(order=self.sink.slicing))

    def _merged(self, table: SinkTable) -> Chosen:
        before, position = self._positions(table)
        goes_on = before is not None and position == Position(
            position.version, before.table_id, before.place, before.definition
        )
        if before is None or not goes_on or self.full_refresh:
            # Rows of one key replace each other there, too; only where no row can be changed must all of them go.
            replaces = self.full_refresh or self.sink.slicing is not None
            export = self._described(ExportMode.REPLACE if replaces else ExportMode.MERGE)
            notes = self._why_everything(before, position, replaces=replaces)
            return Chosen(
                export, self.selection.everything(order=self.sink.slicing), position=position, notes=notes
            )
        versions = Versions(before.version)
        is_empty = position.version == before.version
        if self.sink.slicing is None:
            export = self._described(ExportMode.MERGE, carries_deletions=self.selection.carries_deletions)
            select = self.selection.changed(versions)
            return Chosen(export, select, before.version, position, is_empty)
        found = self.warehouse.rows(self.selection.touched_slices(versions, self.sink.slicing))
        days = tuple(day for (day,) in found)
        export = self._described(ExportMode.MERGE, slices=days)
        select = self.selection.slices(days, self.sink.slicing)
        return Chosen(export, select, before.version, position, is_empty or not days)

    def _appended(self, table: SinkTable) -> Chosen:
        before, position = self._positions(table)
        if self.full_refresh or before is None or before.place != position.place:
            before = None
        elif before.table_id != position.table_id:
            raise ConfigurationError(
                f"{self.export.state_name}: {table.full_name} was replaced as a whole, so nobody can say which of its "
                "rows were appended before.",
                todo="Run once with full_refresh, which exchanges what is there.",
            )
        above = before.version if before else 0
        versions = Versions(above, position.version)
        export = self._described(ExportMode.REPLACE if self.full_refresh else ExportMode.APPEND)
        select = self.selection.added(versions, order=self.sink.slicing)
        return Chosen(export, select, above, position, before is not None and position.version == above)

    def _positions(self, table: SinkTable) -> tuple[Position | None, Position]:
        """Where the export stands, and where it will stand: never further back on the same table."""
        before = Position.parse(self.state.read(self.export.state_name).cursor)
        table_id = self.warehouse.table_id(table.database, table.name)
        name = str(self.export.file.source.table)
        version = settled_version(self.state, name, highest=self.warehouse.highest_version(table))
        self.warehouse.catch_up(table)  # after the version: whichever replica answers has every row up to it
        if before is not None and before.table_id == table_id:
            version = max(version, before.version)
        return before, Position(max(version, 0), table_id, self.place, self.definition)

    def _described(
        self, mode: ExportMode, *, carries_deletions: bool = False, slices: tuple[object, ...] = ()
    ) -> Export:
        return Export(
            load_id="",
            columns=self.selection.columns,
            mode=mode,
            key=self.export.file.key,
            carries_deletions=carries_deletions,
            description=self.export.file.description,
            slices=slices,  # type: ignore[arg-type]  # dates, as the warehouse's driver gives them
        )

    def _why_everything(
        self, before: Position | None, position: Position, *, replaces: bool
    ) -> tuple[str, ...]:
        if before is None or before.place != position.place:
            return ()
        why = (
            "The table was replaced as a whole"
            if before.table_id != position.table_id
            else "The file changed"
            if before.definition != position.definition
            else "A full refresh was asked for"
        )
        rest = (
            ""
            if replaces
            else " Rows that left the table without a mark are still there: full_refresh removes them."
        )
        return (f"{why}, so every row is exported.{rest}",)


def selection_of(export: NamedExport, warehouse: ClickHouseSink) -> Selection:
    """The columns with their types, as the warehouse describes them."""
    table = export.table
    if table is not None and not warehouse.table_id(table.database, table.name):
        raise ConfigurationError(
            f"{export.state_name}: {table.full_name} is not in the warehouse yet.",
            todo=f"Load it first: materialize {export.file.source.table}.",
        )
    found = warehouse.describe(described(export), doing=f"Understanding the columns of {export.state_name}")
    wanted = [column for column in found if export.file.columns or column.name not in SYSTEM_COLUMNS]
    about = {column.name: column.comment for column in table.columns} if table else {}
    given = {column.name: column.source for column in export.file.columns}
    columns = exported_columns(
        [
            (column.name, column.type, about.get(given.get(column.name) or column.name, ""))
            for column in wanted
        ]
    )
    missing = [name for name in export.file.key if name not in {column.name for column in columns}]
    if missing:
        raise ConfigurationError(
            f"{export.state_name}: the query gives no column {', '.join(missing)}, which is in the key.",
            todo="Correct `key`, or the query.",
        )
    sources = tuple(given.get(column.name) or quote_identifier(column.name) for column in columns)
    return Selection(export, columns, sources)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
