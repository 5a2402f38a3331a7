"""Makes the warehouse and the state forget the demo's tables, so that a second demo starts from nothing, too.

A program of its own, because one process may open the embedded warehouse at a time and keeps it open to its end.
"""

from __future__ import annotations

from pathlib import Path

from dagster_pipeline.settings import Settings
from dagster_pipeline.state.state_manager import StateManager
from scripts.demo.compare import TABLES
from scripts.demo.warehouse import open_warehouse


def main() -> None:
    """Drop the demo's databases from the warehouse and reset its tables' cursors."""
    settings = Settings.from_environment()
    with open_warehouse(Path(settings.clickhouse_url().database)) as warehouse:
        for database in {table.database for table in TABLES}:
            warehouse.command(f"DROP DATABASE IF EXISTS {database} SYNC")
    state = StateManager(settings.state_url())
    known = {entry.table for entry in state.tables()}
    for table in TABLES:
        if table.asset in known:
            state.set_cursor(table.asset, None)
    state.close()


if __name__ == "__main__":
    main()
