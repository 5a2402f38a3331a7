"""A shop in PostgreSQL, and one in either source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.commands.shop import Shop
from tests.type_lab.databases import MariaDbDatabase, PostgresDatabase


@pytest.fixture(params=["postgres"])
def shop(
    request: pytest.FixtureRequest,
    warehouse_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Shop]:
    """By default in PostgreSQL; `@pytest.mark.parametrize("shop", ["postgres", "mysql"], indirect=True)` for both."""
    server = {"postgres": "postgres_server", "mysql": "mariadb_server"}[request.param]
    kind = {"postgres": PostgresDatabase, "mysql": MariaDbDatabase}[request.param]
    database = kind(request.getfixturevalue(server).create_database("shop"))
    made = Shop(database, tmp_path / "schemas", capsys)
    made.set_up(warehouse_dir, monkeypatch)
    yield made
    database.close()
