"""In what a live table is not what its file wants: named without changing anything, with DDL that really settles it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from tests.contract.sinks.sink_tables import a_table, an_append_table


def test_a_table_in_step_has_no_difference_however_its_types_are_spelled(
    sink: ClickHouseSink, database: str
) -> None:
    table = a_table(
        database,
        SinkColumn("id", "Int64", "The key's number."),
        SinkColumn("amount", "Nullable(Decimal(20,4))"),
        SinkColumn("code", "LowCardinality(Nullable(String))"),
        SinkColumn("day", "DATE"),
        partition_by="toYYYYMM( day )",
        ttl="day + INTERVAL 3 YEAR",
        settings={"index_granularity": 4096},
        comment="It's one row per account.",
    )
    assert "CREATE TABLE" in sink.differences(table)[0].statements[-1]
    sink.ensure_table(table)
    assert sink.differences(table) == ()
    spelled = replace(
        table,
        columns=(*table.columns[:3], SinkColumn("day", "Date")),
        partition_by="toYYYYMM(day)",
        ttl="day + toIntervalYear(3)",
    )
    assert sink.differences(spelled) == ()


def test_the_statements_of_every_alterable_difference_settle_it(sink: ClickHouseSink, database: str) -> None:
    table = a_table(
        database,
        SinkColumn("id", "Int64"),
        SinkColumn("small", "Int8"),
        SinkColumn("old", "Nullable(String)"),
    )
    sink.ensure_table(table)
    wanted = replace(
        table,
        columns=(
            SinkColumn("id", "Int64", "Number."),
            SinkColumn("small", "Int32"),
            SinkColumn("new", "Nullable(Date32)"),
        ),
        comment="Accounts.",
        settings={"max_suspicious_broken_parts": 7},
    )
    found = sink.differences(wanted)
    assert {(each.key, each.column) for each in found} == {
        ("description", "id"),
        ("type", "small"),
        ("name", "new"),
        ("description", ""),
        ("destination.settings.max_suspicious_broken_parts", ""),
        ("columns", "old"),
    }
    assert not any(each.stops_load for each in found)
    assert [each.column for each in found if not each.changes_by_load] == ["old"]
    for statement in (statement for each in found for statement in each.statements):
        sink.run(statement, doing="Settling")  # as a person would run it
    assert sink.differences(wanted) == ()


@pytest.mark.parametrize(
    ("changes", "key", "column"),
    [
        ({"order_by": ("id", "name")}, "destination.order_by", ""),
        ({"partition_by": "id % 4"}, "destination.partition_by", ""),
        ({"tracks_deletes": True}, "sync.deletes", ""),
        ({"settings": {"index_granularity": 1024}}, "destination.settings.index_granularity", ""),
        ({"columns": (SinkColumn("id", "Int8"), SinkColumn("name", "String"))}, "type", "id"),
        ({"columns": (SinkColumn("id", "Int64"),)}, "columns", "name"),
    ],
    ids=str,
)
def test_what_no_alter_can_settle_stops_a_load_and_names_the_key(
    sink: ClickHouseSink, database: str, changes: dict[str, object], key: str, column: str
) -> None:
    table = a_table(database, SinkColumn("id", "Int64"), SinkColumn("name", "String"))
    sink.ensure_table(table)
    stopping = [each for each in sink.differences(replace(table, **changes)) if each.stops_load]  # type: ignore[arg-type]  # by name
    assert [(each.key, each.column) for each in stopping] == [(key, column)]
    assert "full_refresh" in stopping[0].todo


def test_another_engine_is_told_with_both_sides(sink: ClickHouseSink, database: str) -> None:
    sink.ensure_table(a_table(database, SinkColumn("id", "Int64")))
    (engine, *_) = sink.differences(an_append_table(database, SinkColumn("id", "Int64")))
    assert engine.key == "destination.engine"
    assert "ReplacingMergeTree(_version)" in engine.what
    assert "wants MergeTree()" in engine.what
