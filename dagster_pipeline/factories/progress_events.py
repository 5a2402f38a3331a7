"""A long load told to Dagster while it runs: a log line at every report, an observation now and then.

An observation is a row that Dagster keeps for ever, so there are few. Its labels are not those of a materialization, or
the plots of an asset would jump between what a run has done so far and what runs did.
"""

from __future__ import annotations

import time

import dagster as dg

from dagster_pipeline.sync.progress import Progress

OBSERVED_SECONDS = 30.0


class ProgressEvents:
    """One run's reports."""

    def __init__(self, context: dg.AssetExecutionContext, key: dg.AssetKey, *, table: str) -> None:
        """Make it ready; the first observation comes after `OBSERVED_SECONDS`."""
        self._context = context
        self._key = key
        self._table = table
        self._observed = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        """Say where the load is."""
        self._context.log.info("%s: %s", self._table, progress)
        now = time.monotonic()
        if now - self._observed >= OBSERVED_SECONDS:
            self._observed = now
            self._context.log_event(dg.AssetObservation(self._key, metadata=observed(progress)))


def observed(progress: Progress) -> dict[str, int | float]:
    """A moment of a load as numbers that plot."""
    left = progress.seconds_left
    return {
        "progress/rows": progress.rows,
        "progress/bytes": progress.bytes,
        "progress/chunks done": progress.chunks_done,
        "progress/rows per second": round(progress.rows_per_second, 1),
        "progress/seconds": round(progress.seconds, 1),
        **({} if left is None else {"progress/seconds left": round(left, 1)}),
    }
