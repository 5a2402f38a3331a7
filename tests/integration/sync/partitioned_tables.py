"""One partitioned table at a real source, with rows on every edge of a partition, and what the source says of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pymysql

from dagster_pipeline.connectors.sink.base_sink_connector import BaseSinkConnector
from dagster_pipeline.connectors.sources.mysql.connector import MySQLSource
from dagster_pipeline.connectors.sources.postgres.connector import PostgresSource
from dagster_pipeline.connectors.sources.sql_source import SqlSource
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.schema.models import TableSchema

DAYS = ("2024-01-30", "2024-01-31", "2024-02-01", "2024-02-02")
REGIONS = ("eu", "us", "ap")
BY_DAY = 'partitions: {by: at, every: day, start: "2024-01-30"}'
BY_REGION = "partitions: {by: region, values: [eu, us, ap]}"
KEYED, BARE = ", primary_key: true", ""
SHAPES = {
    "day in a day": (BY_DAY, "partition_by: toYYYYMMDD(at)", KEYED),
    "day in a month": (BY_DAY, "partition_by: toYYYYMM(at)", KEYED),
    "day in a day, no key": (BY_DAY, "partition_by: toDate(at)", BARE),
    "day in a month, no key": (BY_DAY, "partition_by: toYYYYMM(at)", BARE),
    "value in a value": (BY_REGION, "partition_by: region", KEYED),
    "value in one, no key": (BY_REGION, "order_by: [id]", BARE),
}
"""By name: partitions, what the warehouse cuts by, and whether rows have a key."""

FILE = """
version: 1
destination: {{database: {warehouse}, {cut}}}
sync: {{chunk_rows: 1000}}
{partitions}
columns:
  - {{name: id, type: bigint{key}}}
  - {{name: region, type: "{text}", immutable: true}}
  - {{name: note, type: text}}
  - {{name: at, type: "{time}", immutable: true}}
"""
_TYPES = {
    "postgres": {"text": "character varying(9)", "time": "timestamp with time zone"},
    "mysql": {"text": "varchar(9)", "time": "datetime(6)"},
}
_EDGES = (
    "2024-01-29 23:59:59.999999",
    "2024-01-30 00:00:00",
    "2024-01-31 23:59:59.999999",
    "2024-02-01 00:00:00",
)
_ROWS = {
    "postgres": "SELECT i, (ARRAY['eu','us','ap'])[1 + i % 3], 'note ' || i, "
    "timestamptz '2024-01-30Z' + i * interval '86.4 s' FROM generate_series(1, {rows}) i",
    "mysql": "SELECT seq, ELT(1 + seq % 3, 'eu', 'us', 'ap'), CONCAT('note ', seq), "
    "'2024-01-30' + INTERVAL seq * 86400000 MICROSECOND FROM seq_1_to_{rows}",
}
ROWS = 3_999
_READ = {
    "postgres": "SELECT id::text, region, note, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') FROM orders",
    "mysql": "SELECT CAST(id AS char), region, note, DATE_FORMAT(at, '%Y-%m-%d %H:%i:%s.%f') FROM orders",
}

Row = tuple[str, ...]


@dataclass(frozen=True)
class Shop:
    """A source database with one table `orders`, and its table file for one warehouse database."""

    dialect: str
    url: str
    folder: Path
    warehouse: str

    def write_file(self, shape: str) -> TableSchema:
        partitions, cut, key = SHAPES[shape]
        file = self.folder / self.dialect / "shop" / "orders.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        types = _TYPES[self.dialect]
        file.write_text(
            FILE.format(warehouse=self.warehouse, cut=cut, partitions=partitions, key=key, **types)
        )
        (schema,) = SchemaLoader(self.folder).load()
        return schema

    def fill(self) -> None:
        """About 1,000 rows a day and 1,333 a region, and rows on the edges of days and of what a collation tells apart."""
        column = "timestamptz" if self.dialect == "postgres" else "datetime(6)"
        zone = "+00" if self.dialect == "postgres" else ""
        edges = [f"({9001 + i}, 'eu', 'edge', '{at}{zone}')" for i, at in enumerate(_EDGES)]
        likes = [
            f"({9101 + i}, '{like}', 'like', '2024-02-02 12:00:00{zone}')"
            for i, like in enumerate(("EU", "eu ", "eü"))
        ]
        self.execute(
            f"CREATE TABLE orders (id bigint PRIMARY KEY, region varchar(9) NOT NULL, note text NOT NULL, at {column} NOT NULL)",
            "CREATE INDEX orders_at ON orders (at)",
            f"INSERT INTO orders {_ROWS[self.dialect].format(rows=ROWS)}",
            f"INSERT INTO orders VALUES {', '.join(edges + likes)}",
        )

    def execute(self, *statements: str) -> None:
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, where: str = "1 = 1") -> list[Row]:
        """Rows as the source prints them."""
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"{_READ[self.dialect]} WHERE {where} ORDER BY orders.id")
            return [tuple(row) for row in cursor.fetchall()]

    def open(self, schema: TableSchema) -> SqlSource[Any]:
        url = DatabaseUrl.parse(self.url, variable="SOURCE_URL", schemes=())
        return (PostgresSource if self.dialect == "postgres" else MySQLSource)(schema, url=url)

    def where(self, keys: Sequence[str]) -> str:
        """The rows of these partitions in the source's SQL, by bytes."""
        if keys[0] in REGIONS:
            listed = ", ".join(f"'{key}'" for key in keys)
            hashes = ", ".join(f"md5('{key}')" for key in keys)
            return f"region IN ({listed}) AND md5(region) IN ({hashes})"
        days = ", ".join(f"'{key}'" for key in keys)
        date = "(at AT TIME ZONE 'UTC')::date" if self.dialect == "postgres" else "DATE(at)"
        return f"{date} IN ({days})"

    def _connect(self) -> Any:
        if self.dialect == "postgres":
            connection = psycopg2.connect(self.url)
            connection.autocommit = True
            return connection
        url = DatabaseUrl.parse(self.url, variable="URL", schemes=())
        return pymysql.connect(
            host=url.host,
            port=url.port,
            user=url.user,
            password=url.password,
            database=url.database,
            charset="utf8mb4",
            autocommit=True,
        )


def arrived(sink: BaseSinkConnector, schema: TableSchema) -> list[Row]:
    """What a reader of the warehouse sees."""
    final = "FINAL" if schema.primary_key else ""
    name = f"`{schema.destination.database}`.orders"
    found = sink.rows(f"SELECT toString(id), region, note, toString(at) FROM {name} {final} ORDER BY id")  # type: ignore[attr-defined]  # tests ask ClickHouse
    return [tuple(row) for row in found]
