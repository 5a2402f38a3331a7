"""Measures exports: 1,000,000 rows into a table of PostgreSQL and of MariaDB.

`python -m scripts.bench.export_rate [--rows 1000000] [--times 3] [--only postgres]`.

The same rows of 13 columns, made once as Arrow, go through the sink (check, stage, publish), and, as a file in the database's own
format, by COPY and by LOAD DATA LOCAL in one session. Each is done `times` times in turn, in a process of its own; medians are
printed. The table has a primary key both times. What ClickHouse needs to send the rows is not part of it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import psycopg2
import pyarrow as pa
import pymysql

from dagster_pipeline.connectors.sink.base_export_sink import BaseExportSink, Export, ExportColumn, ExportMode
from dagster_pipeline.connectors.sink.column_texts import texts
from dagster_pipeline.connectors.sink.mysql.connector import MySQLExportSink
from dagster_pipeline.connectors.sink.postgres.connector import PostgresExportSink
from dagster_pipeline.connectors.sink.row_texts import lines
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.targets.base_target import Place
from dagster_pipeline.targets.export_access import mysql_access, postgres_access
from dagster_pipeline.type_mapper.clickhouse_type import parse_clickhouse_type
from dagster_pipeline.type_mapper.created_column import mysql_type, postgres_type
from dagster_pipeline.type_mapper.outbound import outgoing
from scripts.servers.mariadb import MariaDb
from scripts.servers.postgres import Postgres
from scripts.servers.scratch import scratch_server

BATCH = 65_536
LOADS = "dagster_pipeline.connectors.sink.mysql.connector.allows_load_data"
COLUMNS = {
    "id": "UInt64", "customer_id": "Int64", "email": "String", "name": "String", "note": "Nullable(String)",
    "country": "LowCardinality(String)", "balance": "Decimal(20, 4)", "score": "Float64", "visits": "Int32", "active": "Bool",
    "born": "Date32", "created_at": "DateTime('UTC')", "updated_at": "DateTime64(6, 'UTC')",
}  # fmt: skip


def batches(rows: int) -> Iterator[pa.RecordBatch]:
    """Made while they are read, so that memory holds one."""
    for start in range(0, rows, BATCH):
        numbers = pa.array(range(start, min(start + BATCH, rows)), pa.int64())
        listed = numbers.to_pylist()
        yield pa.RecordBatch.from_arrays(
            [
                numbers.cast(pa.uint64()),
                numbers,
                pa.array([f"customer{number}@example.com" for number in listed]),
                pa.array([f"Customer number {number}" for number in listed]),
                pa.array([None if number % 3 else f"it's\tnote \\ {number}\n" for number in listed]),
                pa.array([("de", "fr", "nl")[number % 3] for number in listed]),
                numbers.cast(pa.decimal128(19, 0)).cast(pa.decimal128(24, 4)).cast(pa.decimal128(20, 4)),
                pa.array([number / 7 for number in listed]),
                pa.array([number % 1000 for number in listed], pa.int32()),
                pa.array([number % 2 == 0 for number in listed]),
                pa.array([number % 20_000 for number in listed], pa.int32()).cast(pa.date32()),
                pa.array([1_700_000_000 + number for number in listed], pa.timestamp("s", "UTC")),
                pa.array([1_700_000_000_000_000 + number for number in listed], pa.timestamp("us", "UTC")),
            ],
            list(COLUMNS),
        )


def _export(number: int) -> Export:
    columns = tuple(ExportColumn(name, parse_clickhouse_type(kind)) for name, kind in COLUMNS.items())
    return Export(f"bench{number:07}", columns, ExportMode.REPLACE, key=("id",))


def _sink(dialect: str, url: str) -> BaseExportSink:
    parsed = DatabaseUrl.parse(url, variable="REPORTING_URL", schemes=())
    place = Place(parsed.database, "t")
    if dialect == "postgres":
        return PostgresExportSink(postgres_access(parsed, place), place)
    return MySQLExportSink(mysql_access(parsed, place), place)


def ours(dialect: str, url: str, rows: int, way: str, _file: str) -> dict[str, float]:
    """One export, rows made beforehand so that they cost neither time nor CPU of it."""
    with patch(LOADS, return_value=False) if way == "insert" else nullcontext():  # as where it is forbidden
        return _exported(dialect, url, rows)


def _exported(dialect: str, url: str, rows: int) -> dict[str, float]:
    held = list(batches(rows))
    memory, cpu, began = _peak(), _cpu(), time.monotonic()
    with _sink(dialect, url) as sink:
        export = _export(time.monotonic_ns() % 10**7)
        sink.check(export)
        sink.stage(export, held)
        staged = time.monotonic()
        sink.publish(export)
    return {
        "seconds": time.monotonic() - began,
        "publish": time.monotonic() - staged,
        "cpu": _cpu() - cpu,
        "memory": _peak() - memory,
    }


def own(dialect: str, url: str, _rows: int, _way: str, file: str) -> dict[str, float]:
    """The database's own way from a file."""
    types = {name: parse_clickhouse_type(kind) for name, kind in COLUMNS.items()}
    at = urlsplit(url)
    connection: Any
    if dialect == "postgres":
        made = [f"{name} {postgres_type(kind)}" for name, kind in types.items()]
        connection = psycopg2.connect(url)
    else:
        made = [f"{name} {mysql_type(kind, in_key=False)}" for name, kind in types.items()]
        connection = pymysql.connect(
            host=at.hostname, port=at.port or 0, user=at.username, password=at.password or "",
            database=at.path.lstrip("/"), local_infile=True,
        )  # fmt: skip
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS own")
        cursor.execute(f"CREATE TABLE own ({', '.join(made)}, PRIMARY KEY (id))")
        cpu, began = _cpu(), time.monotonic()
        if dialect == "postgres":
            with Path(file).open("rb") as opened:
                cursor.copy_expert("COPY own FROM STDIN", opened, 1 << 18)
        else:
            cursor.execute(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE own CHARACTER SET utf8mb4")
        connection.commit()
        return {
            "seconds": time.monotonic() - began,
            "publish": 0.0,
            "cpu": _cpu() - cpu,
            "memory": 0.0,
        }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _work(queue: Any, does: Callable[..., dict[str, float]], arguments: tuple[Any, ...]) -> None:
    queue.put(does(*arguments))


def _apart(does: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_work, args=(queue, does, arguments))
    process.start()
    found: dict[str, float] = queue.get()
    process.join()
    return found


def _measure(dialect: str, url: str, rows: int, times: int, file: str) -> None:
    ways: dict[str, tuple[Callable[..., dict[str, float]], str]] = {"export": (ours, "")}
    if dialect == "mysql":
        ways["export by INSERT"] = (ours, "insert")
    ways["its own, from a file"] = (own, "")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for _ in range(times):
        for name, (does, way) in ways.items():
            found[name].append(_apart(does, dialect, url, rows, way, file))
    for name, all_of_it in found.items():
        middle = {key: statistics.median(each[key] for each in all_of_it) for key in all_of_it[0]}
        print(
            f"{dialect:8} {name:21} {rows / middle['seconds']:>9,.0f} rows/s  {middle['seconds']:6.2f} s "
            f"(publish {middle['publish']:.2f} s)  client CPU {middle['cpu']:.2f} s  memory +{middle['memory']:.0f} MiB"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--only", choices=("postgres", "mysql"))
    given = parser.parse_args()
    families = [outgoing(kind).family for kind in COLUMNS.values()]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.tsv"
        with file.open("wb") as opened:
            for batch in batches(given.rows):
                opened.write(lines([texts(array, name="") for array in batch.columns], families))
        for dialect, product in (("postgres", Postgres()), ("mysql", MariaDb())):
            if given.only in (None, dialect):
                with scratch_server(product) as server:
                    _measure(dialect, server.create_database("bench"), given.rows, given.times, str(file))


if __name__ == "__main__":
    main()
