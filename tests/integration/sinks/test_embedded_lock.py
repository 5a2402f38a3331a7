"""Who may open the embedded warehouse, and what the others are told."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, RetriableError

HOLD = """
import sys, time
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
with ClickHouseSink(DatabaseUrl.parse(sys.argv[1], variable="", schemes=()), run_id="1f3a") as sink:
    sink.rows("SELECT 1")
    print("open", flush=True)
    sys.stdin.readline()
"""


def a_sink(directory: Path, *, wait: float = 0.0, run_id: str = "") -> ClickHouseSink:
    url = DatabaseUrl.parse(f"chdb://{directory}", variable="CLICKHOUSE_URL", schemes=())
    return ClickHouseSink(url, run_id=run_id, lock_wait_seconds=wait)


@contextmanager
def holding(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the warehouse open until its standard input says something."""
    words = [sys.executable, "-c", HOLD, f"chdb://{directory}"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.kill()


def let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_held_warehouse_names_its_holder(warehouse_dir: Path) -> None:
    with holding(warehouse_dir) as process, a_sink(warehouse_dir) as sink:
        with pytest.raises(RetriableError) as raised:
            sink.rows("SELECT 1")
        assert re.search(rf"held by pid {process.pid} since 20\d\d-\S+, run 1f3a\.", str(raised.value))
        assert str(warehouse_dir) in str(raised.value)


def test_a_holder_that_is_just_closing_is_waited_for(warehouse_dir: Path) -> None:
    with holding(warehouse_dir) as process, a_sink(warehouse_dir, wait=60) as sink:
        threading.Timer(0.5, let_go, [process]).start()
        assert sink.rows("SELECT 1") == [(1,)]


def test_a_killed_holder_holds_nothing(warehouse_dir: Path) -> None:
    with holding(warehouse_dir) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with a_sink(warehouse_dir) as sink:
            assert sink.rows("SELECT 1") == [(1,)]


def test_several_sinks_of_one_process_share_it_until_the_last_is_closed(warehouse_dir: Path) -> None:
    one, other = a_sink(warehouse_dir), a_sink(warehouse_dir)
    assert one.rows("SELECT 1") == other.rows("SELECT 1")
    one.close()
    one.close()
    assert other.rows("SELECT 2") == [(2,)]
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(
            [
                sys.executable,
                "-c",
                HOLD.replace('run_id="1f3a"', "lock_wait_seconds=0"),
                f"chdb://{warehouse_dir}",
            ],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
    other.close()
    with holding(warehouse_dir):
        pass


def test_one_process_may_open_one_warehouse_after_another(tmp_path: Path) -> None:
    for name in ("a", "b", "a"):
        with a_sink(tmp_path / name / "made on the way") as sink:
            assert sink.rows("SELECT 1") == [(1,)]


def test_a_directory_that_cannot_be_made_is_a_matter_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        a_sink(tmp_path / "file" / "warehouse") as sink,
        pytest.raises(ConfigurationError, match="CLICKHOUSE_URL"),
    ):
        sink.rows("SELECT 1")


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    with a_sink(tmp_path / "warehouse"):
        assert not (tmp_path / "warehouse").exists()
