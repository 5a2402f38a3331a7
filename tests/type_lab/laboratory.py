"""Runs the catalogue through the real pipeline: a table file, the loader, the engine, a source, a sink and a state store.

Equality is judged by the servers: the source prints what it holds, the warehouse prints what arrived, and the texts are
compared. Nothing of the project's own conversion code takes part in that.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import OutOfRangeError
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.engine import TableSync
from dagster_pipeline.sync.result import SyncResult
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from tests.type_lab.case import TypeCase
from tests.type_lab.databases import Database

COLUMNS_PER_TABLE = 40
WAREHOUSE_DATABASE = "lab"
Literals = Sequence[str]
NamedCases = Sequence[tuple[str, TypeCase]]


@dataclass(frozen=True)
class Outcome:
    """What became of one type's values in one run.

    Attributes:
        stored: the destination column's type.
        tried: values written at the source.
        exact: values that arrived as they were.
        coerced: values that the policy changed to what the policy promises, each counted by the run.
        refused: values that stopped the run, as `out_of_range: fail` promises.
        wrong: everything else, in words.
    """

    case: TypeCase
    stored: str
    tried: int = 0
    exact: int = 0
    coerced: int = 0
    refused: int = 0
    wrong: tuple[str, ...] = ()


class Laboratory:
    """One source database, one warehouse and a folder for files and state."""

    def __init__(self, database: Database, warehouse: str, folder: Path) -> None:
        self.database = database
        self.sink = ClickHouseSink(DatabaseUrl.parse(warehouse, variable="CLICKHOUSE_URL", schemes=()))
        self._folder = folder
        self._tables = 0
        self.loaded: dict[str, TableSchema] = {}
        """The file of every table that was loaded, as it was the last time, by the table's name."""
        self.state = StateManager(
            DatabaseUrl.parse(f"sqlite:///{folder / 'state.sqlite'}", variable="STATE_URL", schemes=())
        )

    def close(self) -> None:
        """End the warehouse and the state store; the database belongs to the caller."""
        self.sink.close()
        self.state.close()

    # What is tried.

    def exact(self, cases: Sequence[TypeCase], *, mode: str) -> Iterator[Outcome]:
        """Every value that must arrive as it was: loaded once, then moved to other rows by an update and loaded again."""
        for some in _grouped(cases):
            table = self._table(some)
            rows = max(len(case.exact) + case.takes_null for case in some)
            values = [[_nth(case, row) for case in some] for row in range(rows)]
            self._fill(table, some, values)
            first = self.load(table, self._columns(some), mode=mode)
            wrong = self.compare(table, table, _numbered(some))
            self._refill(table, some, values[1:] + values[:1])
            second = self.load(table, self._columns(some), mode=mode)
            again = self.compare(table, table, _numbered(some))
            assert first.moved.rows == second.moved.rows == rows
            stored = _stored(first)
            for number, case in enumerate(some):
                miscounted = _miscounted(first, number, 0) + _miscounted(second, number, 0)
                failed = (*wrong[number], *again[number], *miscounted)
                tried = 2 * len(case.exact)
                yield Outcome(case, stored[f"c{number}"], tried, tried - len(failed), wrong=failed)

    def empty(self, cases: Sequence[TypeCase], *, mode: str) -> None:
        """A table of every type in the warehouse, without rows."""
        for some in _grouped(cases):
            self.load(self._table(some), self._columns(some), mode=mode)

    def clamped(self, cases: Sequence[TypeCase], *, mode: str) -> Iterator[Outcome]:
        """Values that do not fit become the nearest that does, by `out_of_range: clamp`, and each is counted."""
        for some in _grouped([case for case in cases if case.coerced]):
            table, twin = self._table(some), self._table(some)
            rows = max(len(case.coerced) for case in some)
            self._fill(table, some, [[_pair(case, row)[0] for case in some] for row in range(rows)])
            self._fill(twin, some, [[_pair(case, row)[1] for case in some] for row in range(rows)])
            result = self.load(table, self._columns(some), mode=mode, out_of_range="clamp")
            wrong = self.compare(twin, table, _numbered(some))
            for number, case in enumerate(some):
                failed = (*wrong[number], *_miscounted(result, number, len(case.coerced)))
                coerced = len(case.coerced) - len(failed)
                yield Outcome(
                    case, _stored(result)[f"c{number}"], len(case.coerced), coerced=coerced, wrong=failed
                )

    def nulled(self, cases: Sequence[TypeCase], *, mode: str) -> Iterator[Outcome]:
        """Values that do not fit become NULL by `out_of_range: null`, and each is counted. Arrays have no NULL."""
        for some in _grouped([case for case in cases if case.coerced and not case.is_array]):
            table = self._table(some)
            rows = max(len(case.coerced) for case in some)
            self._fill(table, some, [[_pair(case, row)[0] for case in some] for row in range(rows)])
            result = self.load(table, self._columns(some), mode=mode, out_of_range="null")
            found = self._warehouse_texts(table, _numbered(some))
            for number, case in enumerate(some):
                kept = [
                    str(row[number + 1]) for row in found[: len(case.coerced)] if row[number + 1] is not None
                ]
                failed = (*kept, *_miscounted(result, number, len(case.coerced)))
                coerced = len(case.coerced) - len(failed)
                yield Outcome(
                    case, _stored(result)[f"c{number}"], len(case.coerced), coerced=coerced, wrong=failed
                )

    def refused(self, cases: Sequence[TypeCase], *, mode: str) -> Iterator[Outcome]:
        """One value that does not fit stops the run, names the column, and leaves nothing in the warehouse."""
        for case in cases:
            if not case.coerced:
                continue
            table = self._table([case])
            self._fill(table, [case], [[value] for value, _ in case.coerced])
            failed: tuple[str, ...] = ("the run did not stop",)
            try:
                self.load(table, self._columns([case]), mode=mode, out_of_range="fail")
            except OutOfRangeError as error:
                failed = () if error.rows_by_column.get("c0") == len(case.coerced) else (str(error),)
            if not failed and self._rows_in_warehouse(table):
                failed = ("rows arrived",)
            yield Outcome(
                case, case.stored, len(case.coerced), refused=0 if failed else len(case.coerced), wrong=failed
            )

    # The parts: a table at the source, a file, a load, and two texts to compare.

    def load(
        self,
        table: str,
        columns: list[dict[str, Any]],
        *,
        mode: str,
        out_of_range: str = "fail",
        arrives_in: str = "",
        chunk_rows: int | None = None,
    ) -> SyncResult:
        """Write the table's file, load it as anybody's, and bring the table forward once."""
        schema = self.schema(table, columns, mode=mode, out_of_range=out_of_range, arrives_in=arrives_in)
        if chunk_rows:  # smaller than a file may ask for, so that few rows are many chunks
            schema = schema.model_copy(
                update={"sync": schema.sync.model_copy(update={"chunk_rows": chunk_rows})}
            )
        self.loaded[schema.name] = schema
        with self.database.source(schema) as connector:
            return TableSync(schema, source=connector, sink=self.sink, state=self.state, run_id="lab").run()

    def schema(
        self,
        table: str,
        columns: list[dict[str, Any]],
        *,
        mode: str,
        out_of_range: str = "fail",
        arrives_in: str = "",
    ) -> TableSchema:
        """The table's file, as the loader reads it."""
        moment = {"mysql": "datetime(6)", "postgres": "timestamp with time zone"}[self.database.dialect]
        is_key = mode != "append" and not any(column.get("primary_key") for column in columns)
        own = [
            {"name": "id", "type": "bigint", "primary_key": is_key},
            {"name": "changed_at", "type": moment},
        ]
        sync = {"mode": mode, "out_of_range": out_of_range} | (
            {"cursor": "changed_at"} if mode != "full" else {}
        )
        file = {
            "version": 1,
            "source": {"table": table},
            "destination": {"database": WAREHOUSE_DATABASE, "table": arrives_in or table},
            "sync": sync,
            "columns": [*own, *columns],
        }
        root = self._folder / f"files_{self._tables}"
        folder = root / self.database.dialect / self.database.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "table.yml").write_text(_as_yaml(file))
        (schema,) = SchemaLoader(root, judges=(TypeMapper().problems,)).load()
        return schema

    def _table(self, cases: Sequence[TypeCase]) -> str:
        self._tables += 1
        table = f"t{self._tables}_{uuid.uuid4().hex[:6]}"  # laboratories may share a warehouse
        self.database.create(
            table,
            [
                f"c{number} {case.column_ddl}{'' if case.nullable else ' NOT NULL'}"
                for number, case in enumerate(cases)
            ],
        )
        return table

    @staticmethod
    def _columns(cases: Sequence[TypeCase]) -> list[dict[str, Any]]:
        columns = []
        for number, case in enumerate(cases):
            column = {"name": f"c{number}", "type": case.type, "nullable": case.nullable}
            columns.append(
                column | ({"clickhouse_type": case.clickhouse_type} if case.clickhouse_type else {})
            )
        return columns

    def _fill(self, table: str, cases: Sequence[TypeCase], rows: Sequence[Literals]) -> None:
        names = ", ".join(f"c{number}" for number, case in enumerate(cases) if not case.is_generated)
        for number, row in enumerate(rows):
            values = [value for case, value in zip(cases, row, strict=True) if not case.is_generated]
            listed = ", ".join((f"{number}", f"'2024-01-01 00:00:{number % 60:02}'", *values))
            self.database.run(f"INSERT INTO {table} (id, changed_at, {names}) VALUES ({listed})")

    def _refill(self, table: str, cases: Sequence[TypeCase], rows: Sequence[Literals]) -> None:
        for number, row in enumerate(rows):
            changes = [
                f"c{column} = {value}"
                for column, (case, value) in enumerate(zip(cases, row, strict=True))
                if not case.is_generated
            ]
            listed = ", ".join((f"changed_at = '2024-02-01 00:00:{number % 60:02}'", *changes))
            self.database.run(f"UPDATE {table} SET {listed} WHERE id = {number}")

    def compare(
        self, source: str, warehouse: str, columns: NamedCases, *, final: bool = True
    ) -> list[tuple[str, ...]]:
        """What differs, by column; rows are matched by `id`, which both tables have."""
        expected, found = (
            self._source_texts(source, columns),
            self._warehouse_texts(warehouse, columns, final=final),
        )
        assert [row[0] for row in expected] == [row[0] for row in found], f"{warehouse}: other rows"
        return [
            tuple(
                f"{case.name} row {want[0]}: {want[number]!r} arrived as {got[number]!r}"
                for want, got in zip(expected, found, strict=True)
                if _comparable(case, want[number]) != _comparable(case, got[number])
            )
            for number, (_, case) in enumerate(columns, start=1)
        ]

    def _source_texts(self, table: str, columns: NamedCases) -> list[tuple[Any, ...]]:
        database = self.database
        texts = [
            database.printed((case.source_text or database.text).replace("{column}", database.quote(name)))
            for name, case in columns
        ]
        return database.run(f"SELECT id, {', '.join(texts)} FROM {database.quote(table)} ORDER BY id")

    def _warehouse_texts(
        self, table: str, columns: NamedCases, *, final: bool = True
    ) -> list[tuple[Any, ...]]:
        texts = [case.warehouse_text.replace("{column}", quote_identifier(name)) for name, case in columns]
        place = f"{WAREHOUSE_DATABASE}.{quote_identifier(table)}{' FINAL' if final else ''}"
        return self.sink.rows(f"SELECT id, {', '.join(texts)} FROM {place} ORDER BY id")

    def _rows_in_warehouse(self, table: str) -> int:
        found = self.sink.rows(
            f"SELECT count() FROM system.tables WHERE database = '{WAREHOUSE_DATABASE}' AND name = '{table}'"
        )
        if not found[0][0]:
            return 0
        return int(self.sink.rows(f"SELECT count() FROM {WAREHOUSE_DATABASE}.{table}")[0][0])


