"""What is different when the warehouse is a cluster. Pure: statements and settings, no connection.

One shard with replicas is what this is for: each replica has every row. With more shards the rows go to the shard that
CLICKHOUSE_URL leads to; spreading them is not done here, and a Distributed table then gathers what all shards have.

Writes wait for a quorum, so that an acknowledged chunk outlives the loss of a replica. Quorums are parallel, since the
chunks of a table are written in parallel; `select_sequential_consistency` means nothing then
(clickhouse.com/docs/operations/settings/settings#select_sequential_consistency), so before a check or a comparison all
replicas are made to catch up instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table
from dagster_pipeline.connectors.sink.clickhouse.insert import Setting

DISTRIBUTED_SUFFIX = "_distributed"
QUORUM_MILLISECONDS = 120_000
CATCH_UP_SETTINGS: Mapping[str, Setting] = {
    "distributed_ddl_task_timeout": 300,
    # A replica that is down cannot answer a check either.
    "distributed_ddl_output_mode": "throw_only_active",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster.

    Attributes:
        name: as `system.clusters` has it.
        insert_quorum: how many replicas must have a chunk before it counts: `auto` is the majority, `0` is off.
    """

    name: str
    insert_quorum: str = "auto"

    @property
    def write_settings(self) -> Mapping[str, Setting]:
        """Settings of every INSERT."""
        if self.insert_quorum == "0":
            return {}
        return {
            "insert_quorum": self.insert_quorum,
            "insert_quorum_parallel": 1,
            "insert_quorum_timeout": QUORUM_MILLISECONDS,
        }

    def catch_up(self, table: SinkTable) -> str:
        """Every live replica fetches what another took; merges are not waited for."""
        return (
            f"SYSTEM SYNC REPLICA ON CLUSTER {quote_identifier(self.name)} "
            f"{quote_table(table.database, table.name)} LIGHTWEIGHT"
        )

    def distributed_table(self, table: SinkTable) -> str:
        """A table to read from on every node. It has no sharding key, so that nobody can insert through it by mistake."""
        name = distributed_name(table)
        arguments = ", ".join(map(quote_string, (self.name, table.database, table.name)))
        return (
            f"CREATE OR REPLACE TABLE {quote_table(table.database, name)} ON CLUSTER {quote_identifier(self.name)} "
            f"AS {quote_table(table.database, table.name)} ENGINE = Distributed({arguments})"
        )


def distributed_name(table: SinkTable) -> str:
    """Name of the Distributed table over a table."""
    return f"{table.name}{DISTRIBUTED_SUFFIX}"
