"""A source database and a warehouse, and the laboratory that they make together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.servers.clickhouse_http import running_front
from tests.type_lab.databases import Database, MariaDbDatabase, PostgresDatabase
from tests.type_lab.laboratory import Laboratory


@pytest.fixture(scope="module", params=["embedded", "http"])
def warehouse(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("warehouse")
    if request.param == "embedded":
        yield f"chdb://{path}"
        return
    with running_front(path, user="lab", password="lab") as front:
        yield front.url


@pytest.fixture(scope="module", params=["postgres", "mysql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    if request.param == "postgres":
        made: Database = PostgresDatabase(
            request.getfixturevalue("postgres_server").create_database("type_lab")
        )
    else:
        made = MariaDbDatabase(request.getfixturevalue("mariadb_server").create_database("type_lab"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def laboratory(
    database: Database, warehouse: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Laboratory]:
    made = Laboratory(database, warehouse, Path(tmp_path_factory.mktemp("lab")))
    yield made
    made.close()
