"""Killed in the middle: the process that exports (also in the contract suite), and the server that it exports to."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from dagster_pipeline.connectors.sink.base_export_sink import ExportMode
from dagster_pipeline.errors import RetriableError
from scripts.servers.server import Server as ServerProcess
from tests.integration.exports.table_rig import TableRig, batch, export

PATIENCE = 120.0


def begin(rig: TableRig, load_id: str, does: str) -> subprocess.Popen[str]:
    """The process, after it began."""
    facts = {"dialect": rig.dialect, "url": rig.server.url, "load_id": load_id, "does": does}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.exports.staging_process", json.dumps(facts)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    return process


def until(happens: Callable[[], Any]) -> None:
    """Wait for it."""
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL."""
    process.kill()
    process.communicate()


def waiting(rig: TableRig) -> bool:
    """Another session waits for a lock of a table."""
    if rig.dialect == "postgres":
        return bool(rig.rows("SELECT 1 FROM pg_locks WHERE NOT granted"))
    found = rig.rows("SELECT state FROM information_schema.processlist WHERE db = database()")
    return any("metadata lock" in str(state) for (state,) in found)


@pytest.mark.long
def test_a_run_that_is_killed_while_it_stages_leaves_nothing_visible(rig: TableRig) -> None:
    rig.deliver(export(), batch((1, "old")))
    wanted = export()
    process = begin(rig, wanted.load_id, "stage")
    assert process.stdout is not None
    while process.stdout.readline() != "batch 3\n":
        pass
    kill(process)
    assert rig.rows() == [(1, "old")]
    until(lambda: _discarded(rig, wanted))
    assert rig.tables() == {"t"}
    rig.sink().stage(wanted, [batch((2, "new"))])
    rig.sink().publish(wanted)
    assert rig.rows() == [(2, "new")]
    assert rig.tables() == {"t"}


def _discarded(rig: TableRig, wanted: Any) -> bool:
    """The server may take a moment to notice that the process is gone, and holds its locks until then."""
    try:
        rig.sink().discard(wanted)
    except RetriableError:
        return False
    return True


@pytest.mark.long
@pytest.mark.parametrize("mode", [ExportMode.REPLACE, ExportMode.APPEND])
def test_a_run_that_is_killed_while_it_publishes_is_finished_by_the_next_one(
    rig: TableRig, mode: ExportMode
) -> None:
    rig.deliver(export(), batch((1, "old")))
    wanted = export(mode)
    rig.sink().stage(wanted, [batch((2, "new"))])
    holder = rig.server.connect()
    try:
        with holder.cursor() as cursor:
            if rig.dialect == "mysql":
                cursor.execute("LOCK TABLES t WRITE")
            else:
                cursor.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            process = begin(rig, wanted.load_id, "publish")
            until(lambda: waiting(rig))
            kill(process)
    finally:
        holder.close()
    rig.sink().publish(wanted)
    rig.sink().publish(wanted)
    expected = [(2, "new")] if mode is ExportMode.REPLACE else [(1, "old"), (2, "new")]
    assert rig.rows() == expected
    until(lambda: rig.tables() == {"t"})


@pytest.mark.parametrize("published", [False, True], ids=["renamed", "committed"])
def test_what_a_killed_run_of_mysql_left_after_publishing_is_removed(
    mysql_rig: TableRig, published: bool
) -> None:
    """Statements that rename or drop end transactions there, so a run may die between two of them."""
    rig = mysql_rig
    rig.deliver(export(), batch((1, "old")))
    wanted = export(ExportMode.APPEND if published else ExportMode.REPLACE)
    rig.sink().stage(wanted, [batch((2, "new"))])
    stage, mark, old = (f"t__{what}_{wanted.load_id}" for what in ("stage", "mark", "old"))
    if published:
        rig.run(f"INSERT INTO t SELECT * FROM {stage}", f"UPDATE {mark} SET published = 1")
    else:
        rig.run(f"RENAME TABLE t TO {old}, {stage} TO t")
    expected = rig.rows()
    rig.sink().publish(wanted)
    assert rig.rows() == expected
    assert rig.tables() == {"t"}


def test_a_server_that_dies_while_rows_are_staged_is_worth_a_retry(
    rig: TableRig, postgres_server: ServerProcess, mariadb_server: ServerProcess
) -> None:
    server = postgres_server if rig.dialect == "postgres" else mariadb_server
    if server.process is None:
        pytest.skip("the server is not ours to kill")
    rig.deliver(export(), batch((1, "old")))
    wanted, sink = export(), rig.sink()

    def rows() -> Iterator[pa.RecordBatch]:
        yield batch(*((number, "x" * 1000) for number in range(2000)))
        server.kill()
        yield batch(*((number, "x" * 1000) for number in range(2000, 10_000)))

    try:
        with pytest.raises(RetriableError):
            sink.stage(wanted, rows())
    finally:
        server.start()
    assert rig.rows() == [(1, "old")]
    sink.stage(wanted, [batch((2, "new"))])
    sink.publish(wanted)
    assert rig.rows() == [(2, "new")]
    assert rig.tables() == {"t"}


def test_a_server_that_dies_after_staging_still_has_the_rows(
    rig: TableRig, postgres_server: ServerProcess, mariadb_server: ServerProcess
) -> None:
    server = postgres_server if rig.dialect == "postgres" else mariadb_server
    if server.process is None:
        pytest.skip("the server is not ours to kill")
    wanted = export(ExportMode.APPEND)
    rig.deliver(export(), batch((1, "old")))
    rig.sink().stage(wanted, [batch((2, "new"))])
    server.kill()
    server.start()
    rig.sink().publish(wanted)
    assert rig.rows() == [(1, "old"), (2, "new")]
