"""The warehouses that the contract is held against: the embedded engine, and one over HTTP.

Over HTTP stands a small front over the embedded engine (`scripts/servers/clickhouse_http.py`), unless
TEST_CLICKHOUSE_URL names a real server.
"""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from scripts.servers.clickhouse_http import running_front

_numbers = itertools.count(1)
_this_run = uuid.uuid4().hex[:8]

OpenSink = Callable[..., ClickHouseSink]


def parse_url(text: str) -> DatabaseUrl:
    return DatabaseUrl.parse(text, variable="CLICKHOUSE_URL", schemes=("chdb", "http", "https"))


@pytest.fixture(scope="session")
def http_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A ClickHouse behind HTTP."""
    given = os.environ.get("TEST_CLICKHOUSE_URL")
    if given:
        yield given
        return
    with running_front(tmp_path_factory.mktemp("front"), password="s3cret word") as front:
        yield front.url


@pytest.fixture(params=["embedded", "http"])
def sink_url(request: pytest.FixtureRequest) -> DatabaseUrl:
    """The address of a warehouse, once for each way to one."""
    if request.param == "embedded":
        directory: Path = request.getfixturevalue("warehouse_dir")
        return parse_url(f"chdb://{directory}")
    return parse_url(request.getfixturevalue("http_url"))


@pytest.fixture
def open_sink(sink_url: DatabaseUrl) -> Iterator[OpenSink]:
    """Opens one more sink on the warehouse; all are closed after the test."""
    with ExitStack() as stack:

        def open_one(**options: object) -> ClickHouseSink:
            return stack.enter_context(ClickHouseSink(sink_url, **options))

        yield open_one


@pytest.fixture
def database(open_sink: OpenSink) -> str:
    """The name of a database that does not exist yet."""
    return f"sinks_{_this_run}_{next(_numbers)}"


@pytest.fixture
def sink(open_sink: OpenSink, database: str) -> Iterator[ClickHouseSink]:
    """A sink; the test's database is dropped after it."""
    yield open_sink()
    open_sink().run(f"DROP DATABASE IF EXISTS `{database}`", doing="Cleaning up")
