"""Who may look after a table now: one process at a time, and nobody while it is loaded.

Maintenance has a lock of its own beside the table's. It takes no table's lock, so that a load never finds one held: it only
looks whether a load holds it, before every statement. A load that begins while a statement runs goes on beside it, as
ClickHouse's own merges run beside inserts.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from dagster_pipeline.state.base_state_store import TableLock
from dagster_pipeline.state.state_manager import StateManager

LOCK_PREFIX = "maintenance of "


def maintenance_turn(state: StateManager, table: str, *, owner: str) -> AbstractContextManager[TableLock]:
    """The right to look after the table `<database>/<name>`. Raises `TableLockedError` when another process has it."""
    return state.lock(f"{LOCK_PREFIX}{table}", owner=owner)
