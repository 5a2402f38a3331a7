"""How fast rows may be taken from a source: one budget a connection, shared by all streams of this process.

The reader waits, so the server does: COPY and an unbuffered result produce rows only as fast as they are taken. Runs in
other processes have budgets of their own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable
from functools import cache

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, RetriableError

OPTION = "max_rows_per_second"
"""Option of a source's URL."""

SLOWEST = 200
BURST_SECONDS = 0.5
"""What was not used is saved up for no longer than this."""
BATCH_SECONDS = 0.5
POLL_SECONDS = 0.25


class Pace:
    """A budget of rows a second."""

    def __init__(
        self,
        rows_per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rows_per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._due = clock()

    @property
    def rows_at_once(self) -> int:
        """Larger batches would make pauses that a warehouse takes for a dead connection (30 seconds)."""
        return max(1, int(self._rate * BATCH_SECONDS))

    def paced(
        self, batches: Iterable[Batch], *, is_cancelled: Callable[[], bool]
    ) -> Generator[Batch, None, None]:
        """The same batches, each passed on when the budget has room for it.

        Raises `RetriableError` when the reading is cancelled while it waits.
        """
        for batch in batches:
            self._wait_until(self._turn_of(batch.rows), is_cancelled)
            yield batch

    def _turn_of(self, rows: int) -> float:
        """Streams queue up: each gets a moment of its own."""
        with self._lock:
            turn = max(self._due, self._clock() - BURST_SECONDS)
            self._due = turn + rows / self._rate
            return turn

    def _wait_until(self, turn: float, is_cancelled: Callable[[], bool]) -> None:
        while (left := turn - self._clock()) > 0:
            if is_cancelled():
                raise RetriableError("Reading was cancelled.")
            self._sleep(min(left, POLL_SECONDS))


def pace_of(url: DatabaseUrl) -> Pace | None:
    """The budget of the connection that this URL names; `None` when it has none.

    Raises `ConfigurationError` when the option is no number, or less than `SLOWEST`.
    """
    text = url.options.get(OPTION)
    if text is None:
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not SLOWEST <= rate < float("inf"):
        raise ConfigurationError(
            f"{url.variable}: {OPTION} is {text!r}.",
            todo=f"Write a number of rows, {SLOWEST} or more, e.g. {OPTION}=50000.",
        )
    return _shared(f"{url.variable} {url.host}:{url.port}", rate)


@cache
def _shared(address: str, rate: float) -> Pace:
    del address
    return Pace(rate)
