"""Ends statements that a server still runs for somebody who was killed, before the same work is begun again."""

from __future__ import annotations

from contextlib import suppress

import tenacity

from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string
from dagster_pipeline.errors import PipelineError, RetriableError
from dagster_pipeline.maintenance.warehouse import MaintainedWarehouse, still_running

WAIT_SECONDS = 600.0
POLL_SECONDS = 0.5


def end_leftover_statements(warehouse: MaintainedWarehouse, log_comment: str) -> None:
    """Kill what runs under this comment and wait until it is gone; the caller holds the lock, so it is nobody's.

    Who may not kill only waits. Raises `RetriableError` when something still runs after `WAIT_SECONDS`.
    """
    if not still_running(warehouse, log_comment):
        return
    cluster = warehouse.ddl.cluster
    on_cluster = f" ON CLUSTER {quote_identifier(cluster)}" if cluster else ""
    with suppress(PipelineError):
        warehouse.run(
            f"KILL QUERY{on_cluster} WHERE Settings['log_comment'] = {quote_string(log_comment)} ASYNC",
            doing="Ending what a killed process began",
        )
    waiting = tenacity.Retrying(
        retry=tenacity.retry_if_result(bool),
        stop=tenacity.stop_after_delay(WAIT_SECONDS),
        wait=tenacity.wait_fixed(POLL_SECONDS),
        retry_error_callback=lambda _state: True,
    )
    if waiting(still_running, warehouse, log_comment):
        raise RetriableError(
            f"The warehouse still runs a statement of a killed process ({log_comment}).",
            todo="Wait for it, or end it with KILL QUERY; then try again.",
        )
