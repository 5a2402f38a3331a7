"""An empty database of each dialect."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.contract.sources.both_sources import Server, mariadb, postgres
from tests.integration.exports.table_rig import TableRig

_numbers = itertools.count(1)


def _server(dialect: str, request: pytest.FixtureRequest) -> Server:
    name = f"exports_{next(_numbers)}"
    if dialect == "postgres":
        return postgres(request.getfixturevalue("postgres_server").create_database(name))
    return mariadb(request.getfixturevalue("mariadb_server").create_database(name))


@pytest.fixture(params=["postgres", "mysql"])
def rig(request: pytest.FixtureRequest) -> Iterator[TableRig]:
    """Of both."""
    made = TableRig(_server(request.param, request))
    yield made
    made.close()


@pytest.fixture
def postgres_rig(request: pytest.FixtureRequest) -> Iterator[TableRig]:
    """PostgreSQL alone."""
    made = TableRig(_server("postgres", request))
    yield made
    made.close()


@pytest.fixture
def mysql_rig(request: pytest.FixtureRequest) -> Iterator[TableRig]:
    """MariaDB or MySQL alone."""
    made = TableRig(_server("mysql", request))
    yield made
    made.close()
