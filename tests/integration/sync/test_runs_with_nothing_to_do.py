"""A run that has nothing to do asks the source little, as the source's own log counts it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sources.mysql.connector import MySQLSource
from dagster_pipeline.connectors.sources.postgres.connector import PostgresSource
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.engine import TableSync
from dagster_pipeline.sync.result import SyncResult
from tests.contract.sources.both_sources import mariadb, postgres
from tests.faults.source_table import Shape, SourceTable

MOST_QUERIES = 6
ROWS = 2_000


@pytest.fixture(params=["postgres", "mysql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(dialect: str, request: pytest.FixtureRequest) -> Any:
    running = request.getfixturevalue("postgres_server" if dialect == "postgres" else "mariadb_server")
    if running.process is None:
        pytest.skip("another's server, whose log is not ours to read")
    return running


@contextmanager
def logged(dialect: str, server: Any) -> Iterator[list[str]]:
    """The statements that the server has run, once the block has ended."""
    statements: list[str] = []
    with (_postgres_log if dialect == "postgres" else _mariadb_log)(server) as read:
        yield statements
        statements += read()


@contextmanager
def _postgres_log(server: Any) -> Iterator[Callable[[], list[str]]]:
    log = Path(f"/proc/{server.process.pid}/fd/2").resolve()  # where its standard error goes
    admin = psycopg2.connect(server.url + "postgres")
    admin.autocommit = True
    cursor = admin.cursor()
    for setting in ("log_statement = 'all'", "log_line_prefix = '%a|%d|'", "log_min_duration_statement = 0"):
        cursor.execute(f"ALTER SYSTEM SET {setting}")
    cursor.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        cursor.execute("SHOW log_statement")
        if cursor.fetchone() == ("all",):
            break
        time.sleep(0.05)
    start = log.stat().st_size

    def read() -> list[str]:
        lines = log.read_bytes()[start:].decode(errors="replace").splitlines()
        ours = [line for line in lines if line.startswith("dagster_pipeline|shop|LOG:  statement: ")]
        return [line.partition("statement: ")[2] for line in ours]

    try:
        yield read
    finally:
        cursor.execute("ALTER SYSTEM RESET ALL")
        cursor.execute("SELECT pg_reload_conf()")
        admin.close()


@contextmanager
def _mariadb_log(server: Any) -> Iterator[Callable[[], list[str]]]:
    admin = mariadb(server.url + "mysql").connect()
    cursor = admin.cursor()
    cursor.execute("SET GLOBAL log_output = 'TABLE'")
    cursor.execute("TRUNCATE mysql.general_log")
    cursor.execute("SET GLOBAL general_log = ON")

    def read() -> list[str]:
        cursor.execute("SET GLOBAL general_log = OFF")
        cursor.execute(
            "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE command_type = 'Query'"
        )
        return [str(statement) for (statement,) in cursor.fetchall() if "general_log" not in str(statement)]

    try:
        yield read
    finally:
        cursor.execute("SET GLOBAL general_log = OFF")
        admin.close()


def test_a_run_with_nothing_to_do_asks_the_source_at_most_six_questions(
    dialect: str, server: Any, tmp_path: Path, warehouse_dir: Path
) -> None:
    warehouse = DatabaseUrl.parse(f"chdb://{warehouse_dir}", variable="CLICKHOUSE_URL", schemes=())
    with ClickHouseSink(warehouse) as sink:
        for shape in (Shape.INCREMENTAL, Shape.APPEND_BY_TIME, Shape.APPEND_BY_NUMBER):
            folder = tmp_path / shape
            statements, result = third_run(dialect, shape, server, folder, sink)
            assert (result.moved.rows, result.rows_in_destination) == (0, ROWS)
            assert 0 < len(statements) <= MOST_QUERIES, statements
            sink.drop("shop", "orders")


def third_run(
    dialect: str, shape: Shape, server: Any, folder: Path, sink: ClickHouseSink
) -> tuple[list[str], SyncResult]:
    """A load, a run that finds what has settled since, and what a third one asks and does."""
    url = server.create_database("shop")
    table = SourceTable((postgres if dialect == "postgres" else mariadb)(url), shape)
    table.create(ROWS)
    table.write_file(folder / "schemas")
    (schema,) = SchemaLoader(folder / "schemas").load()
    address = DatabaseUrl.parse(url, variable="SOURCE_URL", schemes=())
    state_url = DatabaseUrl.parse(f"sqlite:///{folder}/state.sqlite", variable="STATE_URL", schemes=())
    with closing(StateManager(state_url)) as state:

        def run() -> SyncResult:
            kind: Any = PostgresSource if dialect == "postgres" else MySQLSource
            with kind(schema, url=address) as source:
                return TableSync(schema, source=source, sink=sink, state=state, run_id="test").run()

        assert run().rows_in_destination == ROWS
        run()
        with logged(dialect, server) as statements:
            result = run()
    return statements, result
