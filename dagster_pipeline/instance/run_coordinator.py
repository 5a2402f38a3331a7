"""The queue of runs: every run gets the tags that the limits in `dagster.production.yaml` count by.

Schedules, the UI, backfills and sensors all ask for runs in their own ways, and all of them pass here. So the tags are set
here once, and no way around a limit remains but the command line, which asks no queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dagster import DagsterRun
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext

SOURCE_TAG = "source_database"
WAREHOUSE_TAG = "warehouse"
SEVERAL_SOURCES = "several"
BACKFILL_TAG = "dagster/backfill"
PRIORITY_TAG = "dagster/priority"
BACKFILL_PRIORITY = "-10"
"""Below everything that asks for no priority, which is 0."""


class TaggingRunCoordinator(QueuedRunCoordinator):
    """Dagster's queue, which tags what it takes in."""

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Tag the run, then put it into the queue."""
        run = context.dagster_run
        self._instance.add_run_tags(run.run_id, queue_tags(run, _pools(context)))
        return super().submit_run(context)


def queue_tags(run: DagsterRun, pools: Iterable[str]) -> Mapping[str, str]:
    """Tags that a run lacks; one that it was given already is left as it is.

    Args:
        run: what was asked for.
        pools: pools of what the run will touch; each source connection has one of its own.
    """
    sources = sorted(pools)
    tags = {}
    if sources:
        tags[SOURCE_TAG] = sources[0] if len(sources) == 1 else SEVERAL_SOURCES
    if run.remote_job_origin is not None:  # a code location has one warehouse
        tags[WAREHOUSE_TAG] = run.remote_job_origin.location_name
    if BACKFILL_TAG in run.tags:
        tags[PRIORITY_TAG] = BACKFILL_PRIORITY
    return {name: value for name, value in tags.items() if name not in run.tags}


def _pools(context: SubmitRunContext) -> set[str]:
    run, graph = context.dagster_run, context.workspace.asset_graph
    checked = {check.asset_key for check in run.asset_check_selection or ()}
    nodes = (graph.get(key) for key in (run.asset_selection or set()) | checked if graph.has(key))
    return {pool for node in nodes for pool in node.pools or ()}
