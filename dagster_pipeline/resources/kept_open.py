"""Something that is slow to open, shared by the steps of one process and kept a moment after the last of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar


class Closeable(Protocol):
    """What can be kept open."""

    def close(self) -> None:
        """Give up what it holds."""


Opened = TypeVar("Opened", bound=Closeable)


class KeptOpen(Generic[Opened]):
    """Lends one opened thing to several threads. A thing must be able to serve them at the same time."""

    def __init__(self, *, linger_seconds: float) -> None:
        """Nothing is open yet.

        Args:
            linger_seconds: how long it stays open while nobody uses it. Another process may be waiting for it.
        """
        self._linger_seconds = linger_seconds
        self._lock = threading.Lock()
        self._opened: dict[Hashable, Opened] = {}
        self._users: dict[Hashable, int] = {}
        self._timers: dict[Hashable, threading.Timer] = {}

    @contextmanager
    def lent(self, key: Hashable, opening: Callable[[], Opened]) -> Generator[Opened, None, None]:
        """What is open under this key; opened by `opening` when nothing is."""
        with self._lock:
            timer = self._timers.pop(key, None)
            if timer is not None:
                timer.cancel()
            if key not in self._opened:
                self._opened[key] = opening()
            self._users[key] = self._users.get(key, 0) + 1
            opened = self._opened[key]
        try:
            yield opened
        finally:
            self._give_back(key)

    def close(self) -> None:
        """Close what nobody uses, now."""
        with self._lock:
            keys = [key for key in self._opened if not self._users[key]]
        for key in keys:
            self._close_unused(key)

    def _give_back(self, key: Hashable) -> None:
        with self._lock:
            self._users[key] -= 1
            if self._users[key]:
                return
            timer = threading.Timer(self._linger_seconds, self._close_unused, [key])
            timer.daemon = True
            self._timers[key] = timer
            timer.start()

    def _close_unused(self, key: Hashable) -> None:
        with self._lock:
            if self._users.get(key) or key not in self._opened:
                return
            timer = self._timers.pop(key, None)
            if timer is not None:
                timer.cancel()
            del self._users[key]
            # Inside the lock: the embedded engine must be closed before it is opened again.
            self._opened.pop(key).close()
