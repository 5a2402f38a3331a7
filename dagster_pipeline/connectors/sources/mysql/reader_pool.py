"""The reader processes of this process: lent to one statement at a time, kept for the next, whichever table's it is.

Starting one costs about 0.25 CPU seconds, which is more than a small table's whole load. Nothing of a statement stays in
a child: each request brings its own address. What does not belong here: what is asked and answered (`reading`).
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dagster_pipeline.connectors.pipes import enlarge
from dagster_pipeline.connectors.sources.mysql import reader_process

Child = subprocess.Popen[bytes]

PIPE_BYTES = 1 << 20
KEPT_IDLE = 4
"""More than this many are not kept: each holds about 50 MB."""

_THRIFTY = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "1048576",
    "RUST_MYSQL_BUFFER_POOL_CAP": "2",
}
"""A child holds two batches; freed memory is to go back at once."""


class ReaderPool:
    """Children by the environment that they were started with."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[frozenset[tuple[str, str]], list[Child]] = {}
        # Children die with the thread that started them (PR_SET_PDEATHSIG), so one that lives as long as the
        # process starts them all.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readers")

    def lend(self, environment: Mapping[str, str]) -> Child:
        """An idle child, or a new one."""
        with self._lock:
            idle = self._idle.get(frozenset(environment.items()), [])
            while idle:
                child = idle.pop()
                if child.poll() is None:
                    return child
        return self._starter.submit(_start, {**_THRIFTY, **environment}).result()

    def take_back(self, child: Child, environment: Mapping[str, str]) -> None:
        """Keep a child whose last statement was read to its end."""
        with self._lock:
            if sum(map(len, self._idle.values())) < KEPT_IDLE:
                self._idle.setdefault(frozenset(environment.items()), []).append(child)
                return
        end(child)

    def end_idle(self) -> None:
        """End the children that nobody uses."""
        with self._lock:
            idle = [child for children in self._idle.values() for child in children]
            self._idle.clear()
        for child in idle:
            end(child)


def end(child: Child) -> None:
    """Kill a child, and with it its statement's connection."""
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()


def _start(environment: Mapping[str, str]) -> Child:
    child = subprocess.Popen(  # noqa: S603 -- our own file, run by our own interpreter
        [sys.executable, "-I", str(Path(reader_process.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # ConnectorX's pool logs there, addresses included
        env=dict(environment),
    )
    if child.stdout is not None:
        enlarge(child.stdout.fileno(), PIPE_BYTES)
    return child


POOL = ReaderPool()
"""This process's."""
