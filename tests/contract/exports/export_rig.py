"""A warehouse with a table, a state store and one export file, with the few words that the suite needs."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from dagster_pipeline.connectors.sink.base_export_sink import BaseExportSink
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.export_sinks import open_export_sink
from dagster_pipeline.exports.exporting import Exporting
from dagster_pipeline.exports.named_export import NamedExport
from dagster_pipeline.exports.result import ExportResult
from dagster_pipeline.schema_tree import load_tree
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.state_manager import StateManager
from tests.contract.exports.export_case import ExportCase

ORDERS = """version: 1
sync: {sync}
columns:
  - {{name: id, type: bigint, primary_key: true}}
  - {{name: note, type: text, nullable: true}}
  - {{name: amount, type: "decimal(20,4)"}}
  - {{name: created_at, type: "datetime(6)", immutable: true}}
  - {{name: updated_at, type: "datetime(6)"}}
"""
SYNC = {
    "merge": "{mode: incremental, cursor: updated_at, deletes: mirror}",
    "soft": "{mode: incremental, cursor: updated_at, deletes: soft}",
    "append": "{mode: append, cursor: id}",
    "replace": "{mode: full}",
}
COLUMNS = ("id", "note", "amount", "created_at")


def parse(url: str, variable: str) -> DatabaseUrl:
    return DatabaseUrl.parse(url, variable=variable, schemes=())


class ExportRig:
    """Everything that one export touches. The warehouse may be open in one process at a time."""

    def __init__(
        self, folder: Path, case: ExportCase, *, warehouse_url: str = "", database: str = "shop"
    ) -> None:
        self.folder = folder
        self.case = case
        self.database = database
        self.schemas = folder / "schemas"
        self.warehouse_url = warehouse_url or f"chdb://{folder}/warehouse"
        self.state = StateManager(parse(f"sqlite:///{folder}/state.sqlite", "STATE_URL"))
        self._sink: ClickHouseSink | None = None
        self._lent: ClickHouseSink | None = None

    @property
    def warehouse(self) -> ClickHouseSink:
        """Opened when it is first asked for."""
        if self._lent is not None:
            return self._lent
        if self._sink is None:
            self._sink = ClickHouseSink(parse(self.warehouse_url, "CLICKHOUSE_URL"), run_id="test")
        return self._sink

    def lend(self, warehouse: ClickHouseSink) -> None:
        """Use one that somebody else opened, and closes."""
        self._lent = warehouse

    def leave_warehouse(self) -> None:
        """Let another process have it."""
        if self._sink is not None:
            self._sink.close()
        self._sink = None

    def close(self) -> None:
        self.leave_warehouse()
        self.state.close()

    def describe(self, mode: str, **file: Any) -> NamedExport:
        """Write the table's file and the export's, and load them."""
        named = {"mode": mode} if mode != "soft" else {"mode": "merge"}
        given = {
            "version": 1,
            "description": "Orders for whoever asks.",
            "source": {"table": f"{self.database}/orders"},
            "sink": self.case.sink("merge" if mode == "soft" else mode),
            "columns": [{"name": name} for name in COLUMNS],
            **named,
            **({"key": ["id"]} if named["mode"] == "merge" else {}),
            **file,
        }
        table = self.schemas / "mysql" / self.database / "orders.yml"
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_text(ORDERS.format(sync=SYNC[mode]))
        path = self.schemas / "exports" / "orders.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            json.dumps(
                {name: value for name, value in given.items() if value is not None}, ensure_ascii=False
            )
        )
        return self.load()

    def load(self) -> NamedExport:
        """The file as it stands there."""
        (export,) = load_tree(Settings.from_environment({"SCHEMAS_DIR": str(self.schemas)})).exports
        return export

    def orders(self, export: NamedExport) -> None:
        """The table, empty."""
        assert export.table is not None
        self.warehouse.ensure_table(export.table)

    def put(
        self, *rows: tuple[int, str | None, str, str], deleted: bool = False, settled: bool = True
    ) -> int:
        """One load: rows of id, note, amount and created_at, all under one version of their own."""
        listed = ", ".join(
            f"({number}, {_literal(note)}, {amount}, '{created}', '{created}', {{version}})"
            for number, note, amount, created in rows
        )
        return self.insert(f"VALUES {listed}", deleted=deleted, settled=settled)

    def put_many(self, first: int, count: int, *, note: str = "n") -> int:
        """Rows with amounts of a thousandth of their id, one a second."""
        select = (
            f"SELECT number, '{note}' || toString(number), toDecimal64(number, 4) / 1000, "
            "toDateTime64('2026-01-01 00:00:00', 6, 'UTC') + number, toDateTime64('2026-01-01 00:00:00', 6, 'UTC'), {version} "
            f"FROM numbers({first}, {count})"
        )
        return self.insert(select)

    def insert(self, what: str, *, deleted: bool = False, settled: bool = True) -> int:
        """Insert a SELECT or VALUES, `{version}` being the load's own."""
        name = f"{self.database}/orders"
        version = self.state.next_version(name, above=self.state.read(name).version) if settled else 2**62
        columns = "id, note, amount, created_at, updated_at, _version"
        values = what.format(version=version)
        if deleted:
            columns += ", _deleted"
            values = values.replace(f", {version})", f", {version}, 1)")
        self.warehouse.run(
            f"INSERT INTO {self.database}.orders ({columns}) {values}", doing="Filling the table"
        )
        return version

    def sink(self, export: NamedExport, environment: dict[str, str] | None = None) -> BaseExportSink:
        settings = Settings.from_environment(self.case.environment() if environment is None else environment)
        return open_export_sink(settings, export)

    def run(
        self,
        export: NamedExport | None = None,
        *,
        full_refresh: bool = False,
        dry_run: bool = False,
        environment: dict[str, str] | None = None,
    ) -> ExportResult:
        """One run of the file, with everything opened and closed."""
        export = export or self.load()
        with closing(self.sink(export, environment)) as sink:
            exporting = Exporting(
                export=export,
                warehouse=self.warehouse,
                sink=sink,
                state=self.state,
                run_id="test",
                full_refresh=full_refresh,
            )
            return exporting.dry_run() if dry_run else exporting.run()

    def seen(self) -> list[tuple[Any, ...]]:
        """What a reader of the destination sees."""
        return sorted(self.case.rows(COLUMNS), key=lambda row: row[0])

    def expected(self) -> list[tuple[Any, ...]]:
        """What a reader of the warehouse sees."""
        return self.warehouse.rows(
            f"SELECT {', '.join(COLUMNS)} FROM {self.database}.orders FINAL ORDER BY id"
        )


def _literal(note: str | None) -> str:
    return "NULL" if note is None else f"'{note}'"
