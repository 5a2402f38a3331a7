"""What every state store promises about locks."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import FatalError, RetriableError, TableLockedError
from dagster_pipeline.state.state_manager import StateManager
from tests.contract.state.loads import TABLE

OpenStore = Callable[..., StateManager]


def _can_lock(store: StateManager, partition: str = "", table: str = TABLE) -> bool:
    try:
        with store.lock(table, owner="another", partition=partition):
            return True
    except TableLockedError:
        return False


def test_a_held_lock_refuses_others_and_names_holder_and_expiry(
    store: StateManager, open_store: OpenStore
) -> None:
    with store.lock(TABLE, owner="run 4711") as lock:
        lock.assert_held()
        (record,) = store.locks()
        with pytest.raises(TableLockedError) as refused, open_store().lock(TABLE, owner="run 4712"):
            pass
    said = str(refused.value)
    for fact in (TABLE, "run 4711", socket.gethostname(), str(os.getpid()), f"{record.expires_at:%F %T}"):
        assert fact in said
    assert isinstance(refused.value, RetriableError)


def test_a_lock_is_given_back_also_when_the_run_fails(store: StateManager) -> None:
    with pytest.raises(ZeroDivisionError), store.lock(TABLE, owner="run 1"):
        raise ZeroDivisionError
    assert store.locks() == ()
    assert _can_lock(store)


def test_a_run_cannot_take_its_own_lock_twice(store: StateManager) -> None:
    with store.lock(TABLE, owner="run 1"):
        assert not _can_lock(store)


def test_two_tables_do_not_wait_for_each_other(store: StateManager) -> None:
    with store.lock(TABLE, owner="run 1"):
        assert _can_lock(store, table="amtdb/other")


def test_two_partitions_run_at_once_but_not_beside_the_whole_table(store: StateManager) -> None:
    with store.lock(TABLE, owner="run 1", partition="eu"):
        assert _can_lock(store, "us")
        assert not _can_lock(store, "eu")
        assert not _can_lock(store, "")
    with store.lock(TABLE, owner="run 1"):
        assert not _can_lock(store, "eu")


def test_the_whole_table_and_a_partition_never_win_the_same_race(
    store: StateManager, open_store: OpenStore
) -> None:
    other = open_store()
    start, end = threading.Barrier(2, timeout=60), threading.Barrier(2, timeout=60)

    def race(racer: StateManager, partition: str) -> bool:
        start.wait()
        try:
            with racer.lock(TABLE, owner="run", partition=partition):
                end.wait()
                return True
        except TableLockedError:
            end.wait()
            return False

    with ThreadPoolExecutor(2) as pool:
        for _ in range(40):
            ran = [pool.submit(race, store, ""), pool.submit(race, other, "eu")]
            assert [racer.result() for racer in ran].count(True) == 1


def test_the_whole_table_is_free_when_every_partition_is(store: StateManager) -> None:
    with ExitStack() as stack:
        for partition in ("eu", "us"):
            stack.enter_context(store.lock(TABLE, owner="run 1", partition=partition))
        assert not _can_lock(store)
    assert _can_lock(store)


def test_a_heartbeat_keeps_the_lock_longer_than_its_time(open_store: OpenStore) -> None:
    store = open_store(lock_seconds=1)
    with store.lock(TABLE, owner="run 1") as lock:
        (first,) = store.locks()
        deadline = time.monotonic() + 60
        while (later := store.locks()[0]).heartbeat_at <= first.expires_at:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert later.expires_at > later.heartbeat_at
        assert later.acquired_at == first.acquired_at
        lock.assert_held()


def test_a_locks_time_begins_when_it_is_given_not_when_it_is_asked_for(
    store: StateManager, raw_connection: Callable[[], Any]
) -> None:
    store.set_cursor(TABLE, "1")
    with store.lock("amtdb/other", owner="run 1"):
        (asked,) = store.locks()
    with closing(raw_connection()) as writer:
        writer.cursor().execute("UPDATE pipeline_tables SET version = version")
        threading.Timer(1.0, writer.commit).start()
        with store.lock(TABLE, owner="run 1"):
            (given,) = store.locks()
    assert given.acquired_at - asked.acquired_at >= timedelta(seconds=0.9)
    assert given.expires_at - given.acquired_at >= timedelta(seconds=90)


def test_a_lock_that_was_taken_away_is_lost(store: StateManager) -> None:
    with store.lock(TABLE, owner="run 1") as lock:
        assert store.release_lock(TABLE)
        assert not store.release_lock(TABLE)
        with pytest.raises(TableLockedError, match=r"run 1 .* lost"):
            lock.assert_held()


def test_a_block_that_fails_after_its_lock_was_lost_says_so(store: StateManager) -> None:
    def lose_and_fail() -> None:
        with store.lock(TABLE, owner="run 1"):
            store.release_lock(TABLE)
            raise FatalError("The load is not there any more.")

    with pytest.raises(TableLockedError, match=r"run 1 .* lost") as told:
        lose_and_fail()
    assert isinstance(told.value.__cause__, FatalError)


def test_a_block_that_fails_while_it_holds_its_lock_fails_by_its_own_error(store: StateManager) -> None:
    with pytest.raises(FatalError, match="no disk"), store.lock(TABLE, owner="run 1"):
        raise FatalError("There is no disk.")
    assert _can_lock(store)


def test_a_lost_lock_does_not_end_the_lock_of_the_next_run(store: StateManager) -> None:
    with ExitStack() as stack:
        with store.lock(TABLE, owner="run 1") as lost:
            store.release_lock(TABLE)
            next_lock = stack.enter_context(store.lock(TABLE, owner="run 2"))
            with pytest.raises(TableLockedError):
                lost.assert_held()
        next_lock.assert_held()
        assert not _can_lock(store)


def test_releasing_a_partition_leaves_the_others_locked(store: StateManager) -> None:
    with (
        store.lock(TABLE, owner="run 1", partition="eu") as eu,
        store.lock(TABLE, owner="run 2", partition="us") as us,
    ):
        store.release_lock(TABLE, partition="eu")
        us.assert_held()
        with pytest.raises(TableLockedError):
            eu.assert_held()


def test_an_expired_lock_is_taken_over_and_its_holder_has_lost_it(
    store: StateManager, let_pass: Callable[[float], None]
) -> None:
    with store.lock(TABLE, owner="run 1") as dead:
        let_pass(89)
        assert not _can_lock(store)
        let_pass(2)
        with store.lock(TABLE, owner="run 2") as alive:
            with pytest.raises(TableLockedError):
                dead.assert_held()
            alive.assert_held()


def test_an_expired_partition_does_not_stay_beside_the_whole_table(
    store: StateManager, let_pass: Callable[[float], None]
) -> None:
    with store.lock(TABLE, owner="run 1", partition="eu") as dead:
        let_pass(91)
        with store.lock(TABLE, owner="run 2"):
            with pytest.raises(TableLockedError):
                dead.assert_held()
            assert [record.partition for record in store.locks()] == [""]


def test_an_expired_lock_that_nobody_took_is_prolonged_when_asked_for(
    store: StateManager, let_pass: Callable[[float], None]
) -> None:
    """Nobody else can have worked on the table meanwhile."""
    with store.lock(TABLE, owner="run 1") as lock:
        let_pass(91)
        lock.assert_held()
        assert not _can_lock(store)


def test_a_lock_is_prolonged_when_a_heartbeat_is_due_and_not_before(
    store: StateManager, let_pass: Callable[[float], None]
) -> None:
    """A third of its time is a heartbeat's; whoever asks before then costs the store no write."""
    with store.lock(TABLE, owner="run 1") as lock:
        (taken,) = store.locks()
        lock.assert_held()
        assert store.locks() == (taken,)
        let_pass(31)
        lock.assert_held()
        (prolonged,) = store.locks()
        assert prolonged.expires_at >= taken.expires_at
        assert not _can_lock(store)


