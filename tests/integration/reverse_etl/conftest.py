"""Both target servers, and one embedded warehouse for all tests of a module: a process opens one at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from tests.contract.sources.both_sources import Server, mariadb, postgres
from tests.integration.reverse_etl.flow_rig import FlowRig

_numbers = itertools.count(1)


@pytest.fixture(params=["postgres", "mysql"])
def server(request: pytest.FixtureRequest) -> Server:
    """An empty database of each dialect."""
    name = f"reverse_{next(_numbers)}"
    if request.param == "postgres":
        return postgres(request.getfixturevalue("postgres_server").create_database(name))
    return mariadb(request.getfixturevalue("mariadb_server").create_database(name))


@pytest.fixture(scope="module")
def shared_sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSink]:
    """The warehouse."""
    directory = tmp_path_factory.mktemp("reverse")
    url = DatabaseUrl.parse(f"chdb://{directory}", variable="CLICKHOUSE_URL", schemes=("chdb",))
    with ClickHouseSink(url) as sink:
        yield sink


@pytest.fixture
def rig(server: Server, shared_sink: ClickHouseSink, tmp_path: Path) -> Iterator[FlowRig]:
    """A flow into an empty database."""
    made = FlowRig(server, shared_sink, tmp_path)
    yield made
    made.close()
