"""Servers and directories that tests share. A server starts when the first test asks for it, once per session."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from scripts.servers.mariadb import MariaDb
from scripts.servers.postgres import Postgres
from scripts.servers.scratch import scratch_server
from scripts.servers.server import Server
from tests.long_files_first import place
from tests.plain_ids import refused

hypothesis.settings.register_profile("the same examples every time", derandomize=True)
if "HYPOTHESIS_EXPLORE" not in os.environ:
    hypothesis.settings.load_profile("the same examples every time")


def pytest_configure() -> None:
    """Heed Ctrl-C also when started in the background.

    A shell starts such a process with SIGINT ignored, Dagster then gives SIGTERM the same handler, and every process that a
    test starts inherits both: nobody could end it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than processors: a third of the time tests wait for servers, disks, locks and processes."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bring long files to the front; the tests of a file stay together and in order."""
    key = place(config.rootpath)
    items.sort(key=lambda item: key(item.path))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test whose id may differ between processes; not its collection, whose errors a worker does not show."""
    if why := refused(item.nodeid):
        pytest.fail(why, pytrace=False)


@pytest.fixture(autouse=True)
def _no_instance_of_another_test() -> Iterator[None]:
    """Definitions ask the Dagster instance that was entered last, and one that an earlier test left may be gone by now."""
    if "dagster" not in sys.modules:
        yield
        return
    from dagster._core.storage.defs_state.base import set_defs_state_storage

    with set_defs_state_storage(None):
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL server: `url`, `create_database(name) -> url`, `process`, `restart()`, `kill()`."""
    with scratch_server(Postgres()) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    """A MariaDB (or MySQL) server: `url`, `create_database(name) -> url`, `process`, `restart()`, `kill()`."""
    with scratch_server(MariaDb()) as server:
        yield server


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
