"""One table with its source, its warehouse and its state, to be loaded, disturbed and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sources.mysql.connector import MySQLSource
from dagster_pipeline.connectors.sources.postgres.connector import PostgresSource
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.reconcile.result import ReconcileResult
from dagster_pipeline.reconcile.table_reconciliation import ReconcileConfig, TableReconciliation
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.config import SyncConfig
from dagster_pipeline.sync.engine import TableSync
from dagster_pipeline.sync.result import SyncResult
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from tests.contract.sources.both_sources import Server

RUN = "feedfacecafe"


class Rig:
    """The table that `text` describes, named `t` on both sides."""

    def __init__(
        self, server: Server, sink: ClickHouseSink, folder: Path, text: str, *, mask_key: str = "k"
    ) -> None:
        self.server = server
        self.sink = sink
        self._folder = folder
        self._url = DatabaseUrl.parse(server.url, variable="SOURCE_URL", schemes=())
        self.mask_key = mask_key
        self.state = StateManager(
            DatabaseUrl.parse(f"sqlite:///{folder}/state.sqlite", variable="STATE_URL", schemes=())
        )
        self.schema = self.read(text)

    def read(self, text: str) -> TableSchema:
        """The table that a file of this text means."""
        file = self._folder / "schemas" / self.server.dialect / self._url.database / "t.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        loader = SchemaLoader(self._folder / "schemas", judges=(TypeMapper().problems,))
        (self.schema,) = loader.load()
        return self.schema

    def load(self, **config: Any) -> SyncResult:
        with self._source() as source:
            return TableSync(
                self.schema,
                source=source,
                sink=self.sink,
                state=self.state,
                run_id=RUN,
                config=SyncConfig(**config),
            ).run()

    def reconcile(self, **config: Any) -> ReconcileResult:
        with self._source() as source:
            return TableReconciliation(
                self.schema,
                source=source,
                sink=self.sink,
                state=self.state,
                run_id=RUN,
                config=ReconcileConfig(**config),
            ).run()

    def _source(self) -> Any:
        kind: Any = MySQLSource if self.server.dialect == "mysql" else PostgresSource
        return kind(self.schema, url=self._url, mask_key=self.mask_key)

    @property
    def name(self) -> str:
        """The table in ClickHouse's words."""
        destination = self.schema.destination
        return f"`{destination.database}`.`{destination.table}`"

    def stored(self, what: str = "*", where: str = "1") -> list[tuple[Any, ...]]:
        """What a reader sees in the warehouse."""
        return self.sink.rows(f"SELECT {what} FROM {self.name} FINAL WHERE {where} ORDER BY ALL")

    def disturb(self, statement: str) -> None:
        """Change the warehouse behind everybody's back."""
        self.sink.run(statement.replace("{t}", self.name), doing="Disturbing", settings={"mutations_sync": 1})

    def close(self) -> None:
        self.sink.drop(self.schema.destination.database, self.schema.destination.table)
        self.state.close()
