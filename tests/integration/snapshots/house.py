"""A tree of files, an embedded warehouse with their tables, and a clock: what tests of snapshots work in."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.schema_tree import load_tree
from dagster_pipeline.settings import Settings
from dagster_pipeline.snapshots.snapshot_run import SnapshotResult, SnapshotRun, read_tables
from dagster_pipeline.state.state_manager import StateManager

ACCOUNTS = """version: 1
sync: {mode: incremental, cursor: updated_at, deletes: mirror}
columns:
  - {name: id, type: bigint, primary_key: true, description: Account number.}
  - {name: status, type: varchar(20)}
  - {name: balance, type: "decimal(20,4)", nullable: true}
  - {name: updated_at, type: datetime}
"""
EVENTS = """version: 1
sync: {mode: append, cursor: at}
columns:
  - {name: at, type: datetime}
  - {name: what, type: varchar(20)}
"""
STATES = """version: 1
sync: {mode: append, cursor: changed_at}
destination: {order_by: [account_id, changed_at]}
columns:
  - {name: account_id, type: bigint}
  - {name: status, type: varchar(20)}
  - {name: changed_at, type: datetime}
"""
DAILY = 'version: 1\nsource: {table: shop/accounts}\nevery: day\nstart: "2026-01-01"\n'
TABLES = {"accounts": ACCOUNTS, "events": EVENTS, "states": STATES}


@dataclass
class House:
    """Where a test works. `now` is what the runs take for the present."""

    root: Path
    warehouse: Path
    now: datetime = datetime(2026, 2, 1, 1, tzinfo=UTC)
    snapshots: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a run."""
        return {
            "SCHEMAS_DIR": str(self.root / "schemas"),
            "DAGSTER_HOME": str(self.root),
            "CLICKHOUSE_URL": f"chdb://{self.warehouse}",
        }

    @property
    def settings(self) -> Settings:
        """The same, read."""
        return Settings.from_environment(self.environment)

    def write(self, **snapshots: str) -> None:
        """Write the tables' files and these snapshot files."""
        for folder, files in (("mysql/shop", TABLES), ("snapshots", snapshots)):
            (self.root / "schemas" / folder).mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (self.root / "schemas" / folder / f"{name}.yml").write_text(text)

    @contextmanager
    def open(self) -> Generator[tuple[ClickHouseSink, StateManager], None, None]:
        """The warehouse and the state store."""
        settings = self.settings
        with ClickHouseSink(settings.clickhouse_url()) as sink:
            state = StateManager(settings.state_url())
            try:
                yield sink, state
            finally:
                state.close()

    def make_tables(self) -> None:
        """Every table that the snapshots read, empty."""
        with self.open() as (sink, _):
            for snapshot in load_tree(self.settings).snapshots:
                for table in read_tables(snapshot).values():
                    sink.ensure_table(table)

    def insert(self, table: str, columns: str, values: str) -> None:
        """Rows of a table of `shop`; `values` is what follows the column list."""
        with self.open() as (sink, _):
            sink.run(f"INSERT INTO shop.{table} ({columns}) {values}", doing="A test's insert")

    def take(self, name: str, *keys: str, allow_shrink: bool = False) -> list[SnapshotResult]:
        """Take these snapshots of one file."""
        snapshot = next(each for each in load_tree(self.settings).snapshots if each.stem == name)
        with self.open() as (sink, state):
            run = SnapshotRun(
                snapshot,
                sink=sink,
                state=state,
                run_id="test",
                allow_shrink=allow_shrink,
                now=lambda: self.now,
            )
            return [run.take(key) for key in keys]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the warehouse answers."""
        with self.open() as (sink, _):
            return sink.rows(sql)

    def dates(self, table: str) -> dict[str, int]:
        """Rows by date of a snapshot table."""
        return dict(
            self.rows(
                f"SELECT toString(_snapshot_date), count() FROM snapshots.{table} GROUP BY 1 ORDER BY 1"
            )
        )
