"""An embedded warehouse for the type tests of a module: opening one takes a second, and a process may hold one."""

from collections.abc import Iterator
from typing import Any

import clickhouse_connect
import pytest


@pytest.fixture(scope="module")
def lab_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of an embedded engine with an empty database `lab`."""
    client = clickhouse_connect.get_client(dsn=f"chdb://{tmp_path_factory.mktemp('lab_warehouse')}")
    client.command("CREATE DATABASE lab")
    yield client
    client.close()
