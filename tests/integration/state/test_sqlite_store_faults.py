"""A SQLite store that is locked, read-only, full, damaged or gone: each gets an error that says what to do."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, RetriableError
from dagster_pipeline.state.state_manager import StateManager
from tests.contract.state.loads import TABLE, a_load, run

ROOT = Path(__file__).resolve().parents[3]
NOBODY = 65534


def _url(file: Path | str, options: str = "") -> DatabaseUrl:
    return DatabaseUrl.parse(f"sqlite:///{file}{options}", variable="STATE_URL", schemes=())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store that knows one cursor."""
    path = tmp_path / "state.sqlite"
    with closing(StateManager(_url(path))) as store:
        store.set_cursor(TABLE, "1")
    return path


@pytest.fixture
def anyones_directory() -> Iterator[Path]:
    """A directory that another user may walk into, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="dagster-pipeline-state-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_a_writer_waits_for_another(file: Path) -> None:
    with closing(StateManager(_url(file))) as store, closing(_writer(file)) as other:
        ended = threading.Event()
        threading.Timer(0.5, lambda: (ended.set(), other.rollback())).start()
        store.set_cursor(TABLE, "2")
        assert ended.is_set()
        assert store.read(TABLE).cursor == "2"


def test_a_reader_does_not_wait_for_a_writer(file: Path) -> None:
    with closing(StateManager(_url(file, "?timeout=0"))) as store, closing(_writer(file)):
        assert store.read(TABLE).cursor == "1"


def test_a_store_that_stays_locked_is_a_passing_error(file: Path) -> None:
    with closing(StateManager(_url(file, "?timeout=0.3"))) as store:
        store.read(TABLE)
        with (
            closing(_writer(file)),
            pytest.raises(RetriableError, match="locked by another writer") as refused,
        ):
            store.set_cursor(TABLE, "2")
        assert refused.value.code == str(sqlite3.SQLITE_BUSY)
        store.set_cursor(TABLE, "2")


def test_a_store_that_is_locked_at_its_first_use_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite"
    with closing(_writer(file)) as other:
        threading.Timer(0.5, other.rollback).start()
        with closing(StateManager(_url(file))) as store:
            store.set_cursor(TABLE, "1")
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_full_disk_is_a_passing_error_and_the_store_is_as_before(file: Path) -> None:
    def shrink(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 30")

    event.listen(Engine, "connect", shrink)
    try:
        with closing(StateManager(_url(file))) as store:
            with pytest.raises(RetriableError, match="no room left"):
                store.open_load(a_load(chunks=10_000))
            assert store.read(TABLE).open_load is None
    finally:
        event.remove(Engine, "connect", shrink)
    with closing(StateManager(_url(file))) as store:
        run(store, a_load(chunks=100))


@pytest.mark.parametrize("content", [b"no database" * 1_000, b"SQLite format 3\0" + b"\xff" * 10_000])
def test_a_damaged_store_is_refused_with_the_way_out(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "state.sqlite"
    file.write_bytes(content)
    with closing(StateManager(_url(file))) as store, pytest.raises(ConfigurationError, match="from a backup"):
        store.read(TABLE)
    assert file.read_bytes() == content


def test_a_page_that_is_damaged_is_refused(file: Path) -> None:
    with closing(StateManager(_url(file))) as store:
        run(store, a_load(chunks=500))
    pages = file.read_bytes()
    file.write_bytes(pages[: 4096 * 2] + os.urandom(len(pages) - 4096 * 2))
    with closing(StateManager(_url(file))) as store, pytest.raises(ConfigurationError, match="is damaged"):
        store.read(TABLE)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_store_that_vanishes_while_in_use_is_noticed(file: Path, *, replaced: bool) -> None:
    with closing(StateManager(_url(file))) as store:
        store.set_cursor(TABLE, "1")
        copy = file.read_bytes()
        file.unlink()
        if replaced:
            file.with_suffix(".new").write_bytes(copy)
            file.with_suffix(".new").rename(file)
        with pytest.raises(ConfigurationError, match="removed or replaced"):
            store.set_cursor(TABLE, "2")
        assert file.exists() == replaced


def test_tables_that_someone_dropped_are_named(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE pipeline_positions")
    with (
        closing(StateManager(_url(file))) as store,
        pytest.raises(ConfigurationError, match="pipeline_positions"),
    ):
        store.read(TABLE)


def test_a_directory_is_no_store(tmp_path: Path) -> None:
    with (
        closing(StateManager(_url(tmp_path))) as store,
        pytest.raises(ConfigurationError, match="cannot be opened"),
    ):
        store.read(TABLE)


def test_a_directory_that_cannot_be_created_is_named(file: Path) -> None:
    with (
        closing(StateManager(_url(file / "below" / "state.sqlite"))) as store,
        pytest.raises(ConfigurationError, match="cannot be created"),
    ):
        store.read(TABLE)


def test_a_path_with_spaces_and_signs_is_one_file(tmp_path: Path) -> None:
    with closing(StateManager(_url(f"{tmp_path}/a%20b%3Fc/x.sqlite"))) as store:
        store.set_cursor(TABLE, "1")
    assert (tmp_path / "a b?c" / "x.sqlite").exists()


def test_nothing_is_opened_before_the_first_call(tmp_path: Path) -> None:
    StateManager(_url(tmp_path / "below" / "state.sqlite")).close()
    assert not (tmp_path / "below").exists()


def test_a_read_only_file_is_refused_with_what_to_do(anyones_directory: Path) -> None:
    file = anyones_directory / "state.sqlite"
    with closing(StateManager(_url(file))) as store:
        store.set_cursor(TABLE, "1")
    assert "Give this user the right to write" in _as_another_user(file)


def test_a_read_only_directory_is_refused_with_what_to_do(anyones_directory: Path) -> None:
    assert "this user must have the right" in _as_another_user(anyones_directory / "state.sqlite")


def test_a_directory_below_a_read_only_one_is_refused_with_what_to_do(anyones_directory: Path) -> None:
    assert "Create it, with the right for this user" in _as_another_user(
        anyones_directory / "new" / "x.sqlite"
    )


def _writer(file: Path) -> sqlite3.Connection:
    """Another program that writes and does not come to an end."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def _as_another_user(file: Path) -> str:
    """What a writer is told who may only read there. A superuser may write anywhere, so it becomes another one."""
    file.parent.exists() and file.parent.chmod(0o555)
    program = (
        "import os, sys\n"
        "from tests.integration.state import test_sqlite_store_faults as faults\n"
        "from dagster_pipeline.errors import ConfigurationError\n"
        f"os.geteuid() or os.setresuid({NOBODY}, {NOBODY}, {NOBODY})\n"
        "try: faults.StateManager(faults._url(sys.argv[1])).set_cursor(faults.TABLE, '2')\n"
        "except ConfigurationError as error: print(error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, file], cwd=ROOT, capture_output=True, text=True, check=True
    )
    file.parent.exists() and file.parent.chmod(0o755)
    return ran.stdout