def test_a_clock_that_is_set_back_neither_opens_a_lock_nor_keeps_it_for_ever(
    store: StateManager, let_pass: Callable[[float], None]
) -> None:
    with store.lock(TABLE, owner="run 1"):
        let_pass(-86_400)
        assert not _can_lock(store)
        let_pass(89)
        assert not _can_lock(store)
        let_pass(2)
        assert _can_lock(store)


def test_an_hour_between_two_hosts_clocks_opens_no_lock_in_postgresql(
    postgres_store_url: DatabaseUrl,
) -> None:
    with (
        closing(StateManager(postgres_store_url)) as here,
        closing(StateManager(postgres_store_url, clock=_an_hour_ahead)) as there,
        here.lock(TABLE, owner="run 1") as lock,
    ):
        assert not _can_lock(there)
        lock.assert_held()


def test_a_sqlite_store_goes_by_the_clock_that_it_was_given(sqlite_store_url: DatabaseUrl) -> None:
    with closing(StateManager(sqlite_store_url, clock=_an_hour_ahead)) as store:
        before = _an_hour_ahead()
        with store.lock(TABLE, owner="run 1"):
            (record,) = store.locks()
    assert before <= record.acquired_at <= _an_hour_ahead()
    assert record.expires_at - record.acquired_at == timedelta(seconds=90)


def _an_hour_ahead() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)
