"""What every state store promises, call by call, held against SQLite and PostgreSQL."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from dagster_pipeline.connectors.batch import EVERYTHING, WHOLE_TABLE
from dagster_pipeline.errors import FatalError
from dagster_pipeline.state.records import Chunk, ChunkStatus, TableState
from dagster_pipeline.state.state_manager import StateManager
from tests.contract.state.loads import CREATED, TABLE, a_load, run

OpenStore = Callable[..., StateManager]
InStore = Callable[[str], list[Any]]


def test_an_unknown_table_has_a_fresh_state(store: StateManager) -> None:
    assert store.read(TABLE, "2026-03") == TableState(table=TABLE, partition="2026-03")
    assert store.tables() == ()


def test_a_load_comes_back_from_another_process_as_it_was_given(
    store: StateManager, open_store: OpenStore
) -> None:
    load = a_load(chunks=3, advance_to="x\0'\\u0041😀")
    store.open_load(load)
    assert open_store().read(TABLE).open_load == load


def test_a_full_load_of_a_whole_table_comes_back_as_it_was_given(store: StateManager) -> None:
    load = replace(
        a_load(chunks=0, advance_to=None), window=EVERYTHING, chunks=(Chunk(0, WHOLE_TABLE),), staging=""
    )
    store.open_load(load)
    assert store.read(TABLE).open_load == load


def test_a_load_without_chunks_can_be_opened_and_closed(store: StateManager) -> None:
    assert run(store, a_load(chunks=0, advance_to="7")).cursor == "7"


def test_a_second_load_of_a_table_cannot_be_opened(store: StateManager) -> None:
    first = a_load()
    store.open_load(first)
    with pytest.raises(FatalError, match=first.load_id):
        store.open_load(a_load())
    assert store.read(TABLE).open_load == first


def test_a_load_id_is_taken_once(store: StateManager) -> None:
    load = a_load()
    run(store, load)
    with pytest.raises(FatalError):
        store.open_load(load)


def test_chunks_are_planned_then_started_then_done(store: StateManager) -> None:
    load = a_load(chunks=3)
    store.open_load(load)
    store.start_chunk(load.load_id, 0)
    store.commit_chunk(load.load_id, 0, rows=5, bytes_=2**40, seconds=0.1)
    store.start_chunk(load.load_id, 2)
    left = store.read(TABLE).open_load
    assert left
    done = replace(load.chunks[0], status=ChunkStatus.DONE, rows=5, bytes=2**40, seconds=0.1)
    started = replace(load.chunks[2], status=ChunkStatus.STARTED)
    assert left.chunks == (done, load.chunks[1], started)


def test_a_chunk_that_a_dead_run_started_can_be_started_again(store: StateManager) -> None:
    load = a_load()
    store.open_load(load)
    store.start_chunk(load.load_id, 1)
    store.start_chunk(load.load_id, 1)
    store.commit_chunk(load.load_id, 1, rows=1, bytes_=1, seconds=1.0)


def test_a_chunk_that_is_done_is_never_written_again(store: StateManager) -> None:
    load = a_load()
    store.open_load(load)
    store.start_chunk(load.load_id, 0)
    store.commit_chunk(load.load_id, 0, rows=1, bytes_=1, seconds=1.0)
    with pytest.raises(FatalError, match="it is done"):
        store.start_chunk(load.load_id, 0)
    with pytest.raises(FatalError, match="it is done"):
        store.commit_chunk(load.load_id, 0, rows=2, bytes_=2, seconds=2.0)


def test_a_chunk_that_was_not_started_cannot_be_done(store: StateManager) -> None:
    load = a_load()
    store.open_load(load)
    with pytest.raises(FatalError, match="it is planned"):
        store.commit_chunk(load.load_id, 0, rows=1, bytes_=1, seconds=1.0)


def test_a_chunk_or_load_that_does_not_exist_is_refused(store: StateManager) -> None:
    load = a_load()
    store.open_load(load)
    with pytest.raises(FatalError, match="not in the ledger"):
        store.start_chunk(load.load_id, 99)
    for call in (store.abandon_load, lambda load_id: store.close_load(load_id, rows=0)):
        with pytest.raises(FatalError, match="knows no load"):
            call("ffffffffffff")


def test_closing_moves_the_cursor_and_remembers_rows_and_time_at_once(store: StateManager) -> None:
    before = datetime.now(UTC) - timedelta(minutes=5)
    closed = run(store, a_load(advance_to="2026-03-29 01:00:00"), rows=1_000)
    assert (closed.cursor, closed.rows, closed.open_load) == ("2026-03-29 01:00:00", 1_000, None)
    assert closed.last_success_at
    assert before < closed.last_success_at < before + timedelta(minutes=10)
    assert closed == store.read(TABLE)


def test_a_load_with_an_undone_chunk_cannot_be_closed(store: StateManager) -> None:
    load = a_load(chunks=2)
    store.open_load(load)
    store.start_chunk(load.load_id, 0)
    with pytest.raises(FatalError, match="2 chunk"):
        store.close_load(load.load_id, rows=1)
    state = store.read(TABLE)
    assert (state.cursor, state.last_success_at, state.open_load is not None) == (None, None, True)


def test_a_load_is_closed_once(store: StateManager) -> None:
    load = a_load()
    run(store, load)
    with pytest.raises(FatalError, match="is done"):
        store.close_load(load.load_id, rows=1)


def test_a_load_that_advances_to_nothing_leaves_the_cursor(store: StateManager) -> None:
    run(store, a_load(advance_to="5"))
    assert run(store, a_load(advance_to=None), rows=None).cursor == "5"
    assert store.read(TABLE).rows is None


def test_an_abandoned_load_makes_way_and_takes_no_more_chunks(store: StateManager) -> None:
    load = a_load()
    store.open_load(load)
    store.start_chunk(load.load_id, 0)
    store.abandon_load(load.load_id)
    store.abandon_load(load.load_id)
    with pytest.raises(FatalError, match="is abandoned, not open"):
        store.commit_chunk(load.load_id, 0, rows=1, bytes_=1, seconds=1.0)
    run(store, a_load(advance_to="9"))
    assert store.read(TABLE).cursor == "9"


def test_a_load_that_is_done_cannot_be_abandoned(store: StateManager) -> None:
    load = a_load()
    run(store, load)
    with pytest.raises(FatalError, match="is done"):
        store.abandon_load(load.load_id)


def test_a_cursor_set_by_hand_stands_and_ends_the_open_load(store: StateManager) -> None:
    run(store, a_load(advance_to="5"), rows=10)
    load = a_load()
    store.open_load(load)
    store.set_cursor(TABLE, "3")
    state = store.read(TABLE)
    assert (state.cursor, state.rows, state.open_load) == ("3", 10, None)
    with pytest.raises(FatalError, match="abandoned"):
        store.start_chunk(load.load_id, 0)
    store.set_cursor(TABLE, None)
    assert store.read(TABLE).cursor is None


def test_a_cursor_can_be_seeded_before_the_first_load(store: StateManager) -> None:
    store.set_cursor(TABLE, "3")
    assert store.tables() == (TableState(table=TABLE, cursor="3"),)


def test_versions_only_rise_and_pass_what_the_warehouse_holds(store: StateManager) -> None:
    assert [store.next_version(TABLE, above=above) for above in (0, 0, 100, 7, 101)] == [1, 2, 101, 102, 103]
    assert store.read(TABLE).version == 103
    assert store.next_version("amtdb/other", above=0) == 1


def test_a_version_that_the_store_cannot_count_to_is_refused(store: StateManager) -> None:
    assert store.next_version(TABLE, above=2**63 - 2) == 2**63 - 1
    with pytest.raises(FatalError, match="counts to"):
        store.next_version("amtdb/other", above=2**64 - 1)


def test_partitions_have_their_own_cursors_and_loads_but_one_version(store: StateManager) -> None:
    run(store, a_load(partition="eu", advance_to="1"))
    second = a_load(partition="us", advance_to="2")
    store.open_load(second)
    third = a_load(partition="asia")
    store.open_load(third)
    assert store.next_version(TABLE, above=0) == 1
    eu, us, whole = store.read(TABLE, "eu"), store.read(TABLE, "us"), store.read(TABLE)
    assert (eu.cursor, eu.open_load, eu.version) == ("1", None, 1)
    assert (us.cursor, us.open_load, us.version) == (None, second, 1)
    assert whole == TableState(table=TABLE, version=1)


def test_resetting_one_partition_leaves_the_others(store: StateManager) -> None:
    run(store, a_load(partition="eu", advance_to="1"))
    us = a_load(partition="us")
    store.open_load(us)
    store.set_cursor(TABLE, None, partition="eu")
    assert store.read(TABLE, "eu").cursor is None
    assert store.read(TABLE, "us").open_load == us


def test_tables_are_listed_by_name_and_partition(store: StateManager) -> None:
    store.next_version("amtdb/a_b", above=5)
    store.open_load(a_load("amtdb/accounts", partition="us"))
    store.set_cursor("amtdb/Zebra", "1")
    store.set_cursor("amtdb/accounts", "1", partition="eu")
    listed = [(state.table, state.partition, state.version) for state in store.tables()]
    assert listed == [
        ("amtdb/Zebra", "", 0),
        ("amtdb/a_b", "", 6),
        ("amtdb/accounts", "eu", 0),
        ("amtdb/accounts", "us", 0),
    ]
    assert store.tables()[3].open_load is not None


def test_a_ledger_of_ten_thousand_chunks_is_quick(store: StateManager) -> None:
    load = a_load(chunks=10_000)
    store.read(TABLE)
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        store.open_load(load)
        assert store.read(TABLE).open_load == load
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert len(statements) < 100  # one for each chunk would be 10,000


def test_pruning_removes_old_ledgers_but_keeps_each_tables_newest(
    store: StateManager, in_store: InStore
) -> None:
    old, new = CREATED, CREATED + timedelta(days=10)
    for partition in ("", "eu"):
        for created_at in (old, old, new):
            run(store, a_load(partition=partition, created_at=created_at))
    for _ in range(2):
        abandoned = a_load(created_at=old)
        store.open_load(abandoned)
        store.abandon_load(abandoned.load_id)
    run(store, a_load("amtdb/quiet", created_at=old, advance_to="q"))
    left_open = a_load(created_at=old)
    store.open_load(left_open)
    # Of each partition the two old ones that are done; of the two that were abandoned the older.
    assert store.count_prunable(CREATED + timedelta(days=1)) == 5
    assert store.prune(CREATED + timedelta(days=1)) == 5
    assert store.prune(CREATED + timedelta(days=1)) == 0
    # Five loads are left, of two chunks each.
    assert in_store("SELECT count(*) FROM pipeline_chunks") == [(10,)]
    assert store.read(TABLE).open_load == left_open
    assert store.read("amtdb/quiet").cursor == "q"


def test_the_newest_load_is_the_one_opened_last_whatever_the_clock_said(store: StateManager) -> None:
    run(store, a_load(created_at=CREATED))
    last = a_load(created_at=CREATED - timedelta(days=1))  # the clock was set back
    run(store, last)
    assert store.prune(CREATED + timedelta(days=1)) == 1
    with pytest.raises(FatalError, match="is done"):
        store.abandon_load(last.load_id)


def test_a_restored_table_stands_where_it_stood_and_its_version_never_goes_down(
    store: StateManager,
) -> None:
    run(store, a_load(advance_to="1"))
    store.next_version(TABLE, above=50)
    load = a_load(chunks=3)
    load = replace(load, chunks=(replace(load.chunks[0], status=ChunkStatus.DONE, rows=4), *load.chunks[1:]))
    given = TableState(TABLE, cursor="8", version=20, rows=9, last_success_at=CREATED, open_load=load)
    store.restore([given])
    assert store.read(TABLE) == replace(given, version=51)
    store.restore([replace(given, version=70)])
    assert store.read(TABLE) == replace(given, version=70)


def test_a_reader_sees_one_moment_though_a_load_ends_meanwhile(
    store: StateManager, open_store: OpenStore
) -> None:
    load = a_load(chunks=0, advance_to="9")
    store.open_load(load)
    other = open_store()
    other.read(TABLE)
    ended: list[TableState] = []
    reads = itertools.count()

    def end_it(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("SELECT pipeline_loads") and next(reads) == 0:
            ended.append(other.close_load(load.load_id, rows=1))

    event.listen(Engine, "after_cursor_execute", end_it)
    try:
        seen = store.read(TABLE)
    finally:
        event.remove(Engine, "after_cursor_execute", end_it)
    assert (seen.cursor, seen.open_load) == (None, load)
    assert [store.read(TABLE)] == ended


def test_a_store_can_be_closed_twice_and_used_again(store: StateManager) -> None:
    store.set_cursor(TABLE, "1")
    store.close()
    store.close()
    assert store.read(TABLE).cursor == "1"
    assert store.read(TABLE).open_load is None


def test_a_run_that_found_nothing_new_is_a_success_too(store: StateManager) -> None:
    store.note_success("shop/never_loaded")
    assert store.read("shop/never_loaded").last_success_at is not None
    before = run(store, a_load(advance_to="7"))
    time.sleep(0.002)
    store.note_success(TABLE)
    after = store.read(TABLE)
    assert (after.cursor, after.rows, after.version) == (before.cursor, before.rows, before.version)
    assert after.last_success_at is not None
    assert before.last_success_at is not None
    assert after.last_success_at > before.last_success_at
    assert store.cursors("shop/never_loaded") == {}
