"""Brings one table forward in a process of its own, so that a test can kill it: `loading_process.py FACTS.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sources.mysql.connector import MySQLSource
from dagster_pipeline.connectors.sources.postgres.connector import PostgresSource
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.engine import TableSync

LOCK_SECONDS = 2


def main(facts: dict[str, str]) -> None:
    """Run once and print what was done as JSON."""
    (schema,) = SchemaLoader(Path(facts["schemas"])).load()
    url = DatabaseUrl.parse(facts["source"], variable="SOURCE_URL", schemes=())
    source = (MySQLSource if schema.source.dialect == "mysql" else PostgresSource)(schema, url=url)
    warehouse = DatabaseUrl.parse(facts["warehouse"], variable="CLICKHOUSE_URL", schemes=())
    state = StateManager(
        DatabaseUrl.parse(facts["state"], variable="STATE_URL", schemes=()), lock_seconds=LOCK_SECONDS
    )
    with source, ClickHouseSink(warehouse) as sink:
        result = TableSync(schema, source=source, sink=sink, state=state, run_id="test").run()
        sums = "count(), sum(id), sum(cityHash64(note)), uniqExact(id)"
        final = "FINAL" if result.table.collapses_rereads else ""
        (found,) = sink.rows(f"SELECT {sums} FROM shop.orders {final}")
    state.close()
    print(  # noqa: T201 -- the answer to the test
        json.dumps(
            {
                "resumed": result.resumed,
                "chunks": result.moved.chunks,
                "rows": result.moved.rows,
                "found": found,
            }
        )
    )


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
