"""How fast Parquet objects become rows, against the engine's own `s3()`: `python -m scripts.bench.s3_rate`.

Same objects, same S3 server (moto's, one process of Python), same embedded engine, turns taken in one run; medians.
"""

from __future__ import annotations

import argparse
import io
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sources.s3.connector import S3ObjectSource
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.landing.destination import landing_table
from dagster_pipeline.landing.object_reader import object_reader
from dagster_pipeline.landing.table_landing import TableLanding
from dagster_pipeline.schema.s3_models import S3File
from dagster_pipeline.state.state_manager import StateManager
from scripts.servers.s3 import client_of, running_s3

COLUMNS = {
    "id": "Int64",
    "visitor": "UInt64",
    "at": "DateTime64(6, 'UTC')",
    "kind": "LowCardinality(String)",
    "page": "String",
    "amount": "Decimal(12, 2)",
    "ratio": "Float64",
    "flag": "Bool",
}


def an_object(number: int, rows: int) -> bytes:
    """Rows of several types that do not compress to nothing."""
    random = np.random.default_rng(number)
    ids = np.arange(number * rows, (number + 1) * rows)
    cents = pa.array(random.integers(0, 10**8, rows)).cast(pa.decimal128(21, 2))
    table = pa.table(
        {
            "id": ids,
            "visitor": pa.array(random.integers(0, 2**40, rows), pa.uint64()),
            "at": pa.array(1_700_000_000_000_000 + ids * 1_000, pa.timestamp("us", "UTC")),
            "kind": pa.array(np.array(["view", "cart", "order"])[random.integers(0, 3, rows)]),
            "page": pa.array([f"/shop/item/{value}" for value in random.integers(0, 500_000, rows)]),
            "amount": cents.cast(pa.decimal128(12, 2)),
            "ratio": random.random(rows),
            "flag": random.integers(0, 2, rows) == 1,
        }
    )
    target = io.BytesIO()
    pq.write_table(table, target, row_group_size=100_000)
    return target.getvalue()


def main() -> None:
    """Prints the rates and their ratio."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--objects", type=int, default=8)
    arguments.add_argument("--rows", type=int, default=500_000, help="of each object")
    arguments.add_argument("--parallelism", type=int, default=4)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    with running_s3() as base, tempfile.TemporaryDirectory() as folder:
        url = DatabaseUrl.parse(f"{base}lake", variable="S3_LAKE_URL", schemes=())
        client = client_of(base)
        client.create_bucket(Bucket="lake")
        size = 0
        for number in range(given.objects):
            body = an_object(number, given.rows)
            size += len(body)
            client.put_object(Bucket="lake", Key=f"events/{number}.parquet", Body=body)
        print(f"{given.objects} objects, {given.objects * given.rows:,} rows, {size / 1e6:.0f} MB of Parquet")
        _measure(url, Path(folder), rows=given.objects * given.rows, given=given)


def _measure(url: DatabaseUrl, folder: Path, *, rows: int, given: argparse.Namespace) -> None:
    warehouse = DatabaseUrl.parse(f"chdb://{folder}/warehouse", variable="CLICKHOUSE_URL", schemes=())
    with ClickHouseSink(warehouse) as sink:
        ways: dict[str, Callable[[str], None]] = {
            "the engine's own s3()": lambda name: _by_hand(sink, url, name),
            "read_by: pipeline": lambda name: _landed(sink, url, folder, name, "pipeline", given.parallelism),
            "read_by: warehouse": lambda name: _landed(
                sink, url, folder, name, "warehouse", given.parallelism
            ),
        }
        taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for number in range(given.rounds + 1):
            for position, (way, load) in enumerate(ways.items()):
                name = f"events_{number}_{position}"
                began, cpu = time.monotonic(), _cpu()
                load(name)
                seconds = (time.monotonic() - began, _cpu() - cpu)
                ((found,),) = sink.rows(f"SELECT count() FROM lake.{name}")
                if found != rows:
                    raise SystemExit(f"{way}: {found:,} rows instead of {rows:,}")
                sink.drop("lake", name)
                if number:  # the first round warms up
                    taken[way].append(seconds)
        base = statistics.median(wall for wall, _cpu_seconds in taken["the engine's own s3()"])
        for way, seen in taken.items():
            wall, used = (statistics.median(each) for each in zip(*seen, strict=True))
            print(f"{way:24} {rows / wall:12,.0f} rows/s   {used:5.1f} CPU s   ratio {base / wall:.2f}")
    print(
        f"peak memory of this process, engine included: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _file(name: str, read_by: str) -> S3File:
    return S3File.model_validate(
        {
            "version": 1,
            "source": {"connection": "lake", "prefix": "events/", "format": "parquet", "read_by": read_by},
            "destination": {"database": "lake", "table": name, "order_by": ["id"]},
            "columns": [{"name": column, "type": kind} for column, kind in COLUMNS.items()],
        }
    )


def _by_hand(sink: ClickHouseSink, url: DatabaseUrl, name: str) -> None:
    """What a person would write: all objects in one INSERT."""
    table = landing_table(_file(name, "pipeline"), name)
    sink.ensure_table(table)
    place = f"http://{url.host}:{url.port}/{url.database}/events/*.parquet"
    columns = ", ".join(COLUMNS)
    sink.run(
        f"INSERT INTO lake.{name} ({columns}, _version) "
        f"SELECT {columns}, 1 FROM s3('{place}', '{url.user}', '{url.password}', 'Parquet')",
        doing="The engine's own",
    )


def _landed(
    sink: ClickHouseSink, url: DatabaseUrl, folder: Path, name: str, read_by: str, parallelism: int
) -> None:
    file = _file(name, read_by)
    state = DatabaseUrl.parse(f"sqlite:///{folder}/state.sqlite", variable="STATE_URL", schemes=())
    with closing(StateManager(state)) as store, S3ObjectSource(file, url=url) as source:
        TableLanding(
            table=landing_table(file, name),
            source=source,
            sink=sink,
            state=store,
            run_id="bench",
            parallelism=parallelism,
            by_warehouse=object_reader(source, sink) if read_by == "warehouse" else None,
        ).run()


if __name__ == "__main__":
    main()
