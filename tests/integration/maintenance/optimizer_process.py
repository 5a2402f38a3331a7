"""A process of its own that optimizes: `python -m ... <warehouse> <state> <database> <tables...>`."""

from __future__ import annotations

import sys
from contextlib import closing

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.maintenance.optimization import OptimizeConfig, Optimizer
from dagster_pipeline.state.state_manager import StateManager
from tests.integration.maintenance.conftest import warehouse_url
from tests.integration.maintenance.maintained_tables import a_table


def main() -> None:
    warehouse, state_url, database, *tables = sys.argv[1:]
    with (
        ClickHouseSink(warehouse_url(warehouse)) as sink,
        closing(StateManager(DatabaseUrl.parse(state_url, variable="STATE_URL", schemes=()))) as state,
    ):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        optimizer = Optimizer(sink, state=state, owner="a test", config=OptimizeConfig(min_parts=2))
        optimizer.run([a_table(database, name) for name in tables])


if __name__ == "__main__":
    main()
