"""One run of one table: what is new is landed, several deliveries at a time; what is bad does not stop what is good."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable, WriteRequest
from dagster_pipeline.connectors.sink.landing_sink import LandingSink
from dagster_pipeline.connectors.sources.base_delivery_source import BaseDeliverySource, Delivery
from dagster_pipeline.errors import ConfigurationError, DataQualityError, PipelineError
from dagster_pipeline.landing.landing import Landing
from dagster_pipeline.landing.result import Landed, LandingResult
from dagster_pipeline.schema.s3_models import ChangedObjects
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock

POLL_SECONDS = 0.25
"""How often the main thread looks up: signals arrive only there."""

LISTED = 20
"""Bad deliveries that an error names."""


@dataclass(frozen=True, kw_only=True)
class TableLanding:
    """Brings one table forward, once.

    Attributes:
        changed: what happens to a delivery that landed and has another identity now.
        replaces: a delivery is all that the table is to hold; `allow_shrink` lets it be much less than before.
        counts_before: say how many rows there were before, which costs a count.
        limit: land no more deliveries than these; the next run goes on.
        report: told after each delivery how many are done and how many there are.
    """

    table: SinkTable
    source: BaseDeliverySource
    sink: LandingSink
    state: BaseStateStore
    run_id: str
    changed: ChangedObjects = ChangedObjects.LOAD
    parallelism: int = 2
    limit: int | None = None
    report: Callable[[int, int], None] = lambda _done, _all: None
    by_warehouse: Callable[[Delivery, WriteRequest], int] | None = None
    replaces: bool = False
    allow_shrink: bool = False
    counts_before: bool = False

    @property
    def name(self) -> str:
        """The table's name in the state store, which is its asset key."""
        return f"{self.table.database}/{self.table.name}"

    def run(self) -> LandingResult:
        """Do it. Raises `PipelineError`s only; whatever had landed stays, and the next run goes on.

        Raises `DataQualityError` after everything else landed, when deliveries were bad or had changed.
        """
        began = time.monotonic()
        with self.state.lock(self.name, owner=self.run_id) as lock:
            wanted = self.wanted()
            statements = self.sink.ensure_table(self.table)
            before = self._rows_before() if self.counts_before else None
            landing = Landing(
                name=self.name,
                table=self.table,
                source=self.source,
                sink=self.sink,
                state=self.state,
                lock=lock,
                comment=f"dagster_pipeline table={self.name} run={self.run_id}",
                by_warehouse=self.by_warehouse,
                replaces=self.replaces,
                allow_shrink=self.allow_shrink,
            )
            self._undo_what_is_gone(landing, wanted)
            work = wanted.fresh[: self.limit]
            landed, bad = self._land_all(landing, work, lock)
            rows = self.sink.count_rows(self.table)
            self._refuse(bad, wanted)
            self.state.note_success(self.name)
        return LandingResult(
            table=self.table,
            landed=tuple(landed),
            skipped=tuple(wanted.changed if self.changed is ChangedObjects.SKIP else ()),
            left=len(wanted.fresh) - len(work),
            seconds=time.monotonic() - began,
            rows_in_destination=rows,
            statements=statements,
            rows_before=before,
        )

    def wanted(self) -> Wanted:
        """What there is that has not landed, as the source says and the state remembers."""
        known = self.state.cursors(self.name)
        wanted = Wanted()
        for delivery in self.source.deliveries():
            before = known.get(delivery.name)
            if before is None or (before != delivery.identity and self.changed is ChangedObjects.LOAD):
                wanted.fresh.append(delivery)
            elif before != delivery.identity:
                wanted.changed.append(delivery.name)
        return wanted

    def _rows_before(self) -> int | None:
        """`None` when nothing ever landed: a first load is no change."""
        return self.sink.count_rows(self.table) if self.state.cursors(self.name) else None

    def _land_all(
        self, landing: Landing, work: list[Delivery], lock: TableLock
    ) -> tuple[list[Landed], list[PipelineError]]:
        """A bad delivery waits for a person; anything else that fails ends the run when what has begun has ended."""
        landed: list[Landed] = []
        bad: list[PipelineError] = []
        waiting: Iterator[Delivery] = iter(work)
        with ThreadPoolExecutor(self.parallelism, thread_name_prefix="landing") as pool:
            running: set[Future[Landed]] = set()
            while True:
                for delivery in islice(waiting, self.parallelism - len(running)):
                    running.add(pool.submit(partial(landing.land, delivery, self._next_version(lock))))
                if not running:
                    return landed, bad
                done, running = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    error = future.exception()
                    if error is None:
                        landed.append(future.result())
                    elif isinstance(error, DataQualityError | ConfigurationError):
                        bad.append(error)
                    else:
                        raise error
                if done:
                    self.report(len(landed), len(work))

    def _undo_what_is_gone(self, landing: Landing, wanted: Wanted) -> None:
        """Loads that a killed run left of deliveries that nobody asks for any more, such as a deleted object."""
        asked = {delivery.name for delivery in wanted.fresh}
        for left in self.state.open_loads(self.name):
            if left.partition not in asked:
                landing.undo(left)

    def _next_version(self, lock: TableLock) -> int:
        """In the order of deliveries, so that a later one wins over an earlier one of the same key."""
        lock.assert_held()
        above = max(self.state.read(self.name).version, time.time_ns() // 1_000_000)
        return self.state.next_version(self.name, above=above)

    def _refuse(self, bad: list[PipelineError], wanted: Wanted) -> None:
        """Raise for what a person must look at; an error of the file itself is raised as it is."""
        changed = wanted.changed if self.changed is ChangedObjects.FAIL else []
        if not bad and not changed:
            return
        if len(bad) == 1 and not changed:
            raise bad[0]
        said = [str(error) for error in bad[:LISTED]]
        if changed:
            named = ", ".join(changed[:LISTED])
            said.append(
                f"{len(changed)} object(s) were loaded and have changed since, and without a primary key their rows would be "
                f"there twice: {named}. Set source.changed to skip, or reset them by `python -m dagster_pipeline state`."
            )
        raise DataQualityError(
            f"{self.name}: {len(bad) + len(changed)} deliveries were not taken, all others were.\n"
            + "\n".join(f"  - {line}" for line in said)
        )


@dataclass(slots=True)
class Wanted:
    """What a run finds.

    Attributes:
        fresh: to be landed, in order.
        changed: landed before, and other content now, where that is not to be landed.
    """

    fresh: list[Delivery] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
