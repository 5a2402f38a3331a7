"""What a state store promises when real processes meet in it, and when one is killed in the middle."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import TableLockedError
from dagster_pipeline.state.state_manager import StateManager
from tests.contract.state.loads import TABLE, a_load, run
from tests.contract.state.worker import Worker, together

OpenStore = Callable[..., StateManager]


@pytest.mark.parametrize("partitions", [("", ""), ("eu", "eu"), ("", "eu")])
def test_of_two_processes_that_want_one_lock_exactly_one_gets_it(
    store_url: DatabaseUrl, partitions: tuple[str, str]
) -> None:
    with Worker(store_url, "hold", partitions[0]) as one, Worker(store_url, "hold", partitions[1]) as other:
        assert sorted(worker.line() for worker in together([one, other])) == ["TableLockedError", "held"]


def test_two_processes_work_on_two_partitions_at_once(store_url: DatabaseUrl) -> None:
    with Worker(store_url, "hold", "eu") as one, Worker(store_url, "hold", "us") as other:
        assert [worker.line() for worker in together([one, other])] == ["held", "held"]


def test_a_killed_holders_lock_is_taken_over_at_once_on_its_own_machine(
    store_url: DatabaseUrl, store: StateManager
) -> None:
    with Worker(store_url, "hold") as worker:
        list(together([worker]))
        assert worker.line() == "held"
        with pytest.raises(TableLockedError), store.lock(TABLE, owner="run 2"):
            pass
        worker.kill()
    (dead,) = store.locks()
    with store.lock(TABLE, owner="run 2") as lock:
        lock.assert_held()
        (taken,) = store.locks()
    assert taken.acquired_at < dead.expires_at


def test_a_killed_holders_lock_is_taken_over_elsewhere_after_it_expired_and_not_before(
    store_url: DatabaseUrl, store: StateManager, in_store: Callable[[str], list[Any]]
) -> None:
    with Worker(store_url, "hold") as worker:
        list(together([worker]))
        assert worker.line() == "held"
        in_store("UPDATE pipeline_locks SET token = replace(token, '@', '@another-')")
        worker.kill()
    (dead,) = store.locks()
    assert f"process {worker.pid}" in dead.owner
    refusals = 0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with store.lock(TABLE, owner="run 2"):
                (taken,) = store.locks()
                break
        except TableLockedError:
            refusals += 1
            time.sleep(0.05)
    assert refusals > 0
    assert dead.expires_at <= taken.acquired_at
    assert (taken.acquired_at - dead.expires_at).total_seconds() < 1


def test_a_process_killed_inside_open_load_leaves_nothing(
    store_url: DatabaseUrl, store: StateManager
) -> None:
    with Worker(store_url, "stall_in_open_load") as worker:
        assert worker.line() == "inside"
        assert store.read(TABLE).open_load is None
        worker.kill()
    assert store.read(TABLE).open_load is None
    run(store, a_load(chunks=100))


def test_threads_and_processes_never_get_the_same_version(
    store_url: DatabaseUrl, store: StateManager
) -> None:
    workers = [Worker(store_url, "versions", 8, 15) for _ in range(4)]
    try:
        given = [int(line) for worker in list(together(workers)) for line in worker.lines()]
    finally:
        for worker in workers:
            worker.kill()
    assert sorted(given) == list(range(1, 4 * 8 * 15 + 1))
    assert store.read(TABLE).version == len(given)


def test_processes_that_open_a_new_store_at_once_create_it_once(store_url: DatabaseUrl) -> None:
    with (
        Worker(store_url, "first_use") as one,
        Worker(store_url, "first_use") as two,
        Worker(store_url, "first_use") as three,
    ):
        assert sorted(worker.line() for worker in together([one, two, three])) == ["1", "2", "3"]
