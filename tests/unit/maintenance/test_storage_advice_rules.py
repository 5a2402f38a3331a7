"""Which figures lead to which suggestion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagster_pipeline.maintenance.column_use import ColumnUse, TableUse
from dagster_pipeline.maintenance.storage_advice import advise
from dagster_pipeline.schema.models import ColumnSchema, DestinationRef, SourceRef, SyncSettings, TableSchema

GIB = 1 << 30


def a_column(name: str, type_: str = "String", **changes: Any) -> ColumnUse:
    figures = {
        "codec": "",
        "compressed": 100,
        "uncompressed": 300,
        "distinct": 900_000,
        "reads": None,
        "in_key": False,
    }
    return ColumnUse(name, type_, **{**figures, **changes})


def said(
    *columns: ColumnUse, partition_by: str | None = None, immutable: str = "", **table: Any
) -> list[tuple[str, str]]:
    """What is suggested for a table: the key of the file and the value."""
    use = TableUse(
        **{
            "full_name": "d.t",
            "rows": 1_000_000,
            "bytes": GIB,
            "partitions": 1,
            "sampled": 1_000_000,
            **table,
        },
        columns=columns,
    )
    schema = TableSchema(
        path=Path("t.yml"),
        group="d",
        source=SourceRef(dialect="mysql", connection="d", database="d", table="t"),
        destination=DestinationRef(
            database="d", table="t", engine="ReplacingMergeTree", order_by=("id",), partition_by=partition_by
        ),
        sync=SyncSettings(),
        columns=tuple(
            ColumnSchema(name=column.name, type="text", immutable=column.name == immutable)
            for column in columns
        ),
    )
    return [(one.key, one.value or one.says) for one in advise(use, schema)]


def test_text_of_few_values_is_stored_once_but_not_in_a_key_and_not_when_there_are_many() -> None:
    low = ("columns[0].clickhouse_type", "LowCardinality(Nullable(String))")
    assert said(a_column("a", "Nullable(String)", distinct=10_000)) == [low]
    assert said(a_column("a", distinct=10_001)) == []
    assert said(a_column("a", distinct=10, in_key=True)) == []
    assert said(a_column("a", distinct=2), sampled=9_999) == []
    assert said(a_column("a", "LowCardinality(String)", distinct=2), a_column("b", "Int64", distinct=2)) == []


def test_many_partitions_become_coarser_and_a_huge_one_is_cut() -> None:
    day = a_column("at", "Date")
    assert said(day, partition_by="toDate(at)", partitions=201) == [
        ("destination.partition_by", "toYYYYMM(at)")
    ]
    assert said(day, partition_by="toYYYYMM(at)", partitions=201) == [
        ("destination.partition_by", "toYear(at)")
    ]
    assert said(day, partition_by="region", partitions=201) == [
        ("", "201 partitions are many: cut coarser than region.")
    ]
    assert said(day, partition_by="toDate(at)", partitions=200) == []
    assert said(day, bytes=101 * GIB, immutable="at") == [("destination.partition_by", "toYYYYMM(at)")]
    assert said(day, bytes=101 * GIB) == [
        ("", "101 GiB in one partition: cut it by a time that never changes.")
    ]


def test_what_most_queries_read_comes_first_in_the_order_and_what_none_reads_is_asked_about() -> None:
    region = a_column("region", distinct=1000, reads=60, in_key=True)
    other = a_column("other", "Int64", reads=100)
    assert said(region, other, immutable="region") == [("destination.order_by", "[region, id]")]
    assert said(region, other) == []
    unused = a_column("old", "Int64", reads=0, compressed=1000)
    ((key, says),) = said(other, unused, bytes=4000)
    assert (key, says) == ("", "No query of the last 30 days read old: 25% of the table. Are they needed?")


def test_a_column_that_takes_much_gets_a_codec_unless_it_has_one() -> None:
    big = {"compressed": GIB // 2, "uncompressed": GIB}
    ((key, says),) = said(a_column("a", **big))
    assert key == ""
    assert (
        "a takes 50% of the table, 2.0 times smaller than its values: try `ALTER TABLE d.t MODIFY COLUMN a CODEC(ZSTD(3))`"
        in says
    )
    ((_, says),) = said(a_column("a", "DateTime64(6)", **big))
    assert "CODEC(Delta, ZSTD(1))" in says
    assert said(a_column("a", codec="CODEC(ZSTD(1))", **big)) == []
