"""Claims of pool slots for a run that has hundreds of steps waiting for the same pool.

Dagster's own context asks the instance's database for every waiting step, writes an event for each, asks again after one
to fifteen seconds, and gives a slot back to claim it anew for the next step. With three hundred tables of one
source that is a sixth of the run's CPU and most of its time. Here one step of a pool waits at a time, asks as soon as
a step of this run gives a slot back, and a slot passes from step to step within the run for a while.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from dagster import DagsterInstance, DagsterRun
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

PASSED_ON_SECONDS = 10.0
"""How long a run passes a slot on before others may have it: as often as waiting runs ask, up to 15 seconds."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """A slot that this run holds, under the name of the step that claimed it."""

    pool: str
    claimed_by: str
    since: float


class PoolClaims(InstanceConcurrencyContext):
    """Dagster's claims, with one waiting step per pool and slots that are passed on."""

    def __init__(
        self, instance: DagsterInstance, dagster_run: DagsterRun, *, limits: Mapping[str, int]
    ) -> None:
        """Nothing is claimed yet.

        Args:
            instance: where slots are kept.
            dagster_run: who claims.
            limits: limits of pools that must not have the instance's default; a limit set by hand wins.
        """
        super().__init__(instance, dagster_run)
        self._limits = limits
        self._limited: set[str] = set()
        self._waiting: dict[str, str] = {}
        self._held: dict[str, _Slot] = {}
        self._spare: dict[str, list[_Slot]] = defaultdict(list)

    def claim(self, concurrency_key: str, step_key: str, step_priority: int = 0) -> bool:
        """Whether the step got a slot; behind another waiting step of its pool it does not even ask."""
        if self._waiting.get(concurrency_key, step_key) != step_key:
            return False
        if self._spare[concurrency_key] and concurrency_key not in self._waiting:
            self._held[step_key] = self._spare[concurrency_key].pop()
            return True
        self._set_limit(concurrency_key)
        if super().claim(concurrency_key, step_key, step_priority):
            self._waiting.pop(concurrency_key, None)
            self._held[step_key] = _Slot(concurrency_key, step_key, time.monotonic())
            return True
        self._waiting[concurrency_key] = step_key
        self._wake_when_passed_over(concurrency_key, step_key)
        return False

    def free_step(self, step_key: str) -> None:
        """The step has ended: another one of this run may have its slot."""
        slot = self._held.pop(step_key, None)
        if slot is None:
            return
        if slot.pool in self._waiting or time.monotonic() - slot.since > PASSED_ON_SECONDS:
            self._give_back(slot)
        else:
            self._spare[slot.pool].append(slot)

    def free_step_that_returns(self, step_key: str) -> None:
        """The step will be tried again, and will then claim under its own name: its slot must not bear it."""
        slot = self._held.pop(step_key, None)
        if slot is not None:
            self._give_back(slot)

    def free_spares(self) -> None:
        """Nobody of this run wants them now."""
        for spare in self._spare.values():
            while spare:
                self._give_back(spare.pop())

    def _give_back(self, slot: _Slot) -> None:
        super().free_step(slot.claimed_by)
        waiting = self._waiting.get(slot.pool)
        if waiting is not None:
            self._pending_timeouts[waiting] = 0.0

    def _wake_when_passed_over(self, pool: str, step_key: str) -> None:
        """A slot that came free while the step was queueing was offered to nobody: offer it again.

        Dagster looks for free slots, then queues the step, in two transactions; a slot that is freed or added between
        the two goes to those who were queued before, and the step would wait for the next one, perhaps for ever.
        """
        storage = self._instance.event_log_storage
        if isinstance(storage, SqlEventLogStorage) and storage.has_unassigned_slots(pool):
            storage.assign_pending_steps([pool])
            self._pending_timeouts[step_key] = 0.0

    def _set_limit(self, pool: str) -> None:
        limit = self._limits.get(pool)
        if limit is None or pool in self._limited:
            return
        self._limited.add(pool)
        known = self.get_pool_info(pool)
        if known is None or (known.from_default and known.limit != limit):
            self._instance.event_log_storage.set_concurrency_slots(pool, limit)
            self._sync_pools()
