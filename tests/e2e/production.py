"""What the services need around them: Dagster's and the state's databases, an S3 server, a warehouse, one source table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import clickhouse_connect
import psycopg2
from moto.server import ThreadedMotoServer

from dagster_pipeline.instance.database_setup import OwnedDatabase, set_up
from scripts.servers.clickhouse_http import running_front
from scripts.servers.server import Server

BUCKET = "dagster-logs"
PASSWORD = "known-dagster-password"
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
    address = urlsplit(server.url)
    for database in (f"dagster_{name}", f"state_{name}"):
        with closing(psycopg2.connect(server.url)) as connection:
            connection.autocommit = True  # DROP DATABASE runs in no transaction
            connection.cursor().execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        set_up(server.url, OwnedDatabase(database, f"dagster_{name}", PASSWORD))
    source = server.create_database(f"shop_{name}")
    folder = directory / "schemas/postgres/shop"
    folder.mkdir(parents=True)
    with psycopg2.connect(source) as connection, connection.cursor() as cursor:
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
            (folder / f"{table}.yml").write_text(TABLE)
    budget = f"?max_rows_per_second={rows_per_second}" if rows_per_second else ""
    warehouse = directory / "warehouse"
    warehouse.mkdir()
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        keys = {"aws_access_key_id": "known-key", "aws_secret_access_key": "known-secret-key"}
        s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
        s3.create_bucket(Bucket=BUCKET)
        with running_front(warehouse, password="known-warehouse-password") as front:
            yield Production(
                {
                    "DAGSTER_POSTGRES_HOST": str(address.hostname),
                    "DAGSTER_POSTGRES_PORT": str(address.port),
                    "DAGSTER_POSTGRES_DB": f"dagster_{name}",
                    "DAGSTER_POSTGRES_USER": f"dagster_{name}",
                    "DAGSTER_POSTGRES_PASSWORD": PASSWORD,
                    "PGSSLMODE": "prefer",  # the test's server has no certificate
                    "DAGSTER_LOGS_BUCKET": BUCKET,
                    "AWS_ENDPOINT_URL_S3": endpoint,
                    **{key.upper(): value for key, value in keys.items()},
                    "STATE_URL": f"postgresql://dagster_{name}:{PASSWORD}@{address.hostname}:{address.port}/state_{name}",
                    "CLICKHOUSE_URL": front.url,
                    "POSTGRES_SHOP_URL": f"{source}{budget}",
                    "SCHEMAS_DIR": str(directory / "schemas"),
                    "ALERTS_FILE": str(directory / "no-alerts.yml"),
                    "SCHEDULES_DEFAULT_STATUS": "stopped",
                },
                s3,
                front.url,
            )
    finally:
        moto.stop()
