"""Both sources on their real servers, each test with an empty database."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.sources.both_sources import Server, mariadb, postgres


@pytest.fixture(params=["postgres", "mysql"])
def server(request: pytest.FixtureRequest) -> Server:
    if request.param == "postgres":
        running: Any = request.getfixturevalue("postgres_server")
        return postgres(running.create_database("sources_contract"))
    running = request.getfixturevalue("mariadb_server")
    return mariadb(running.create_database("sources_contract"))
