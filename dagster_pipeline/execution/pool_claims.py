"""Claims of pool slots for a run that has hundreds of steps waiting for the same pool.

Dagster's own context asks the instance's database for every waiting step, writes an event for each, and asks again after
one to fifteen seconds. With three hundred tables of one source that is the whole time of the run. Here one step
of a pool waits at a time, and it asks as soon as a step of this run gives a slot back.
"""

from __future__ import annotations

from collections.abc import Mapping

from dagster import DagsterInstance, DagsterRun
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext


class PoolClaims(InstanceConcurrencyContext):
    """Dagster's claims, with one waiting step per pool."""

    def __init__(
        self, instance: DagsterInstance, dagster_run: DagsterRun, *, limits: Mapping[str, int]
    ) -> None:
        """Nothing is claimed yet.

        Args:
            instance: where slots are kept.
            dagster_run: who claims.
            limits: limits of pools that the instance has no limit of its own for.
        """
        super().__init__(instance, dagster_run)
        self._limits = limits
        self._first_waiting: dict[str, str] = {}
        self._pool_of: dict[str, str] = {}
        self._limited: set[str] = set()

    def claim(self, concurrency_key: str, step_key: str, step_priority: int = 0) -> bool:
        """Whether the step got a slot; behind another waiting step of its pool it does not even ask."""
        if self._first_waiting.get(concurrency_key, step_key) != step_key:
            return False
        self._set_limit(concurrency_key)
        claimed = super().claim(concurrency_key, step_key, step_priority)
        if claimed:
            self._pool_of[step_key] = concurrency_key
            self._first_waiting.pop(concurrency_key, None)
        else:
            self._first_waiting[concurrency_key] = step_key
        return claimed

    def free_step(self, step_key: str) -> None:
        """Give the slot back; who waits for it asks at once."""
        super().free_step(step_key)
        waiting = self._first_waiting.get(self._pool_of.pop(step_key, ""))
        if waiting is not None:
            self._pending_timeouts[waiting] = 0.0

    def _set_limit(self, pool: str) -> None:
        limit = self._limits.get(pool)
        if limit is None or pool in self._limited:
            return
        self._limited.add(pool)
        known = self.get_pool_info(pool)
        if known is None or (known.from_default and known.limit != limit):
            self._instance.event_log_storage.set_concurrency_slots(pool, limit)
            self._sync_pools()
