"""DDL and INSERT as text, for what no test can run: a cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dagster_pipeline.connectors.batch import WireColumn, WireFormat
from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable, WriteRequest
from dagster_pipeline.connectors.sink.clickhouse.ddl import Ddl, quote_identifier, quote_string, quote_table
from dagster_pipeline.connectors.sink.clickhouse.insert import (
    deduplication,
    insert_settings,
    insert_statement,
)
from dagster_pipeline.connectors.sink.clickhouse.table_diff import AddColumn, ChangeSetting, CommentTable
from dagster_pipeline.connectors.sink.clickhouse.table_shape import ColumnShape
from dagster_pipeline.errors import ConfigurationError

TABLE = SinkTable(
    database="shop",
    name="orders",
    columns=(SinkColumn("id", "Int64"), SinkColumn("a b", "String")),
    engine="ReplacingMergeTree",
    order_by=("id", "a b", "toDate(at)"),
    partition_by="a b",
    ttl="",
    settings={"allow_nullable_key": True},
    comment="",
    tracks_deletes=True,
    primary_key=("id",),
)
CLUSTER = Ddl("main cluster")


def test_a_cluster_gets_replicated_tables_that_remember_tokens() -> None:
    text = CLUSTER.create_table(TABLE)
    assert text.startswith("CREATE TABLE IF NOT EXISTS `shop`.`orders` ON CLUSTER `main cluster`\n")
    assert "ENGINE = ReplicatedReplacingMergeTree(`_version`, `_deleted`)" in text
    assert "ORDER BY (`id`, `a b`, toDate(at))" in text
    assert "PARTITION BY `a b`" in text
    assert "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800" in text
    assert text.endswith("allow_nullable_key = 1")


def test_every_statement_of_a_cluster_runs_on_all_of_it() -> None:
    changes = (ChangeSetting("a", "1"), AddColumn(ColumnShape("c", "Int8"), "id"), CommentTable("x"))
    statements = [
        CLUSTER.create_database("shop"),
        CLUSTER.exchange("shop", "a", "b"),
        CLUSTER.rename("shop", "a", "b"),
        CLUSTER.drop("shop", "a"),
        CLUSTER.truncate("shop", "a"),
        *CLUSTER.alter(TABLE, changes),
    ]
    assert len(statements) == 8
    assert all(" ON CLUSTER `main cluster`" in statement for statement in statements)


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Log"):
        Ddl().create_table(replace(TABLE, engine="Log"))


def test_quoters_leave_no_way_out() -> None:
    assert quote_identifier("a`b\\") == "`a\\`b\\\\`"
    assert quote_string("a'b\\") == "'a\\'b\\\\'"
    assert quote_table("a.b", "c") == "`a.b`.`c`"


def a_request(*, atomic: bool, token: str = "load:0") -> WriteRequest:
    return WriteRequest(
        table=TABLE,
        columns=(WireColumn("id", "Int64"), WireColumn("a b", "String", "upper({column})")),
        wire_format=WireFormat.TAB_SEPARATED,
        version=7,
        token=token,
        atomic=atomic,
        query_comment="table run",
    )


def test_text_is_parsed_able_to_be_null_and_refuses_it_before_its_load_expression() -> None:
    statement = insert_statement(a_request(atomic=True), {"id": "Int64", "a b": "String"})
    assert statement.from_input() == (
        "INSERT INTO `shop`.`orders` (`id`, `a b`, `_version`) "
        "SELECT `id`, upper(CAST(`a b`, 'String')), 7 AS `_version` "
        "FROM input('`id` Int64, `a b` Nullable(String)') FORMAT TabSeparated\n"
    )


def test_only_an_atomic_write_carries_its_token() -> None:
    known = dict.fromkeys(("insert_deduplicate", "deduplicate_insert_select"))
    assert insert_settings(a_request(atomic=True))["insert_deduplication_token"] == "load:0"
    assert deduplication(a_request(atomic=True), known) == {
        "insert_deduplicate": 1,
        "deduplicate_insert_select": "force_enable",
    }
    assert "insert_deduplication_token" not in insert_settings(a_request(atomic=False))
    for request in (a_request(atomic=False), a_request(atomic=True, token="")):
        assert deduplication(request, known) == {
            "insert_deduplicate": 0,
            "deduplicate_insert_select": "disable",
        }
