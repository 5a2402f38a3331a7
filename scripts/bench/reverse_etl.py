"""Measures reverse ETL: 1,000,000 rows of the warehouse into PostgreSQL and MariaDB, then 1 % of them changed.

`python -m scripts.bench.reverse_etl [--rows 1000000] [--only postgres]` prints Markdown. Each run is a process of its own
(`python -m dagster_pipeline reverse-etl run`), as a shell or a scheduler starts it; servers are temporary ones.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.models import Dialect
from scripts.bench.servers import Source, running_source

FLOW = """
version: 1
source: {{query: SELECT * FROM shop.scores FINAL}}
target: {{dialect: {dialect}, connection: crm, table: scores}}
key: [id]
columns: [{{name: id}}, {{name: email}}, {{name: score}}, {{name: balance}}, {{name: seen_at}}, {{name: note}}]
batch_rows: 5000
max_change: 5%
"""
CREATE = (
    "CREATE TABLE shop.scores (id UInt32, email String, score Int32, balance Decimal(12, 2), seen_at DateTime('UTC'), "
    "note Nullable(String)) ENGINE = ReplacingMergeTree ORDER BY id"
)
FILL = (
    "INSERT INTO shop.scores SELECT number, concat('user', toString(number), '@example.com'), number % 1000, number / 100, "
    "toDateTime('2024-01-01 00:00:00', 'UTC') + number, if(number % 3 = 0, NULL, repeat('n', 40)) FROM numbers({rows})"
)
CHANGE = "INSERT INTO shop.scores SELECT id, email, score + 1, balance, seen_at, note FROM shop.scores FINAL WHERE id % 100 = 7"
TARGET = (
    "CREATE TABLE scores (id bigint PRIMARY KEY, email varchar(100) NOT NULL, score bigint NOT NULL, "
    "balance decimal(14,2) NOT NULL, seen_at {time} NOT NULL, note varchar(100))"
)
TIMES = {"postgres": "timestamp", "mysql": "datetime"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=tuple(TIMES))
    arguments = parser.parse_args()
    print("| target | run | s | CPU s of the process | it says |\n|---|---|---|---|---|")
    dialects: tuple[Dialect, ...] = ("postgres", "mysql")
    for dialect in dialects:
        if arguments.only in (None, dialect):
            with tempfile.TemporaryDirectory(prefix="dagster-pipeline-") as directory:
                Path(directory).chmod(0o711)
                with running_source(dialect, Path(directory)) as target:
                    _measure(dialect, target, arguments.rows)


def _measure(dialect: Dialect, target: Source, rows: int) -> None:
    target.run("DROP TABLE IF EXISTS scores", TARGET.format(time=TIMES[dialect]))
    folder = Path(tempfile.mkdtemp(prefix="dagster-pipeline-bench-"))
    try:
        flows = folder / "schemas" / "reverse_etl"
        flows.mkdir(parents=True)
        (flows / "scores.yml").write_text(FLOW.format(dialect=dialect))
        environment = {
            **os.environ,
            f"{dialect.upper()}_CRM_URL": target.url,
            "CLICKHOUSE_URL": f"chdb://{folder}/warehouse",
            "SCHEMAS_DIR": str(folder / "schemas"),
            "DAGSTER_HOME": str(folder),
        }
        _in_warehouse(folder, "CREATE DATABASE shop", CREATE, FILL.format(rows=rows))
        _run(dialect, "first, all rows are new", environment)
        _run(dialect, "nothing changed", environment)
        _in_warehouse(folder, CHANGE)
        _run(dialect, "1 % changed", environment)
    finally:
        shutil.rmtree(folder)


def _run(dialect: str, what: str, environment: dict[str, str]) -> None:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "dagster_pipeline", "reverse-etl", "run", "scores"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said = " ".join((done.stdout or done.stderr).split("\n")[:2])
    print(f"| {dialect} | {what} | {seconds:.1f} | {cpu:.1f} | {said} |", flush=True)


def _in_warehouse(folder: Path, *statements: str) -> None:
    """In a process of its own: one at a time opens the embedded warehouse."""
    url = DatabaseUrl.parse(f"chdb://{folder}/warehouse", variable="CLICKHOUSE_URL", schemes=())
    with ClickHouseSink(url) as sink:
        for statement in statements:
            sink.command(statement, doing="Preparing")


if __name__ == "__main__":
    main()
