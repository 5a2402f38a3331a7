"""Another process that uses the state store of `STATE_URL`: says where it got, and can be killed there.

Run as `python -m tests.contract.state.worker <act> [arguments]` by `Worker`, which the tests use.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine, event

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import PipelineError
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.state_manager import StateManager
from tests.contract.state.loads import TABLE, a_load

ROOT = Path(__file__).resolve().parents[3]


class Worker:
    """A process that is killed (SIGKILL) when its block ends."""

    def __init__(self, url: DatabaseUrl, act: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.state.worker", act, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "STATE_URL": url.raw},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def go(self) -> None:
        """Let a worker go on that waits for its start."""
        assert self._process.stdin
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def line(self) -> str:
        """What it says next; waits for it."""
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def lines(self) -> list[str]:
        """All that it says until it ends."""
        assert self._process.stdout
        return self._process.stdout.read().split("\n")[:-1]

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()


def _say(*words: object) -> None:
    sys.stdout.write(f"{' '.join(map(str, words))}\n")
    sys.stdout.flush()


def _wait_for_start() -> None:
    _say("ready")
    sys.stdin.readline()


def hold(store: StateManager, partition: str = "") -> None:
    """Take the lock, if it can be had, and keep it until killed."""
    _wait_for_start()
    try:
        with store.lock(TABLE, owner="run w", partition=partition):
            _say("held")
            time.sleep(600)
    except PipelineError as error:
        _say(type(error).__name__)


def versions(store: StateManager, threads: str, each: str) -> None:
    """Take versions with several threads and print them."""
    _wait_for_start()
    with ThreadPoolExecutor(int(threads)) as pool:
        for version in pool.map(
            lambda _: store.next_version(TABLE, above=0), range(int(threads) * int(each))
        ):
            _say(version)


def stall_in_open_load(store: StateManager) -> None:
    """Stand still when the ledger was sent and nothing was committed yet."""
    store.read(TABLE)

    def stall(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT INTO pipeline_chunks"):
            _say("inside")
            time.sleep(600)

    event.listen(Engine, "after_cursor_execute", stall)
    store.open_load(a_load(chunks=10_000))


def first_use(store: StateManager) -> None:
    """Open the store for the first time."""
    _wait_for_start()
    try:
        _say(store.next_version(TABLE, above=0))
    except PipelineError as error:
        _say(error)


ACTS: dict[str, Callable[..., None]] = {
    act.__name__: act for act in (hold, versions, stall_in_open_load, first_use)
}


def together(workers: list[Worker]) -> Iterator[Worker]:
    """Start the workers at the same moment, as nearly as can be."""
    for worker in workers:
        assert worker.line() == "ready"
    for worker in workers:
        worker.go()
    yield from workers


if __name__ == "__main__":
    ACTS[sys.argv[1]](StateManager(Settings.from_environment().state_url(), lock_seconds=2), *sys.argv[2:])
