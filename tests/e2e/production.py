"""What the services need around them: Dagster's and the state's databases, an S3 server, a warehouse, one source table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import psycopg2

from dagster_pipeline.instance.database_setup import OwnedDatabase, set_up
from scripts.servers.clickhouse_http import running_front
from scripts.servers.s3 import client_of, endpoint_of, running_s3
from scripts.servers.server import Server

BUCKET = "dagster-logs"
PASSWORD = "known-dagster-password"
S3_KEY, S3_SECRET = "known-key", "known-secret-key"
TABLE = """
version: 1
sync: {mode: incremental, cursor: updated_at, settle: 1s, chunk_rows: 1000, parallelism: 1}
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: note, type: text}
  - {name: updated_at, type: timestamp with time zone}
"""


@dataclass(frozen=True)
class Production:
    """Everything around the services.

    Attributes:
        variables: what .env says.
        s3: a client of the S3 server.
        warehouse_url: the ClickHouse front.
    """

    variables: dict[str, str]
    s3: Any
    warehouse_url: str

    def log_keys(self, run_id: str) -> dict[str, int]:
        """Sizes of what the bucket has of a run, by key."""
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"dagster/storage/{run_id}/")
        return {item["Key"]: item["Size"] for item in listed.get("Contents", [])}

    def copied(self, table: str = "orders") -> tuple[int, int]:
        """Rows of a warehouse's table and the sum of their keys."""
        with clickhouse_connect.get_client(dsn=self.warehouse_url) as client:
            rows = client.query(f"SELECT count(), sum(id) FROM shop.{table} FINAL").result_rows
        return int(rows[0][0]), int(rows[0][1])


@contextmanager
def around(
    server: Server,
    directory: Path,
    *,
    name: str,
    rows: int,
    rows_per_second: int | None = None,
    tables: Sequence[str] = ("orders",),
) -> Iterator[Production]:
    """Set all of it up.

    Args:
        server: PostgreSQL for everything.
        directory: for table files and the warehouse.
        name: makes the databases' names different from another test's.
        rows: of each source table.
        rows_per_second: how fast the source may be read.
        tables: in the source's database `shop`.
    """
    own_databases = _own_databases(server, name)
    source = server.create_database(f"shop_{name}")
    _fill_source(source, tables, rows)
    _write_table_files(directory / "schemas/postgres/shop", tables)
    budget = f"?max_rows_per_second={rows_per_second}" if rows_per_second else ""
    warehouse = directory / "warehouse"
    warehouse.mkdir()
    with (
        running_s3(credentials=f"{S3_KEY}:{S3_SECRET}") as bucket_url,
        running_front(warehouse, password="known-warehouse-password") as front,
    ):
        s3 = client_of(bucket_url)
        s3.create_bucket(Bucket=BUCKET)
        variables = {
            **own_databases,
            "PGSSLMODE": "prefer",  # the test's server has no certificate
            "DAGSTER_LOGS_BUCKET": BUCKET,
            "AWS_ENDPOINT_URL_S3": endpoint_of(bucket_url),
            "AWS_ACCESS_KEY_ID": S3_KEY,
            "AWS_SECRET_ACCESS_KEY": S3_SECRET,
            "CLICKHOUSE_URL": front.url,
            "POSTGRES_SHOP_URL": f"{source}{budget}",
            "SCHEMAS_DIR": str(directory / "schemas"),
            "ALERTS_FILE": str(directory / "no-alerts.yml"),
            "SCHEDULES_DEFAULT_STATUS": "stopped",
        }
        yield Production(variables, s3, front.url)


def _own_databases(server: Server, name: str) -> dict[str, str]:
    """Dagster's and the state's, new and empty, and the variables that name them."""
    user = f"dagster_{name}"
    for database in (f"dagster_{name}", f"state_{name}"):
        with closing(psycopg2.connect(server.url)) as connection:
            connection.autocommit = True  # DROP DATABASE runs in no transaction
            connection.cursor().execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        set_up(server.url, OwnedDatabase(database, user, PASSWORD))
    address = urlsplit(server.url)
    return {
        "DAGSTER_POSTGRES_HOST": str(address.hostname),
        "DAGSTER_POSTGRES_PORT": str(address.port),
        "DAGSTER_POSTGRES_DB": f"dagster_{name}",
        "DAGSTER_POSTGRES_USER": user,
        "DAGSTER_POSTGRES_PASSWORD": PASSWORD,
        "STATE_URL": f"postgresql://{user}:{PASSWORD}@{address.hostname}:{address.port}/state_{name}",
    }


def _fill_source(url: str, tables: Sequence[str], rows: int) -> None:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
            cursor.execute(
                f"CREATE TABLE {table} (id bigint PRIMARY KEY, note text NOT NULL, updated_at timestamptz NOT NULL)"
            )
            cursor.execute(
                f"INSERT INTO {table} SELECT n, 'note ' || n, now() - interval '1 day' + n * interval '1 s' "
                "FROM generate_series(1, %s) n",
                [rows],
            )


def _write_table_files(folder: Path, tables: Sequence[str]) -> None:
    folder.mkdir(parents=True)
    for table in tables:
        (folder / f"{table}.yml").write_text(TABLE)
