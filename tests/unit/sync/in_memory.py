"""A source and a sink in memory, for tests of the engine. Rows are texts; keys and cursors compare as text."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from dagster_pipeline.connectors.batch import (
    Batch,
    KeyRange,
    SourceBounds,
    SourceColumn,
    SourceTable,
    Window,
    WireFormat,
    WriteReceipt,
)
from dagster_pipeline.connectors.sink.base_sink_connector import (
    BaseSinkConnector,
    SinkTable,
    SliceRequest,
    WriteRequest,
)
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector, ReadRequest
from dagster_pipeline.errors import FatalError
from dagster_pipeline.schema.models import TableSchema

Row = dict[str, str | None]


class MemorySource(BaseSourceConnector):
    """Holds rows; `settled` is what a test says is settled; `reads` is what was asked for."""

    dialect = "postgres"
    wire_format = WireFormat.TAB_SEPARATED

    def __init__(self, schema: TableSchema, rows: list[Row]) -> None:
        super().__init__(schema)
        self.rows = rows
        self.settled: str | None = None
        self.columns = [SourceColumn(c.name, c.type, c.nullable) for c in schema.columns]
        self.reads: list[ReadRequest] = []
        self.fail_reads: list[BaseException] = []
        self.closed = False

    def describe(self) -> SourceTable:
        return SourceTable("db.public.t", tuple(self.columns), self.schema.primary_key, len(self.rows), 10)

    def bounds(self, cursor: str, *, floor: str | None, count_nulls: bool) -> SourceBounds:
        values = sorted(value for row in self.rows if (value := row[cursor]) is not None)
        newest = values[-1] if values else None
        settled = self.settled if self.settled is not None else newest
        if floor is not None and (settled is None or settled < floor):
            settled = floor
        return SourceBounds(newest, settled, sum(row[cursor] is None for row in self.rows))

    def split(
        self,
        columns: tuple[str, ...],
        *,
        window: Window,
        target_rows: int,
        streams: int = 1,
        rows_at_most: int | None = None,
    ) -> tuple[KeyRange, ...]:
        del streams, rows_at_most
        rows = [row for row in self.rows if inside(row, window)]
        if not columns or len(rows) <= target_rows:
            return (KeyRange(),)
        keys = sorted({tuple(str(row[column]) for column in columns) for row in rows})
        cuts: list[tuple[str, ...] | None] = [None, *keys[target_rows - 1 : -1 : target_rows], None]
        return tuple(KeyRange(columns, lower, upper) for lower, upper in itertools.pairwise(cuts))

    def count(self, window: Window) -> int:
        return sum(inside(row, window) for row in self.rows)

    def holds_values(self, columns: tuple[str, ...], window: Window) -> bool:
        return any(row[column] is not None for row in self.rows if inside(row, window) for column in columns)

    @contextmanager
    def stream(self, request: ReadRequest) -> Generator[Generator[Batch, None, None], None, None]:
        self.reads.append(request)
        yield self._batches(request)

    def _batches(self, request: ReadRequest) -> Generator[Batch, None, None]:
        for row in list(self.rows):
            if inside(row, request.window) and in_range(row, request.key_range):
                values = [row[mapping.source_name] for mapping in request.mappings]
                yield Batch(
                    "\t".join(r"\N" if value is None else value for value in values).encode() + b"\n", 1
                )
        if self.fail_reads:
            raise self.fail_reads.pop(0)

    def close(self) -> None:
        self.closed = True


def inside(row: Row, window: Window) -> bool:
    """Whether a row belongs to a window."""
    if window.cursor is None:
        return True
    value = row[window.cursor]
    if value is None:
        return window.include_nulls
    if window.values and (value in window.values) == window.all_but_values:
        return False
    below = window.upper is None or value < window.upper or (window.upper_inclusive and value == window.upper)
    above = window.lower is None or value > window.lower or (window.lower_inclusive and value == window.lower)
    return above and below


def in_range(row: Row, key_range: KeyRange) -> bool:
    """Whether a row belongs to a chunk."""
    if not key_range.columns:
        return True
    key = tuple(str(row[column]) for column in key_range.columns)
    return (key_range.lower is None or key > key_range.lower) and (
        key_range.upper is None or key <= key_range.upper
    )


@dataclass
class MemoryTable:
    """Parts of one table; `identity` stays with them when names are exchanged."""

    identity: str
    columns: tuple[str, ...] = ()
    rows: list[tuple[tuple[str, ...], int]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)


class MemorySink(BaseSinkConnector):
    """Keeps tables in a dictionary, replaces by key when read, and takes an atomic token once."""

    wire_formats = (WireFormat.TAB_SEPARATED,)

    def __init__(self) -> None:
        self.tables: dict[str, MemoryTable] = {}
        self.writes: list[WriteRequest] = []
        self.fail_after_write: list[BaseException] = []
        self.fail_after_swap: list[BaseException] = []
        self.fail_alters: list[BaseException] = []
        self._ids = itertools.count(1)

    def ensure_table(self, table: SinkTable) -> tuple[str, ...]:
        missing = self.missing_columns(table)
        if self.fail_alters and missing:
            raise self.fail_alters.pop(0)
        columns = tuple(column.name for column in table.columns)
        if table.name in self.tables:
            self.tables[table.name].columns = columns
            return tuple(f"ALTER TABLE {table.name} ADD COLUMN {name}" for name in missing)
        self.tables[table.name] = MemoryTable(f"id{next(self._ids)}", columns)
        return (f"CREATE TABLE {table.name}",)

    def missing_columns(self, table: SinkTable) -> tuple[str, ...]:
        if table.name not in self.tables:
            return ()
        known = self.tables[table.name].columns
        return tuple(column.name for column in table.columns if column.name not in known)

    def planned_statements(self, table: SinkTable) -> tuple[str, ...]:
        return () if table.name in self.tables else (f"CREATE TABLE {table.name}",)

    def create_staging(self, table: SinkTable, staging_name: str) -> SinkTable:
        staging = replace(table, name=staging_name)
        self.ensure_table(staging)
        return staging

    def create_like(self, table: SinkTable, name: str) -> SinkTable:
        return self.create_staging(table, name)

    def stagings(self, table: SinkTable) -> tuple[str, ...]:
        return tuple(name for name in self.tables if name.startswith(f"{table.name}__staging_"))

    def table_id(self, database: str, name: str) -> str:
        return self.tables[name].identity if name in self.tables else ""

    def swap(self, table: SinkTable, staging: SinkTable) -> None:
        old = self.tables.pop(table.name, None)
        self.tables[table.name] = self.tables.pop(staging.name)
        if old is not None and self.fail_after_swap:
            self.tables[staging.name] = old
        if self.fail_after_swap:
            raise self.fail_after_swap.pop(0)

    def replace_slice(self, request: SliceRequest, *, lock: Callable[[], None]) -> None:
        lock()
        new = list(self.tables[request.staging.name].rows)
        places = {column.name: i for i, column in enumerate(request.table.columns)}
        kept = [
            (row, version)
            for row, version in self.tables[request.table.name].rows
            if not inside({name: row[i] for name, i in places.items()}, request.window)
        ]
        self.tables[request.table.name].rows = kept + new
        if self.fail_after_swap:
            raise self.fail_after_swap.pop(0)

    def count_slice(self, table: SinkTable, window: Window) -> int:
        names = [column.name for column in table.columns]
        return sum(inside(dict(zip(names, row, strict=True)), window) for row in self.visible(table))

    def drop(self, database: str, name: str) -> None:
        self.tables.pop(name, None)

    def truncate(self, table: SinkTable) -> None:
        self.tables[table.name] = MemoryTable(
            self.tables[table.name].identity, self.tables[table.name].columns
        )

    def highest_version(self, table: SinkTable) -> int:
        return max((version for _row, version in self._rows(table)), default=0)

    def count_rows(self, table: SinkTable) -> int:
        return len(self.visible(table))

    def visible(self, table: SinkTable) -> list[tuple[str, ...]]:
        """What a reader sees: the newest version per key, or every row where nothing collapses."""
        if not table.collapses_rereads:
            return [row for row, _version in self._rows(table)]
        places = [i for i, column in enumerate(table.columns) if column.name in table.primary_key]
        newest: dict[tuple[str, ...], tuple[tuple[str, ...], int]] = {}
        for row, version in self._rows(table):
            key = tuple(row[place] for place in places)
            if key not in newest or version >= newest[key][1]:
                newest[key] = (row, version)
        return [row for row, _version in newest.values()]

    def _rows(self, table: SinkTable) -> list[tuple[tuple[str, ...], int]]:
        return self.tables[table.name].rows if table.name in self.tables else []

    def write(self, request: WriteRequest, batches: Iterable[Batch]) -> WriteReceipt:
        self.writes.append(request)
        if request.table.name not in self.tables:
            raise FatalError(f"There is no table {request.table.name}.")
        stored = self.tables[request.table.name]
        rows: list[tuple[tuple[str, ...], int]] = []
        for batch in batches:
            line = (tuple(batch.payload.decode().rstrip("\n").split("\t")), request.version)
            rows.append(line)
            if not request.atomic:
                stored.rows.append(line)
        if request.atomic and request.token not in stored.tokens:
            stored.rows += rows
            stored.tokens.add(request.token)
        if self.fail_after_write:
            raise self.fail_after_write.pop(0)
        return WriteReceipt(len(rows), 10 * len(rows), 0.01, f"q{len(self.writes)}")

    def close(self) -> None:
        pass