def _as_yaml(file: dict[str, Any]) -> str:
    """JSON is YAML in which every text is quoted; YAML wants one character escaped that JSON leaves as it is."""
    return json.dumps(file, ensure_ascii=False).replace("\x7f", "\\u007f")


def _grouped(cases: Sequence[TypeCase]) -> Iterator[Sequence[TypeCase]]:
    for start in range(0, len(cases), COLUMNS_PER_TABLE):
        yield cases[start : start + COLUMNS_PER_TABLE]


def _numbered(cases: Sequence[TypeCase]) -> NamedCases:
    return [(f"c{number}", case) for number, case in enumerate(cases)]


def _nth(case: TypeCase, row: int) -> str:
    """The row's value: the case's own in turn, then one NULL, then the first again."""
    if row < len(case.exact):
        return case.exact[row]
    return "NULL" if case.takes_null and row == len(case.exact) else case.exact[0]


def _pair(case: TypeCase, row: int) -> tuple[str, str]:
    if row < len(case.coerced):
        return case.coerced[row]
    return (case.exact[0],) * 2


def _comparable(case: TypeCase, text: str | None) -> object:
    return None if text is None else case.compare(text)


def _stored(result: SyncResult) -> dict[str, str]:
    return {column.name: column.type for column in result.table.columns}


def _miscounted(result: SyncResult, number: int, wanted: int) -> tuple[str, ...]:
    counted = result.moved.coerced.get(f"c{number}", 0)
    return () if counted == wanted else (f"the run counted {counted} coerced value(s) where {wanted} were",)
