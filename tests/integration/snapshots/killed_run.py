"""Takes one snapshot and kills its own process at a given point: `python killed_run.py <house> <warehouse> <point>`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.schema_tree import load_tree
from dagster_pipeline.settings import Settings
from dagster_pipeline.snapshots.snapshot_run import SnapshotRun
from dagster_pipeline.state.state_manager import StateManager

KEY = "2026-01-31"
SECONDS_INTO_THE_INSERT = 0.3


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingSink(ClickHouseSink):
    """The real sink, whose process dies at one point."""

    point = ""

    def run(self, statement: str, *, doing: str, settings: Mapping[str, Any] | None = None) -> None:
        replaces = " REPLACE PARTITION " in statement
        if self.point == "within the insert" and statement.startswith("INSERT"):
            threading.Timer(SECONDS_INTO_THE_INSERT, die).start()
        if self.point == "before the replacement" and replaces:
            die()
        super().run(statement, doing=doing, settings=settings)
        if self.point == "after the replacement" and replaces:
            die()


if __name__ == "__main__":
    root, warehouse, DyingSink.point = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    settings = Settings.from_environment(
        {
            "SCHEMAS_DIR": str(root / "schemas"),
            "DAGSTER_HOME": str(root),
            "CLICKHOUSE_URL": f"chdb://{warehouse}",
        }
    )
    (snapshot,) = load_tree(settings).snapshots
    with DyingSink(settings.clickhouse_url()) as sink:
        SnapshotRun(
            snapshot,
            sink=sink,
            state=StateManager(settings.state_url()),
            run_id="killed",
            now=lambda: datetime(2026, 2, 1, 1, tzinfo=UTC),
        ).take(KEY)
