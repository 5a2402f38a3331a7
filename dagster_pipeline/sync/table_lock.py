"""What one run locks: the whole table, or each of its partitions, so that other partitions may be loaded beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import tenacity

from dagster_pipeline.errors import TableLockedError
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock

MOST_LOCKS = 16
"""A run of more partitions holds the whole table: each lock has a heartbeat of its own."""

PUBLISHING = "...publishing"
"""Scope of the lock under which a part of the table is built anew; no partition can be named so."""

PUBLISHING_WAIT_SECONDS = 900.0
PUBLISHING_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class TableLocks(TableLock):
    """Several locks as one."""

    locks: Sequence[TableLock]

    def assert_held(self) -> None:
        """Raise `TableLockedError` when any of them was lost."""
        for lock in self.locks:
            lock.assert_held()


def holds_table(keys: Sequence[str]) -> bool:
    """Whether a run of these partitions has the table for itself; no key means no partitions."""
    return not 0 < len(keys) <= MOST_LOCKS


@contextmanager
def hold(state: BaseStateStore, table: str, *, owner: str, keys: Sequence[str]) -> Iterator[TableLock]:
    """Lock the partitions, or the table. Raises `TableLockedError` when another run is in the way."""
    if holds_table(keys):
        with state.lock(table, owner=owner) as lock:
            yield lock
        return
    with ExitStack() as stack:
        yield TableLocks([stack.enter_context(state.lock(table, owner=owner, partition=key)) for key in keys])


@contextmanager
def hold_publishing(state: BaseStateStore, table: str, *, owner: str) -> Iterator[TableLock]:
    """Wait for the right to build a part of the table anew; the caller holds partitions of it, not the table.

    Raises `TableLockedError` when others take turns for longer than `PUBLISHING_WAIT_SECONDS`.
    """
    waiting = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TableLockedError),
        stop=tenacity.stop_after_delay(PUBLISHING_WAIT_SECONDS),
        wait=tenacity.wait_random(PUBLISHING_POLL_SECONDS / 4, PUBLISHING_POLL_SECONDS),
        reraise=True,
    )
    with ExitStack() as stack:
        yield waiting(lambda: stack.enter_context(state.lock(table, owner=owner, partition=PUBLISHING)))
