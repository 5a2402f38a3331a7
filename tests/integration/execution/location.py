"""A code location of assets that need no database, run by `test_thread_executor` with our executor."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import dagster as dg

from dagster_pipeline.execution.thread_executor import thread_executor

DIRECTORY = Path(os.environ["LOCATION_DIRECTORY"])
PATIENCE = 30

together = threading.Barrier(3)
narrow = threading.Lock()


def note(name: str, text: str = "") -> None:
    with (DIRECTORY / name).open("a") as file:
        file.write(f"{text}\n")


def barrier_asset(name: str) -> dg.AssetsDefinition:
    @dg.asset(name=name, group_name="together")
    def meet() -> dg.MaterializeResult:
        together.wait(PATIENCE)  # breaks, and fails the asset, unless all three are at work at once
        return dg.MaterializeResult(metadata={"pid": os.getpid(), "thread": threading.current_thread().name})

    return meet


def pool_asset(name: str) -> dg.AssetsDefinition:
    @dg.asset(name=name, group_name="pooled", pool="narrow")
    def pass_through() -> None:
        if not narrow.acquire(blocking=False):
            raise AssertionError("two steps of a pool of one at the same time")
        time.sleep(0.01)
        narrow.release()

    return pass_through


@dg.asset(group_name="mixed")
def good() -> None: ...


@dg.asset(group_name="mixed")
def bad() -> None:
    raise ValueError("broken on purpose")


@dg.asset(group_name="mixed", deps=[bad])
def after_bad() -> None: ...


@dg.asset(group_name="mixed", pool="narrow", retry_policy=dg.RetryPolicy(max_retries=2, delay=0.2))
def flaky() -> None:
    note("flaky")
    if len((DIRECTORY / "flaky").read_text().splitlines()) == 1:
        raise ValueError("the first time")


@dg.asset(group_name="slow", retry_policy=dg.RetryPolicy(max_retries=5))
def slow() -> None:
    note("slow.begun")
    try:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            time.sleep(0.01)
    except dg.DagsterExecutionInterruptedError:
        note("slow.interrupted")
        raise


defs = dg.Definitions(
    assets=[
        *map(barrier_asset, ("a", "b", "c")),
        *(pool_asset(f"p{number}") for number in range(12)),
        good,
        bad,
        after_bad,
        flaky,
        slow,
    ],
    executor=thread_executor(steps_at_once=4, pool_limits={"narrow": 1}),
)
