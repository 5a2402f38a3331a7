"""Exports into a table of the server that stands in for BigQuery (`scripts.servers.bigquery`); it is not BigQuery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from scripts.servers.bigquery import BigQueryServer
from scripts.servers.bigquery_tables import ApiError
from tests.contract.exports.export_case import ExportCase

PROJECT, TABLE = "acme", "orders"


class BigQueryCase(ExportCase):
    """One dataset."""

    refused: ClassVar[frozenset[str]] = frozenset(
        {"Decimal(76, 20)", "DateTime64(9, 'UTC')", "Array(Nullable(String))"}
    )

    def __init__(self, server: BigQueryServer, dataset: str) -> None:
        self.server = server
        self.dataset = dataset
        server.tables.create_dataset(PROJECT, dataset, location="EU")

    def sink(self, mode: str) -> dict[str, Any]:
        cut = {"partition_by": {"column": "created_at"}, "cluster_by": ["id"]}
        return {**self.plain_sink(), **(cut if mode == "merge" else {})}

    def plain_sink(self) -> dict[str, Any]:
        return {"kind": "bigquery", "connection": "analytics", "dataset": self.dataset, "table": TABLE}

    def environment(self) -> dict[str, str]:
        return {"BIGQUERY_ANALYTICS_URL": f"bigquery://{PROJECT}?endpoint={self.server.endpoint}"}

    def nowhere(self) -> dict[str, str]:
        return {"BIGQUERY_ANALYTICS_URL": f"bigquery://key:s3cret-word@{PROJECT}?endpoint=http://127.0.0.1:1"}

    def rows(self, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        try:
            found = self.server.tables.values((PROJECT, self.dataset, TABLE), columns)
        except ApiError:
            return []
        return [tuple(_value(value) for value in row) for row in found]

    def leftovers(self) -> list[str]:
        return [name for name in self.server.tables.names(PROJECT, self.dataset) if name != TABLE]


def _value(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
