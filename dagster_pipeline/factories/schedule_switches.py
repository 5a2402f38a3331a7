"""Which schedules were switched on when a cron came up, as Dagster's own store has it."""

from __future__ import annotations

import threading
from datetime import datetime

import dagster as dg

STOPPED, BY_DEFAULT = "STOPPED", "DECLARED_IN_CODE"
"""What Dagster calls a schedule that was switched off, and one that nobody has switched."""


class Switches:
    """Asked by every schedule of a tick, so one answer serves them all: they agree on it, and it is fetched once.

    A thousand schedules that come up together would else read a thousand switches each.
    """

    def __init__(self, *, on_by_default: bool) -> None:
        """`on_by_default`: a schedule that nobody has switched runs; Dagster keeps old defaults in its store."""
        self._off = {STOPPED} if on_by_default else {STOPPED, BY_DEFAULT}
        self._lock = threading.Lock()
        self._moment: datetime | None = None
        self._on: frozenset[str] = frozenset()

    def on(self, context: dg.ScheduleEvaluationContext) -> frozenset[str]:
        """Names of the schedules that have a tick at this moment: one that was switched on since has none."""
        moment = context.scheduled_execution_time
        with self._lock:
            if moment != self._moment:
                self._on = self._fetch(context.instance, moment)
                self._moment = moment
            return self._on

    def _fetch(self, instance: dg.DagsterInstance, moment: datetime) -> frozenset[str]:
        # The states' classes are not public; their attributes have been the same since Dagster 0.14.
        return frozenset(
            state.instigator_name
            for state in instance.all_instigator_state()
            if state.instigator_type.value == "SCHEDULE"
            and state.status.value not in self._off
            and (getattr(state.instigator_data, "start_timestamp", None) or 0) <= moment.timestamp()
        )
