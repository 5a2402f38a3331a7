"""A run that stood still (a paused machine, a swapped-out process) may wake up when another one has taken its table over.

It then finds loads ended and tables dropped that it knows nothing about. Whatever error comes of that, the reason is the
lost lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dagster_pipeline.errors import PipelineError, TableLockedError
from dagster_pipeline.state.base_state_store import TableLock


@contextmanager
def lost_lock_comes_first(lock: TableLock) -> Iterator[None]:
    """Raise `TableLockedError` in place of any other error of a block whose lock is not held any more."""
    try:
        yield
    except PipelineError as error:
        if lost := _lost(lock):
            raise lost from error
        raise


def _lost(lock: TableLock) -> TableLockedError | None:
    try:
        lock.assert_held()
    except TableLockedError as error:
        return error
    except PipelineError:  # the store does not say, so the first error stands
        return None
    return None
