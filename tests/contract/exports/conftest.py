"""One server of each kind for all tests, an empty destination for each test, and one warehouse for each module.

A kind of sink joins with a fixture `<kind>_case` and its name in `KINDS`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from scripts.servers.bigquery import BigQueryServer, running_bigquery
from scripts.servers.s3 import running_s3
from scripts.servers.server import Server
from tests.contract.exports.bigquery_case import BigQueryCase
from tests.contract.exports.database_case import MySQLCase, PostgresCase
from tests.contract.exports.export_case import ExportCase
from tests.contract.exports.export_rig import ExportRig, parse
from tests.contract.exports.s3_case import S3Case
from tests.contract.sources.both_sources import mariadb, postgres

KINDS = ["bigquery", "mysql", "postgres", "s3"]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    with running_s3() as url:
        yield url


@pytest.fixture
def s3_case(s3_server: str) -> S3Case:
    return S3Case(f"{s3_server}exports-{next(_numbers)}")


@pytest.fixture
def postgres_case(postgres_server: Server) -> PostgresCase:
    return PostgresCase(postgres(postgres_server.create_database(f"exports_{next(_numbers)}")))


@pytest.fixture
def mysql_case(mariadb_server: Server) -> MySQLCase:
    return MySQLCase(mariadb(mariadb_server.create_database(f"exports_{next(_numbers)}")))


@pytest.fixture(scope="session")
def bigquery_server() -> Iterator[BigQueryServer]:
    with running_bigquery() as server:
        yield server


@pytest.fixture
def bigquery_case(bigquery_server: BigQueryServer) -> BigQueryCase:
    return BigQueryCase(bigquery_server, f"exports_{next(_numbers)}")


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest) -> ExportCase:
    case: ExportCase = request.getfixturevalue(f"{request.param}_case")
    return case


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSink]:
    folder = tmp_path_factory.mktemp("warehouse")
    with ClickHouseSink(parse(f"chdb://{folder}", "CLICKHOUSE_URL"), run_id="test") as sink:
        yield sink


@pytest.fixture
def rig(case: ExportCase, warehouse: ClickHouseSink, tmp_path: Path) -> Iterator[ExportRig]:
    """With a database of the test's own in the module's warehouse."""
    rig = ExportRig(tmp_path, case, database=f"shop{next(_numbers)}")
    rig.lend(warehouse)
    yield rig
    rig.close()
