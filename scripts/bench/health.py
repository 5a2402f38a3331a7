"""How long one look at 10,000 partitions takes: `python -m scripts.bench.health [--partitions N] [--tables N]`."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.maintenance.table_health import read_health

ROUNDS = 7


def main() -> None:
    """Make the tables, ask, print."""
    parser = argparse.ArgumentParser(description="Measure the health query.")
    parser.add_argument("--partitions", type=int, default=10_000, help="of all tables together")
    parser.add_argument("--tables", type=int, default=10)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        url = DatabaseUrl.parse(
            f"chdb://{Path(directory) / 'w'}", variable="CLICKHOUSE_URL", schemes=("chdb",)
        )
        with ClickHouseSink(url) as sink:
            _fill(sink, chosen.tables, chosen.partitions // chosen.tables)
            walls, processor = [], []
            for _ in range(ROUNDS):
                began, spent = time.perf_counter(), time.process_time()
                tables = read_health(sink, ["bench"])
                walls.append(time.perf_counter() - began)
                processor.append(time.process_time() - spent)
            partitions, parts = (
                sum(values) for values in zip(*((t.partitions, t.parts) for t in tables), strict=True)
            )
            print(
                f"{len(tables)} tables, {partitions:,} partitions, {parts:,} parts: "
                f"median {statistics.median(walls):.3f} s wall (of {ROUNDS}: {min(walls):.3f} to {max(walls):.3f}), "
                f"{statistics.median(processor):.3f} s CPU"
            )


def _fill(sink: ClickHouseSink, tables: int, partitions: int) -> None:
    sink.run("CREATE DATABASE bench", doing="Making the database")
    for table in range(tables):
        sink.run(
            f"CREATE TABLE bench.t{table} (id UInt64, p UInt32) ENGINE = ReplacingMergeTree PARTITION BY p ORDER BY id",
            doing="Making a table",
        )
        sink.run(
            f"INSERT INTO bench.t{table} SELECT number, number % {partitions} FROM numbers({partitions * 2})",
            doing="Filling a table",
            settings={"max_partitions_per_insert_block": 0},
        )


if __name__ == "__main__":
    main()
