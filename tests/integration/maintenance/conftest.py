"""A warehouse behind HTTP, or embedded, with a state store beside it."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.state.state_manager import StateManager
from scripts.servers.clickhouse_http import running_front

_numbers = itertools.count(1)
_this_run = uuid.uuid4().hex[:8]


def warehouse_url(text: str) -> DatabaseUrl:
    return DatabaseUrl.parse(text, variable="CLICKHOUSE_URL", schemes=("chdb", "http", "https"))


@pytest.fixture(scope="session")
def http_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A ClickHouse behind HTTP: a small front over the embedded engine unless TEST_CLICKHOUSE_URL names a server."""
    given = os.environ.get("TEST_CLICKHOUSE_URL")
    if given:
        yield given
        return
    with running_front(tmp_path_factory.mktemp("front")) as front:
        yield front.url


@pytest.fixture
def sink(http_url: str) -> Iterator[ClickHouseSink]:
    with ClickHouseSink(warehouse_url(http_url)) as opened:
        yield opened


@pytest.fixture
def database(http_url: str) -> Iterator[str]:
    """An empty database, dropped after the test."""
    name = f"maintained_{_this_run}_{next(_numbers)}"
    with ClickHouseSink(warehouse_url(http_url)) as opened:
        opened.run(f"CREATE DATABASE {name}", doing="Making the test's database")
        yield name
        opened.run(f"DROP DATABASE IF EXISTS {name}", doing="Cleaning up")


@pytest.fixture
def state_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state.sqlite'}"


@pytest.fixture
def state(state_url: str) -> Iterator[StateManager]:
    store = StateManager(DatabaseUrl.parse(state_url, variable="STATE_URL", schemes=()))
    yield store
    store.close()
