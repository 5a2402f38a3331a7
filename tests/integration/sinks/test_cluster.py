"""A cluster, as far as one engine without Keeper can show it.

Every statement is judged by ClickHouse's own parser. Then it runs, with what needs a cluster taken out: ON CLUSTER, the word
Replicated, waiting for replicas; a Merge table stands in for the Distributed one. What is recorded is what was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from dagster_pipeline.connectors.batch import Batch, WireColumn, WireFormat
from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable, WriteRequest
from dagster_pipeline.connectors.sink.clickhouse import connector
from dagster_pipeline.connectors.sink.clickhouse.cluster import Cluster
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.insert import InsertStatement, Setting
from dagster_pipeline.connectors.sink.clickhouse.transport import Acknowledgement, EmbeddedTransport
from dagster_pipeline.connectors.sink.clickhouse.warehouse import Warehouse
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.settings import Settings

TABLE = SinkTable(
    database="shop",
    name="orders",
    columns=(SinkColumn("id", "Int64"), SinkColumn("note", "String")),
    engine="ReplacingMergeTree",
    order_by=("id",),
    partition_by="",
    ttl="",
    settings={},
    comment="",
    tracks_deletes=True,
    primary_key=("id",),
    distributed=True,
)
ON_CLUSTER = " ON CLUSTER `main cluster`"
CATCH_UP = f"SYSTEM SYNC REPLICA{ON_CLUSTER} `shop`.`orders` LIGHTWEIGHT"
DISTRIBUTED = (
    f"CREATE OR REPLACE TABLE `shop`.`orders_distributed`{ON_CLUSTER} AS `shop`.`orders` "
    "ENGINE = Distributed('main cluster', 'shop', 'orders')"
)
_WINDOW = re.compile(r"replicated_deduplication_window = \d+, replicated_deduplication_window_seconds = \d+")
_DISTRIBUTED = re.compile(r"Distributed\('main cluster', '(\w+)', '(\w+)'\)")


@dataclass
class Asked:
    """What the sink asked the cluster for, in order."""

    statements: list[tuple[str, Mapping[str, Setting]]] = field(default_factory=list)
    inserts: list[Mapping[str, Setting]] = field(default_factory=list)

    def take(self) -> list[str]:
        """The statements since the last time."""
        taken = [statement for statement, _ in self.statements]
        self.statements.clear()
        return taken


class OneNode(Warehouse):
    """One embedded engine that is taken for a cluster."""

    def __init__(self, directory: Path, asked: Asked) -> None:
        url = DatabaseUrl.parse(f"chdb://{directory}", variable="CLICKHOUSE_URL", schemes=())
        super().__init__(EmbeddedTransport(directory, holder="", lock_wait_seconds=10), url=url)
        self._asked = asked

    def run(self, sql: str, *, doing: str, settings: Mapping[str, Setting] | None = None) -> None:
        self._asked.statements.append((sql, settings or {}))
        super().rows("SELECT formatQuery({statement:String})", {"statement": sql})
        if sql.startswith("SYSTEM SYNC REPLICA"):
            return
        alone = _DISTRIBUTED.sub(r"Merge('\1', '^\2$')", sql.replace(ON_CLUSTER, ""))
        alone = _WINDOW.sub("non_replicated_deduplication_window = 10000", alone)
        super().run(alone.replace("ENGINE = Replicated", "ENGINE = "), doing=doing)

    def rows(
        self, sql: str, parameters: Mapping[str, object] | None = None, **rest: Any
    ) -> list[tuple[Any, ...]]:
        found = super().rows(sql, parameters, **rest)
        if "engine_full" not in sql:
            return found
        windows = "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800"
        return [
            (f"Replicated{engine}".replace("non_replicated_deduplication_window = 10000", windows), *others)
            for engine, *others in found
        ]

    def insert(
        self,
        statement: InsertStatement,
        settings: Mapping[str, Setting],
        payloads: Iterable[bytes],
        *,
        doing: str,
    ) -> Acknowledgement:
        self._asked.inserts.append(settings)
        alone = {name: value for name, value in settings.items() if "quorum" not in name}
        return super().insert(statement, alone, payloads, doing=doing)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def sink(warehouse_dir: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClickHouseSink]:
    url = DatabaseUrl.parse("http://unused:8123/", variable="CLICKHOUSE_URL", schemes=())
    monkeypatch.setattr(connector, "Warehouse", lambda _transport, url: OneNode(warehouse_dir, asked))
    with ClickHouseSink(url, cluster="main cluster") as made:
        yield made


def write(sink: ClickHouseSink, *rows: str) -> None:
    columns = (WireColumn("id", "Int64"), WireColumn("note", "String"))
    request = WriteRequest(
        table=TABLE,
        columns=columns,
        wire_format=WireFormat.TAB_SEPARATED,
        version=1,
        token="",
        atomic=False,
        query_comment="",
    )
    sink.write(request, [Batch("".join(f"{row}\n" for row in rows).encode(), len(rows))])


def test_a_table_is_made_everywhere_once_and_then_the_table_over_all_of_it(
    sink: ClickHouseSink, asked: Asked
) -> None:
    planned = sink.planned_statements(TABLE)
    assert asked.take() == []
    assert sink.ensure_table(TABLE) == planned
    database, table, distributed = asked.take()
    assert database == f"CREATE DATABASE IF NOT EXISTS `shop`{ON_CLUSTER}"
    assert f"`orders`{ON_CLUSTER}" in table
    assert "ReplicatedReplacingMergeTree(`_version`, `_deleted`)" in table
    assert distributed == DISTRIBUTED
    assert sink.ensure_table(TABLE) == ()


def test_a_new_column_reaches_the_table_over_all_of_it(sink: ClickHouseSink, asked: Asked) -> None:
    sink.ensure_table(TABLE)
    asked.take()
    wider = replace(TABLE, columns=(*TABLE.columns, SinkColumn("more", "Nullable(String)")))
    sink.ensure_table(wider)
    altered, distributed = asked.take()
    assert altered.startswith(f"ALTER TABLE `shop`.`orders`{ON_CLUSTER} ADD COLUMN")
    assert distributed == DISTRIBUTED
    assert sink.rows(
        "SELECT count() FROM system.columns WHERE table = 'orders_distributed' AND name = 'more'"
    ) == [(1,)]
    assert sink.ensure_table(wider) == ()


def test_a_table_over_all_of_it_that_was_left_behind_is_made_anew(sink: ClickHouseSink, asked: Asked) -> None:
    """A run that was killed between ALTER and CREATE OR REPLACE."""
    sink.ensure_table(TABLE)
    wider = replace(TABLE, columns=(*TABLE.columns, SinkColumn("more", "Nullable(String)")))
    sink.ensure_table(replace(wider, distributed=False))
    asked.take()
    assert sink.ensure_table(wider) == (DISTRIBUTED,)


def test_a_table_that_asks_for_none_gets_none(sink: ClickHouseSink) -> None:
    assert "_distributed" not in "".join(sink.ensure_table(replace(TABLE, distributed=False)))


def test_a_staging_table_gets_none(sink: ClickHouseSink, asked: Asked) -> None:
    sink.create_staging(TABLE, "orders__staging_0123456789ab")
    assert "_distributed" not in "".join(asked.take())


def test_a_write_waits_for_the_majority_of_replicas(sink: ClickHouseSink, asked: Asked) -> None:
    sink.ensure_table(TABLE)
    write(sink, "1\tone", "2\ttwo")
    (settings,) = asked.inserts
    assert (settings["insert_quorum"], settings["insert_quorum_parallel"]) == ("auto", 1)
    assert sink.rows("SELECT count() FROM shop.orders_distributed") == [(2,)]


def test_replicas_catch_up_before_rows_are_counted(sink: ClickHouseSink, asked: Asked) -> None:
    sink.ensure_table(TABLE)
    write(sink, "1\tone")
    asked.take()
    assert sink.count_rows(TABLE) == 1
    assert asked.statements[0][0] == CATCH_UP
    assert asked.statements[0][1]["distributed_ddl_output_mode"] == "throw_only_active"


def test_the_server_knows_every_setting_that_a_cluster_is_given(sink: ClickHouseSink, asked: Asked) -> None:
    sink.ensure_table(TABLE)
    sink.catch_up(TABLE)
    write(sink, "1\tone")
    given = {name for _, settings in asked.statements for name in settings} | set(asked.inserts[0])
    known = {name for (name,) in sink.rows("SELECT name FROM system.settings")}
    assert given <= known


def test_a_quorum_can_be_set_and_switched_off() -> None:
    assert Cluster("main", "3").write_settings["insert_quorum"] == "3"
    assert Cluster("main", "0").write_settings == {}
    assert Settings.from_environment({"CLICKHOUSE_INSERT_QUORUM": "0"}).clickhouse_insert_quorum == "0"
    with pytest.raises(ConfigurationError, match="CLICKHOUSE_INSERT_QUORUM is 'most'"):
        Settings.from_environment({"CLICKHOUSE_INSERT_QUORUM": "most"})


def test_a_warehouse_of_one_server_has_nothing_of_this(warehouse_dir: Path) -> None:
    url = DatabaseUrl.parse(f"chdb://{warehouse_dir}", variable="CLICKHOUSE_URL", schemes=())
    with ClickHouseSink(url) as sink:
        assert "_distributed" not in "".join(sink.ensure_table(TABLE))
        sink.catch_up(TABLE)
