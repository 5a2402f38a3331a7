"""What it costs to read so that nothing is lost: the same table with and without the type mapper's guards and casts.

Both go through the whole pipeline into ClickHouse over HTTP, in turn, so that what else the machine does hits both alike.
Without guards an impossible date or a NaN would arrive as something else, or end the reader; the sample data has none.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from scripts.servers.clickhouse_http import running_front
from scripts.servers.mariadb import MariaDb
from scripts.servers.postgres import Postgres
from scripts.servers.product import Product
from scripts.servers.scratch import scratch_database
from tests.type_lab.databases import Database, MariaDbDatabase, PostgresDatabase
from tests.type_lab.laboratory import Laboratory

ROWS = 1_000_000
PAIRS = 7
COLUMNS = {
    "mysql": {
        "customer": "bigint unsigned",
        "quantity": "int",
        "discount": "smallint",
        "paid": "tinyint(1)",
        "amount": "decimal(20,4)",
        "weight": "double",
        "email": "varchar(100)",
        "note": "varchar(255)",
        "ordered_on": "date",
        "shipped_at": "datetime",
        "status": "enum('new','paid','shipped')",
    },
    "postgres": {
        "customer": "bigint",
        "quantity": "integer",
        "discount": "smallint",
        "paid": "boolean",
        "amount": "numeric(20,4)",
        "weight": "double precision",
        "email": "character varying(100)",
        "note": "character varying(255)",
        "ordered_on": "date",
        "shipped_at": "timestamp(0) without time zone",
        "reference": "uuid",
    },
}
"""Thirteen columns with the key and the cursor, which every table of the laboratory has."""

FILL = {
    "mysql": (
        "SELECT seq, '2020-01-01' + INTERVAL seq SECOND, seq * 7919, seq % 1000, seq % 100, seq % 2, seq * 1.0001, seq / 7, "
        "CONCAT('user', seq, '@example.com'), REPEAT(MD5(seq), 2), '2020-01-01' + INTERVAL seq % 1500 DAY, "
        "'2020-01-01' + INTERVAL seq MINUTE, 1 + seq % 3 FROM seq_1_to_{rows}"
    ),
    "postgres": (
        "SELECT n, timestamptz '2020-01-01' + n * interval '1 s', n * 7919::bigint, "
        "n % 1000, n % 100, n % 2 = 1, n * 1.0001, n / 7.0, "
        "'user' || n || '@example.com', repeat(md5(n::text), 2), date '2020-01-01' + n % 1500, "
        "timestamp '2020-01-01' + (n % 1000000) * interval '1 min', md5(n::text)::uuid FROM generate_series(1, {rows}) n"
    ),
}
PRODUCTS: tuple[tuple[Product, type[PostgresDatabase | MariaDbDatabase]], ...] = (
    (Postgres(), PostgresDatabase),
    (MariaDb(), MariaDbDatabase),
)


@dataclass(frozen=True)
class Cost:
    """One source's result.

    Attributes:
        lossless, plain: medians, rows per second.
        ratio: median over the pairs of lossless by plain rate.
        cpu_ratio: the same of the loading process's CPU seconds; above 1 the lossless one needs more.
    """

    product: str
    lossless: float
    plain: float
    ratio: float
    cpu_ratio: float


def measure(*, rows: int = ROWS, pairs: int = PAIRS) -> list[Cost]:
    """Load `pairs` times each way, after one of each to warm up."""
    costs = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lossless-")))
        folder.chmod(0o755)
        front = stack.enter_context(running_front(folder / "warehouse", user="lab", password="lab"))  # noqa: S106 -- a scratch server's
        for product, kind in PRODUCTS:
            with scratch_database(product, "lossless") as url:
                database = kind(url)
                laboratory = Laboratory(database, front.url, folder / product.name)
                costs.append(_compare(database, laboratory, rows, pairs))
                laboratory.close()
                database.close()
    return costs


def _compare(database: Database, laboratory: Laboratory, rows: int, pairs: int) -> Cost:
    types = COLUMNS[database.dialect]
    database.create("orders", [f"{name} {type_} NOT NULL" for name, type_ in types.items()])
    database.run(f"INSERT INTO orders {FILL[database.dialect].format(rows=rows)}")
    database.run("ANALYZE TABLE orders" if database.dialect == "mysql" else "VACUUM ANALYZE orders")
    columns = [{"name": name, "type": type_} for name, type_ in types.items()]

    def timed() -> tuple[float, float]:
        began, used = time.monotonic(), _cpu_seconds()
        moved = laboratory.load(
            "orders", columns, mode="full", arrives_in=f"orders_{database.dialect}"
        ).moved.rows
        if moved != rows:
            raise AssertionError(f"{moved} of {rows} rows")
        return rows / (time.monotonic() - began), _cpu_seconds() - used

    def plainly() -> tuple[float, float]:
        with _plain_reading():
            return timed()

    timed(), plainly()
    results = [
        (timed(), plainly()) if turn % 2 else tuple(reversed((plainly(), timed()))) for turn in range(pairs)
    ]
    return Cost(
        product=database.product,
        lossless=statistics.median(lossless[0] for lossless, _ in results),
        plain=statistics.median(plain[0] for _, plain in results),
        ratio=statistics.median(lossless[0] / plain[0] for lossless, plain in results),
        cpu_ratio=statistics.median(lossless[1] / plain[1] for lossless, plain in results),
    )


@contextmanager
def _plain_reading() -> Iterator[None]:
    """Every column as its driver gives it; the zone of a timestamp stays, since the other side reads no offsets."""
    careful = TypeMapper.map

    def plain(mapper: TypeMapper, table: TableSchema) -> tuple[ColumnMapping, ...]:
        return tuple(
            replace(each, guard=None, read="{column}" if "CAST" in each.read else each.read)
            for each in careful(mapper, table)
        )

    with patch.object(TypeMapper, "map", plain):
        yield


def _cpu_seconds() -> float:
    """Of this process and its children."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


if __name__ == "__main__":
    for cost in measure():
        print(
            f"{cost.product}: {cost.lossless:,.0f} rows/s lossless, {cost.plain:,.0f} plain, ratio {cost.ratio:.3f}, "
            f"CPU of the loading process {cost.cpu_ratio:.3f} times"
        )
