"""Servers and directories that tests share. A server starts when the first test asks for it, once per session."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from scripts.servers.mariadb import MariaDb
from scripts.servers.postgres import Postgres
from scripts.servers.product import Product
from scripts.servers.provide import choose
from scripts.servers.server import Server

hypothesis.settings.register_profile("the same examples every time", derandomize=True)
if "HYPOTHESIS_EXPLORE" not in os.environ:
    hypothesis.settings.load_profile("the same examples every time")


def _server(product: Product) -> Iterator[Server]:
    # Not below pytest's own temporary directory, which only its owner may enter: the server may be another user.
    directory = Path(tempfile.mkdtemp(prefix=f"dagster-pipeline-{product.name}-"))
    directory.chmod(0o711)
    server = choose(product, directory, variable=f"TEST_{product.variable}", durable=False, ends_with_us=True)
    try:
        server.start()
        yield server
    finally:
        server.remove()
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL server: `url`, `create_database(name) -> url`, `process`, `restart()`, `kill()`."""
    yield from _server(Postgres())


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    """A MariaDB (or MySQL) server: `url`, `create_database(name) -> url`, `process`, `restart()`, `kill()`."""
    yield from _server(MariaDb())


@pytest.fixture
def warehouse_dir(tmp_path: Path) -> Path:
    """An empty directory for the embedded warehouse."""
    directory = tmp_path / "warehouse"
    directory.mkdir()
    return directory


@pytest.fixture
def environment(
    postgres_server: Server, mariadb_server: Server, warehouse_dir: Path, tmp_path: Path
) -> dict[str, str]:
    """Variables for `Settings.from_environment` or a subprocess: both sources, empty warehouse, empty instance."""
    home = tmp_path / "dagster_home"
    home.mkdir()
    return {
        "POSTGRES_URL": postgres_server.url,
        "MYSQL_URL": mariadb_server.url,
        "CLICKHOUSE_URL": f"chdb://{warehouse_dir}",
        "DAGSTER_HOME": str(home),
    }
