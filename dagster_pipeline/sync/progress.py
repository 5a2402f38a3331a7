"""How far a load is, for a person who watches: counted as batches pass, said every few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from dagster_pipeline.connectors.batch import Batch


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of a running load.

    Attributes:
        rows, bytes: sent so far by this run.
        seconds: since the first chunk began.
        chunks_done, chunks_planned: of the whole load.
        expected_rows: the catalog's estimate for this run, 0 when unknown.
    """

    rows: int
    bytes: int
    seconds: float
    chunks_done: int
    chunks_planned: int
    expected_rows: int

    @property
    def rows_per_second(self) -> float:
        """Mean rate since the first chunk began."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the mean rate; `None` when there is nothing to estimate from."""
        if self.expected_rows > self.rows > 0:
            return (self.expected_rows - self.rows) / self.rows_per_second
        return None

    def __str__(self) -> str:
        left = "" if self.seconds_left is None else f", about {self.seconds_left:.0f} s left"
        share = f" of about {self.expected_rows:,}" if self.expected_rows > self.rows else ""
        return (
            f"{self.rows:,} rows{share}, chunk {self.chunks_done}/{self.chunks_planned}, "
            f"{self.rows_per_second:,.0f} rows/s{left}"
        )


class ProgressMeter:
    """Counts from several threads and reports from one."""

    def __init__(
        self,
        report: Callable[[Progress], None],
        *,
        every_seconds: float,
        expected_rows: int,
        chunks: int,
        done: int,
    ) -> None:
        self._report = report
        self._every = every_seconds
        self._expected_rows = expected_rows
        self._chunks = chunks
        self._done = done
        self._rows = 0
        self._bytes = 0
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._said = self._began

    @property
    def rows(self) -> int:
        """Rows that have passed."""
        return self._rows

    def counted(self, batches: Iterable[Batch]) -> Generator[Batch, None, None]:
        """The same batches, counted as they pass."""
        for batch in batches:
            with self._lock:
                self._rows += batch.rows
                self._bytes += len(batch.payload)
            yield batch

    def chunk_done(self) -> None:
        """One more chunk was acknowledged."""
        with self._lock:
            self._done += 1

    def say(self) -> None:
        """Report when it is time to."""
        now = time.monotonic()
        if now - self._said < self._every:
            return
        self._said = now
        with self._lock:
            moment = Progress(
                self._rows, self._bytes, now - self._began, self._done, self._chunks, self._expected_rows
            )
        self._report(moment)
