"""What maintenance asks of a warehouse: ClickHouse's own statements, and which of ours still run there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from dagster_pipeline.connectors.sink.clickhouse.ddl import Ddl, quote_string
from dagster_pipeline.connectors.sink.clickhouse.insert import Setting

COMMENT_START = "dagster_pipeline maintenance"


class MaintainedWarehouse(Protocol):
    """A warehouse that runs statements; `ClickHouseSink` is one."""

    @property
    def ddl(self) -> Ddl:
        """DDL as the warehouse wants it."""

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Run a SELECT; parameters stand in it as `{name:Type}`."""

    def run(self, statement: str, *, doing: str, settings: Mapping[str, Setting] | None = None) -> None:
        """Run a statement that returns nothing."""


def comment(work: str, table: str) -> str:
    """What a statement's `log_comment` says: it tells our statements from others while they run, and in the log."""
    return f"{COMMENT_START} {work} table={table}"


def still_running(warehouse: MaintainedWarehouse, log_comment: str) -> int:
    """Statements with this comment that run now.

    A server does not end a statement when whoever sent it was killed, so a lock that was taken over says too little.
    """
    processes = "system.processes"
    if warehouse.ddl.cluster:
        processes = f"clusterAllReplicas({quote_string(warehouse.ddl.cluster)}, system.processes)"
    ((count,),) = warehouse.rows(
        f"SELECT count() FROM {processes} WHERE Settings['log_comment'] = {{comment:String}}",
        {"comment": log_comment},
    )
    return int(count)
