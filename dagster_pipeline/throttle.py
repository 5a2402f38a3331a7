"""Holds work to a number of rows per second, so that it may run beside an application."""

from __future__ import annotations

import time
from collections.abc import Callable


class Throttle:
    """Told how many rows were just read, it waits until that many were due. Time that was lost is not caught up.

    Args:
        rows_per_second: the limit; `None` never waits.
        clock: seconds that only grow.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        rows_per_second: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rows_per_second
        self._clock = clock
        self._sleep = sleep
        self._due = clock()

    def __call__(self, rows: int) -> None:
        """So many rows were read since the last call."""
        if self._rate is None:
            return
        self._due += rows / self._rate
        ahead = self._due - self._clock()
        if ahead > 0:
            self._sleep(ahead)
        else:
            self._due = self._clock()
