"""What a snapshot costs beside the bare INSERT SELECT of the same rows: `python -m scripts.bench.snapshot`.

Both run in the same engine, in turns, each into a partition of a table of the same shape; medians of several rounds. CPU is
this process's, with the embedded engine in it. `--http` sends the statements through a small HTTP front over the embedded engine,
which stands for a server.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.slice_replacement import COPY_SETTINGS
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema_tree import load_tree
from dagster_pipeline.settings import Settings
from dagster_pipeline.snapshots.snapshot_run import SnapshotRun, destination_table, read_tables
from dagster_pipeline.state.state_manager import StateManager
from scripts.servers.clickhouse_http import running_front

TABLE = """version: 1
sync: {mode: incremental, cursor: updated_at}
columns:
  - {name: id, type: bigint unsigned, primary_key: true}
  - {name: customer_id, type: int unsigned}
  - {name: code, type: char(12)}
  - {name: status, type: "enum('active','suspended','closed')"}
  - {name: balance, type: "decimal(20,4)"}
  - {name: credit_limit, type: "decimal(12,2)", nullable: true}
  - {name: name, type: varchar(100), nullable: true}
  - {name: rate, type: double}
  - {name: created_at, type: datetime}
  - {name: updated_at, type: datetime(6)}
"""
SNAPSHOT = 'version: 1\nsource: {table: bench/accounts}\nevery: day\nstart: "2026-01-01"\n'
NOW = datetime(2026, 2, 1, 1, tzinfo=UTC)
KEY = "2026-01-31"
COLUMNS = "id, customer_id, code, status, balance, credit_limit, name, rate, created_at, updated_at"
VALUES = (
    "number, number % 100000, leftPad(toString(number), 12, '0'), ['active', 'suspended', 'closed'][number % 3 + 1], "
    "number / 7, if(number % 5 = 0, NULL, number % 9999), if(number % 3 = 0, NULL, hex(cityHash64(number))), number / 3, "
    "toDateTime64('2020-01-01 00:00:00', 0, 'UTC') + number, toDateTime64('2020-01-01 00:00:00', 6, 'UTC') + number"
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--http", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for name, text in (("mysql/bench/accounts.yml", TABLE), ("snapshots/daily.yml", SNAPSHOT)):
            path = root / "schemas" / name
            path.parent.mkdir(parents=True)
            path.write_text(text)
        settings = Settings.from_environment(
            {
                "SCHEMAS_DIR": str(root / "schemas"),
                "DAGSTER_HOME": directory,
                "CLICKHOUSE_URL": f"chdb://{root / 'wh'}",
            }
        )
        front = running_front(root / "wh", user="bench", password="") if arguments.http else nullcontext()
        with front as running:
            url = (
                DatabaseUrl.parse(running.url, variable="CLICKHOUSE_URL", schemes=("http",))
                if running
                else settings.clickhouse_url()
            )
            with ClickHouseSink(url) as sink:
                _measure(sink, url, settings, rows=arguments.rows, rounds=arguments.rounds)


def _measure(sink: ClickHouseSink, url: DatabaseUrl, settings: Settings, *, rows: int, rounds: int) -> None:
    (snapshot,) = load_tree(settings).snapshots
    (source,) = read_tables(snapshot).values()
    sink.ensure_table(source)
    sink.run(
        f"INSERT INTO bench.accounts ({COLUMNS}, _version) SELECT {VALUES}, 1 FROM numbers({rows})",
        doing="Filling",
    )
    run = SnapshotRun(
        snapshot, sink=sink, state=StateManager(settings.state_url()), run_id="bench", now=lambda: NOW
    )
    run.take(KEY)
    table = destination_table(snapshot, source.columns)
    bare = (
        f"INSERT INTO snapshots.bare (_snapshot_date, {COLUMNS}) "
        f"SELECT toDate('{KEY}'), {COLUMNS} FROM bench.accounts FINAL"
    )
    taken: dict[str, list[tuple[float, float]]] = {"bare INSERT SELECT": [], "snapshot": []}
    for _ in range(rounds):
        sink.create_like(table, "bare")
        taken["bare INSERT SELECT"].append(
            _timed(lambda: sink.run(bare, doing="Copying", settings=COPY_SETTINGS))
        )
        sink.drop("snapshots", "bare")
        taken["snapshot"].append(_timed(lambda: run.take(KEY)))
    medians = {
        name: [statistics.median(part) for part in zip(*each, strict=True)] for name, each in taken.items()
    }
    for name, (wall, cpu) in medians.items():
        print(f"{name:20} {wall:7.2f} s  {cpu:7.2f} CPU s of this process")
    wall, cpu = (b / a for a, b in zip(*medians.values(), strict=True))
    engine_is_here = settings.clickhouse_url().raw == url.raw
    print(
        f"{rows:,} rows, median of {rounds}: {wall:.2f} times the wall time"
        + f", {cpu:.2f} times the CPU" * engine_is_here
    )


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main()
