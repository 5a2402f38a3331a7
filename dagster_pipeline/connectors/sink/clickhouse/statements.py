"""Runs statements of one warehouse, each kind with the settings that it needs: questions, DDL, changes of rows.

Belongs here: what is special about a cluster and about the embedded engine, said once for all that follow. Does not belong
here: what the statements are.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse import catalog
from dagster_pipeline.connectors.sink.clickhouse.answers import Answers
from dagster_pipeline.connectors.sink.clickhouse.cluster import CATCH_UP_SETTINGS, Cluster
from dagster_pipeline.connectors.sink.clickhouse.ddl import Ddl, quote_table
from dagster_pipeline.connectors.sink.clickhouse.errors import Task
from dagster_pipeline.connectors.sink.clickhouse.insert import Setting, deduplication_switch
from dagster_pipeline.connectors.sink.clickhouse.warehouse import Warehouse
from dagster_pipeline.errors import ConfigurationError, FatalError

DDL_SETTINGS: Mapping[str, Setting] = {"mutations_sync": 1}
CLUSTER_SETTINGS: Mapping[str, Setting] = {
    "distributed_ddl_task_timeout": 300,
    "distributed_ddl_output_mode": "throw",
    "alter_sync": 2,
    "mutations_sync": 2,
}
"""DDL waits for every replica of the cluster, and an error of one is an error."""
DROP_SETTINGS: Mapping[str, Setting] = {"max_table_size_to_drop": 0, "max_partition_size_to_drop": 0}
"""What is dropped here was replaced by something else, whatever its size."""


class Statements:
    """The statements of one warehouse.

    Attributes:
        warehouse: what runs them.
        cluster: the cluster, where the warehouse is one.
        ddl: DDL as this warehouse wants it, ON CLUSTER where it has one.
        write_settings: of every INSERT.
    """

    def __init__(self, warehouse: Warehouse, *, cluster: Cluster | None, is_embedded: bool) -> None:
        self.warehouse = warehouse
        self.cluster = cluster
        self.ddl = Ddl(cluster.name if cluster else None)
        self.write_settings: Mapping[str, Setting] = cluster.write_settings if cluster else {}
        self._ddl_settings = {**(CLUSTER_SETTINGS if cluster else DDL_SETTINGS), **self.write_settings}
        self._is_embedded = is_embedded
        self._answers = Answers()

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Run a SELECT; parameters stand in it as `{name:Type}`."""
        return self.warehouse.rows(sql, parameters)

    def shape_rows(self, doing: str) -> catalog.Rows:
        """`rows`, for questions about texts of a file: an error is the file's fault, and an answer stays true."""
        return self._answers.remembered(partial(self.warehouse.rows, task=Task.SHAPE, doing=doing))

    def run(self, statement: str, *, doing: str, settings: Mapping[str, Setting] | None = None) -> None:
        """Run a statement that returns nothing; `doing` names its object in errors."""
        self.warehouse.run(statement, doing=doing, settings={**self._ddl_settings, **(settings or {})})

    def command(self, statement: str, *, doing: str) -> None:
        """Change rows by a statement of ours, e.g. INSERT SELECT; it is never deduplicated."""
        settings = deduplication_switch(on=False, known_settings=self.warehouse.known_settings())
        self.run(statement, doing=doing, settings=settings)

    def drop(self, database: str, name: str) -> None:
        """Drop a table of whatever size."""
        # In the embedded engine nobody else reads, and it may be closed before a drop in the background is due.
        statement = self.ddl.drop(database, name) + (" SYNC" if self._is_embedded else "")
        self.run(statement, doing=f"Dropping {database}.{name}", settings=DROP_SETTINGS)

    def table_id(self, database: str, name: str) -> str:
        """The UUID of the table; empty when there is none."""
        found = self.rows(
            "SELECT toString(uuid) FROM system.tables WHERE database = {database:String} AND name = {name:String}",
            {"database": database, "name": name},
        )
        return str(found[0][0]) if found else ""

    def catch_up(self, table: SinkTable) -> None:
        """All replicas that are alive, since whoever stands behind the URL may ask any of them."""
        if self.cluster:
            statement, doing = self.cluster.catch_up(table), f"Waiting for the replicas of {table.full_name}"
            self.warehouse.run(statement, doing=doing, settings=CATCH_UP_SETTINGS)

    def number(self, table: SinkTable, sql: str) -> int:
        """One number about a table, which `{table}` stands for; 0 when it does not exist."""
        try:  # a table is there nearly always, so that is only asked when there is no answer
            self.catch_up(table)
            ((number,),) = self.rows(sql.replace("{table}", quote_table(table.database, table.name)))
        except (ConfigurationError, FatalError):
            if self.table_id(table.database, table.name):
                raise
            return 0
        return int(number)
