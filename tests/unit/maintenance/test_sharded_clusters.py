"""A migration copies what one server has, so it keeps away from clusters of several shards."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dagster_pipeline.connectors.sink.clickhouse.ddl import Ddl
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.maintenance.table_migration import TableMigration

TABLE: Any = SimpleNamespace(database="shop", name="orders", full_name="shop.orders")


@pytest.mark.parametrize("way", ["run", "rollback"])
def test_a_cluster_of_two_shards_is_refused_before_anything_is_asked_or_locked(way: str) -> None:
    sink = SimpleNamespace(ddl=Ddl("reports"), rows=lambda _sql, _parameters: [(2,)])
    migration = TableMigration(TABLE, sink=cast("Any", sink), state=cast("Any", None), owner="test")
    with pytest.raises(ConfigurationError, match="reports has 2 shards"):
        getattr(migration, way)()
