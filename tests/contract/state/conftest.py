"""The stores that the contract is held against: SQLite and PostgreSQL, each new and empty for every test."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.state.state_manager import StateManager
from scripts.servers.server import Server

_numbers = itertools.count(1)


def _parse(text: str) -> DatabaseUrl:
    return DatabaseUrl.parse(text, variable="STATE_URL", schemes=())


@pytest.fixture
def sqlite_store_url(tmp_path: Path) -> DatabaseUrl:
    """A file that does not exist yet, nor does its directory."""
    return _parse(f"sqlite:///{tmp_path}/home/state.sqlite")


@pytest.fixture
def postgres_store_url(postgres_server: Server) -> DatabaseUrl:
    """An empty PostgreSQL database."""
    return _parse(postgres_server.create_database(f"state_{next(_numbers)}"))


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> DatabaseUrl:
    """The address of a store that does not exist yet, once for each database."""
    url = request.getfixturevalue(f"{request.param}_store_url")
    assert isinstance(url, DatabaseUrl)
    return url


@pytest.fixture
def open_store(store_url: DatabaseUrl) -> Iterator[Callable[..., StateManager]]:
    """Opens the store once more, with `StateManager`'s own options; all are closed after the test."""
    opened: list[StateManager] = []

    def another(**options: object) -> StateManager:
        opened.append(StateManager(store_url, **options))  # type: ignore[arg-type]  # each test gives the right ones
        return opened[-1]

    yield another
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., StateManager]) -> StateManager:
    """An empty store."""
    return open_store()


@pytest.fixture
def raw_connection(store_url: DatabaseUrl) -> Callable[[], Any]:
    """Connects to the store behind the state manager's back."""
    if store_url.scheme == "sqlite":
        return lambda: sqlite3.connect(store_url.database, check_same_thread=False)
    return lambda: psycopg2.connect(store_url.raw)


@pytest.fixture
def in_store(raw_connection: Callable[[], Any]) -> Callable[[str], list[Any]]:
    """Runs one statement in the store and returns its rows."""

    def run(statement: str) -> list[Any]:
        with closing(raw_connection()) as connection, connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def let_pass(in_store: Callable[[str], list[Any]]) -> Callable[[float], None]:
    """Makes the locks older by some seconds, as if the store's clock had moved and no heart had beaten."""

    def age(seconds: float) -> None:
        by = round(seconds * 1_000_000)
        in_store(
            f"UPDATE pipeline_locks SET heartbeat_at = heartbeat_at - ({by}), expires_at = expires_at - ({by})"
        )

    return age
