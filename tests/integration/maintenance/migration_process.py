"""A process of its own that migrates, and is killed by itself after so many statements:

`python -m ... <warehouse> <state> <migrate|rollback> <table as JSON> <statements before the kill, or -1>`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import closing

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.insert import Setting
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.maintenance.table_migration import TableMigration
from dagster_pipeline.state.state_manager import StateManager
from tests.integration.maintenance.conftest import warehouse_url

COLUMNS = (
    SinkColumn("id", "UInt64"),
    SinkColumn("region", "String"),
    SinkColumn("at", "DateTime('UTC')"),
    SinkColumn("text", "Nullable(String)"),
)


class MortalSink(ClickHouseSink):
    """Dies with its process after some statements, as `kill -9` would have it."""

    statements_left = -1

    def run(self, statement: str, *, doing: str, settings: Mapping[str, Setting] | None = None) -> None:
        self._die_when_due()
        super().run(statement, doing=doing, settings=settings)
        self.statements_left -= 1
        self._die_when_due()

    def _die_when_due(self) -> None:
        if self.statements_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def table_of(document: Mapping[str, object]) -> SinkTable:
    """`accounts`, with what the document says."""
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in document.items()}
    return SinkTable(  # type: ignore[arg-type]  # a test's own document
        **{
            "name": "accounts",
            "columns": COLUMNS,
            "engine": "ReplacingMergeTree",
            "order_by": ("id",),
            "partition_by": "region",
            "ttl": "",
            "settings": {},
            "comment": "",
            "tracks_deletes": False,
            "primary_key": ("id",),
            **values,
        }
    )


def migration(sink: ClickHouseSink, state: StateManager, document: Mapping[str, object]) -> TableMigration:
    return TableMigration(table_of(document), sink=sink, state=state, owner="a test")


def main() -> None:
    warehouse, state_url, what, document, statements = sys.argv[1:]
    with (
        MortalSink(warehouse_url(warehouse)) as sink,
        closing(StateManager(DatabaseUrl.parse(state_url, variable="STATE_URL", schemes=()))) as state,
    ):
        sink.statements_left = int(statements)
        one = migration(sink, state, json.loads(document))
        result = one.run() if what == "migrate" else one.rollback()
        sys.stdout.write(result.says + "\n")


if __name__ == "__main__":
    main()
