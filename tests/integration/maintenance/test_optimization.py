"""OPTIMIZE on a real engine: what it merges, what it leaves, and that it is never in anybody's way."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.maintenance.optimization import OptimizeConfig, Optimizer
from dagster_pipeline.maintenance.warehouse import comment, still_running
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.table_lock import hold
from tests.integration.maintenance.conftest import warehouse_url
from tests.integration.maintenance.maintained_tables import a_table, fill, parts

DEADLINE = 120.0


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.005)


@contextmanager
def watched(url: str, table: str) -> Iterator[list[int]]:
    """How many OPTIMIZE statements of the table run, asked over and over by a connection of its own."""
    seen: list[int] = []
    done = threading.Event()

    def watch() -> None:
        with ClickHouseSink(warehouse_url(url)) as sink:
            while not done.is_set():
                seen.append(still_running(sink, comment("optimize", table)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


@contextmanager
def processes(count: int, *words: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Optimizers that stand ready and wait for a line."""
    command = [sys.executable, "-m", "tests.integration.maintenance.optimizer_process", *words]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                with suppress(BrokenPipeError):
                    pipe.close()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_a_merge_takes_duplicates_away_and_says_how_many(
    sink: ClickHouseSink, database: str, state: StateManager
) -> None:
    table = a_table(database)
    sink.ensure_table(table)
    fill(sink, table, partitions=3, rows=100, loads=3)
    sink.run(
        f"INSERT INTO {table.full_name} (id, part, _version) VALUES (1000, 7, 1)", doing="A part of its own"
    )
    sink.run(f"INSERT INTO {table.full_name} (id, part, _version) VALUES (1001, 7, 1)", doing="Another one")
    sink.run(f"OPTIMIZE TABLE {table.full_name} PARTITION 2 FINAL", doing="One is merged already")

    result = Optimizer(sink, state=state, owner="test").run([table])

    assert {merged.name[:11] for merged in result.merged} == {"partition 0", "partition 1"}
    for merged in result.merged:
        assert merged.after is not None
        assert (merged.before.rows, merged.after.rows, merged.after.parts) == (300, 100, 1)
        assert merged.before.bytes > merged.after.bytes > 0
        assert round(merged.duplicates or 0, 3) == 0.667
    assert [why for _, why in result.left] == ["it would not pay: 2 parts, 0.0% duplicates"]
    assert parts(sink, table) == {"0": 1, "1": 1, "2": 1, "7": 2}


def test_the_coldest_comes_first_and_the_next_round_goes_on_where_the_budget_ended(
    sink: ClickHouseSink, database: str, state: StateManager
) -> None:
    table = a_table(database)
    sink.ensure_table(table)
    fill(sink, table, partitions=2, rows=100, loads=2)
    older, newer = ("1", "0")
    wait_until(
        lambda: (
            sink.rows(
                f"SELECT now() > max(modification_time) FROM system.parts WHERE database = '{database}'"
            )
            == [(1,)]
        ),
        "the clock moves on",
    )
    sink.run(
        f"INSERT INTO {table.full_name} (id, part, _version) VALUES (0, {newer}, 9)", doing="A newer part"
    )
    ticks = iter([0.0, 0.0, 0.0, 10.0, 10.0, *[20.0] * 9])
    one = Optimizer(
        sink, state=state, owner="test", config=OptimizeConfig(seconds=15), clock=lambda: next(ticks)
    ).run([table])
    assert [merged.name[:11] for merged in one.merged] == [f"partition {older}"]
    assert one.stopped
    assert parts(sink, table) == {older: 1, newer: 3}

    other = Optimizer(sink, state=state, owner="test").run([table])
    assert [merged.name[:11] for merged in other.merged] == [f"partition {newer}"]
    assert not other.stopped


def test_a_table_that_is_loaded_is_left_and_one_larger_than_the_budget_too(
    sink: ClickHouseSink, database: str, state: StateManager
) -> None:
    table = a_table(database)
    sink.ensure_table(table)
    fill(sink, table, partitions=2, rows=100, loads=2)
    with hold(state, f"{database}/orders", owner="a load", keys=("2024-01-01",)):
        result = Optimizer(sink, state=state, owner="test").run([table])
    assert [why for _, why in result.left] == ["the table is being loaded"] * 2
    small = Optimizer(sink, state=state, owner="test", config=OptimizeConfig(bytes=1)).run([table])
    assert {why for _, why in small.left} == {"larger than what is left of the budget in bytes"}
    wanted = Optimizer(sink, state=state, owner="test", is_wanted_elsewhere=lambda: True).run([table])
    assert wanted.stopped == "a load waits for the warehouse"
    assert parts(sink, table) == {"0": 2, "1": 2}


def test_two_processes_never_merge_two_partitions_of_one_table_at_once(
    sink: ClickHouseSink, database: str, http_url: str, state_url: str
) -> None:
    """Nor does a third one when the first is killed: the server goes on with what it was told."""
    table = a_table(database)
    sink.ensure_table(table)
    fill(sink, table, partitions=8, rows=30_000, loads=3, width=40)
    words = (http_url, state_url, database, "orders")
    with watched(http_url, f"{database}/orders") as seen, processes(3, *words) as started:
        killed, *others = started
        go(killed)
        wait_until(lambda: max(seen, default=0) > 0, "a merge runs")
        killed.kill()
        for process in others:
            go(process)
        for process in others:
            assert process.wait(DEADLINE) == 0
    assert max(seen) == 1
    assert sum(parts(sink, table).values()) < 8 * 3
    with processes(1, *words) as (last,):
        go(last)
        assert last.wait(DEADLINE) == 0
    assert parts(sink, table) == {str(partition): 1 for partition in range(8)}


def test_a_load_does_not_wait_for_a_merge(
    sink: ClickHouseSink, database: str, http_url: str, state_url: str, state: StateManager
) -> None:
    """It takes its lock, alters the table, writes and is read, all while one OPTIMIZE statement runs."""
    table = a_table(database)
    sink.ensure_table(table)
    fill(sink, table, partitions=1, rows=600_000, loads=3, width=100)
    name = f"{database}/orders"
    running = comment("optimize", name)
    with processes(1, http_url, state_url, database, "orders") as (optimizer,):
        go(optimizer)
        wait_until(lambda: still_running(sink, running) == 1, "the merge runs")
        with hold(state, name, owner="a load", keys=()) as lock:
            sink.run(f"ALTER TABLE {table.full_name} ADD COLUMN more UInt8", doing="As a load does")
            sink.run(
                f"INSERT INTO {table.full_name} (id, part, text, _version) VALUES (1, 0, 'new', 99)",
                doing="Loading",
            )
            lock.assert_held()
        assert still_running(sink, running) == 1, "the merge was over too soon to tell"
        assert optimizer.wait(DEADLINE) == 0
    rows = sink.rows(f"SELECT text, more FROM {table.full_name} FINAL WHERE id = 1")
    assert rows == [("new", 0)]
    assert sink.rows(f"SELECT count() FROM {table.full_name} FINAL") == [(600_000,)]
