"""A lock on the embedded warehouse's directory, which one process may open at a time.

The engine has a lock of its own, whose error names neither holder nor remedy; ours is taken first. The kernel gives it
up when the process ends, however it ends. Several sinks of one process share it: the engine allows that.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from dagster_pipeline.errors import ConfigurationError, RetriableError

LOCK_FILE = "pipeline.lock"
POLL_SECONDS = 0.1

_registry_lock = threading.Lock()
_held: dict[Path, tuple[int, int]] = {}
"""What this process holds: file descriptor and number of holders, by directory."""


class EmbeddedLock:
    """The right to open one directory, from `acquire` to `release`."""

    def __init__(self, directory: Path, *, holder: str, wait_seconds: float) -> None:
        """Make a lock that is not held yet.

        Args:
            directory: the warehouse; made when it does not exist.
            holder: said to whoever finds the lock held, e.g. `run 1f3a`.
            wait_seconds: how long to wait for another process, which may just be closing.
        """
        self._directory = Path(os.path.realpath(directory))
        self._holder = holder
        self._wait_seconds = wait_seconds

    def acquire(self) -> None:
        """Take it.

        Raises `RetriableError` that names the holder when it stays held, `ConfigurationError` for a bad path.
        """
        with _registry_lock:
            if self._directory in _held:
                descriptor, holders = _held[self._directory]
                _held[self._directory] = (descriptor, holders + 1)
                return
            descriptor = self._open()
            try:
                self._wait_for(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            _held[self._directory] = (descriptor, 1)

    def release(self) -> None:
        """Give it up; the last holder of this process frees it."""
        with _registry_lock:
            descriptor, holders = _held.pop(self._directory)
            if holders > 1:
                _held[self._directory] = (descriptor, holders - 1)
                return
            os.truncate(descriptor, 0)
            os.close(descriptor)

    def _open(self) -> int:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            return os.open(self._directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ConfigurationError(
                f"The warehouse directory {self._directory} cannot be used ({error.strerror}).",
                todo="Make it writable, or name another in CLICKHOUSE_URL.",
            ) from error

    def _wait_for(self, descriptor: int) -> None:
        deadline = time.monotonic() + self._wait_seconds
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() >= deadline:
                raise self._refusal(descriptor)
            time.sleep(POLL_SECONDS)
        os.truncate(descriptor, 0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        os.pwrite(
            descriptor, f"pid {os.getpid()} since {since}{self._holder and f', {self._holder}'}".encode(), 0
        )

    def _refusal(self, descriptor: int) -> RetriableError:
        by = os.pread(descriptor, 500, 0).decode(errors="replace") or "another process"
        return RetriableError(
            f"The embedded warehouse {self._directory} is held by {by}.",
            todo="One process may open it at a time: wait for it to end, or use a ClickHouse server.",
        )
