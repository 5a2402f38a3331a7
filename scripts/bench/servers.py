"""The servers that are measured: sources with the bench tables in them, and a warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import psycopg2
from clickhouse_connect.driver.client import Client

from scripts.bench.tables import DATABASE, BenchTable, Dialect
from scripts.bench.watch import tree_cpu
from scripts.servers import clickhouse_http
from scripts.servers.mariadb import MariaDb, connect
from scripts.servers.postgres import Postgres
from scripts.servers.product import with_database
from scripts.servers.provide import choose
from scripts.servers.server import Server

PRODUCTS = {"postgres": Postgres(), "mysql": MariaDb()}


@dataclass(frozen=True)
class Source:
    """One source server."""

    dialect: Dialect
    server: Server

    @property
    def url(self) -> str:
        """The bench database."""
        return with_database(self.server.url, DATABASE)

    def cpu(self) -> float:
        """CPU seconds of the server so far; 0 when it is not a process of this machine."""
        process = self.server.process
        return tree_cpu(process.pid) if process else 0.0

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements; rows of the last one, if it has any."""
        opened: Any = psycopg2.connect(self.url) if self.dialect == "postgres" else connect(self.url)
        with closing(opened) as connection:
            if self.dialect == "postgres":
                connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []

    def version(self) -> str:
        """The product's own words."""
        ((text,),) = self.run("SELECT version()")
        product = PRODUCTS[self.dialect].title if self.dialect == "postgres" else ""
        return f"{product} {str(text).removeprefix('PostgreSQL ').split(' ')[0]}".strip()

    def ensure(self, table: BenchTable, say: Callable[[str], None]) -> None:
        """Create and fill the table unless it is there with all its rows."""
        if self._rows(table) == table.rows:
            return
        say(f"filling {table.name} in {self.dialect}: {table.rows:,} rows")
        analyze = "ANALYZE" if self.dialect == "postgres" else "ANALYZE TABLE"
        self.run(f"DROP TABLE IF EXISTS {table.name}", table.create(self.dialect), *table.fill(self.dialect))
        self.run(f"CREATE INDEX {table.name}_updated ON {table.name} (updated_at)")
        self.run(f"{analyze} {table.name}")
        if self._rows(table) != table.rows:
            raise AssertionError(f"{table.name} has another number of rows than it should")

    def _rows(self, table: BenchTable) -> int:
        try:
            ((rows,),) = self.run(f"SELECT count(*) FROM {table.name}")
        except Exception as error:
            if "exist" in str(error):
                return -1
            raise
        return int(rows)


@contextmanager
def running_source(dialect: Dialect, directory: Path) -> Iterator[Source]:
    """A server with a bench database: one that `BENCH_POSTGRES_URL` or `BENCH_MYSQL_URL` names, else one of ours.

    Ours is ended at the end; its data stays for the next time.
    """
    product = PRODUCTS[dialect]
    server = choose(product, directory, variable=f"BENCH_{product.variable}")
    server.start()
    source = Source(dialect, server)
    try:
        try:
            source.run("SELECT 1")
        except Exception:  # noqa: BLE001 -- there is no such database yet, or whatever it is will show again at once
            server.create_database(DATABASE)
        source.run("SELECT 1")
        yield source
    finally:
        server.stop()


@dataclass(frozen=True)
class Front:
    """A warehouse over HTTP: the embedded engine behind a small front, in a process of its own."""

    url: str
    pid: int

    def cpu(self) -> float:
        """CPU seconds so far."""
        return tree_cpu(self.pid)

    def client(self) -> Client:
        """A client."""
        parts = urlsplit(self.url)
        return clickhouse_connect.get_client(
            host=parts.hostname, port=parts.port, username="default", password=""
        )


@contextmanager
def running_front(path: Path) -> Iterator[Front]:
    """A front over a directory."""
    with clickhouse_http.running_front(path) as front:
        yield Front(front.url, front.process.pid)
