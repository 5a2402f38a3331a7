"""What arrives of a write, what a repeated one does, and what a bad value says."""

from __future__ import annotations

import threading
import tracemalloc
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from dagster_pipeline.connectors.batch import Batch, WireColumn, WireFormat
from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.transport import Acknowledgement
from dagster_pipeline.errors import DataQualityError, FatalError, PipelineError
from tests.contract.sinks.sink_tables import (
    a_table,
    a_write,
    an_append_table,
    arrow,
    breaking_off,
    numbered,
    tsv,
)

SECRET = "row-value-that-must-not-be-printed"


def everything(sink: ClickHouseSink, table: SinkTable, columns: str = "id, name") -> list[tuple[object, ...]]:
    return sink.rows(f"SELECT {columns} FROM {table.database}.{table.name} ORDER BY id")


@pytest.fixture
def table(sink: ClickHouseSink, database: str) -> SinkTable:
    accounts = a_table(database)
    sink.ensure_table(accounts)
    return accounts


@pytest.fixture
def append_table(sink: ClickHouseSink, database: str) -> SinkTable:
    accounts = an_append_table(database)
    sink.ensure_table(accounts)
    return accounts


def test_all_batches_of_a_write_arrive_with_its_version(sink: ClickHouseSink, table: SinkTable) -> None:
    receipt = sink.write(a_write(table, version=2**64 - 1), [tsv((1, "a"), (2, None)), tsv((3, ""))])
    assert (receipt.rows, receipt.bytes) == (3, len("1\ta\n2\t\\N\n3\t\n"))
    assert everything(sink, table, "id, name, _version") == [
        (1, "a", 2**64 - 1),
        (2, None, 2**64 - 1),
        (3, "", 2**64 - 1),
    ]
    ((seconds,),) = sink.rows(f"SELECT abs(max(_synced_at) - now64(3, 'UTC')) FROM {table.database}.accounts")
    assert float(str(seconds)) < 60


def test_twins_of_one_write_are_one_row_to_a_reader_the_later_of_them(
    sink: ClickHouseSink, table: SinkTable
) -> None:
    """Whether the engine collapses rows of a key when they arrive, or leaves it to merges."""
    receipt = sink.write(a_write(table), [tsv((1, "first"), (2, "b"), (1, "second")), tsv((1, "third"))])
    assert receipt.rows == 4
    assert sink.count_rows(table) == 2
    final = f"SELECT id, name FROM {table.database}.{table.name} FINAL ORDER BY id"
    assert sink.rows(final) == [(1, "third"), (2, "b")]
    sink.run(f"OPTIMIZE TABLE {table.database}.{table.name} FINAL", doing="Merging")
    assert everything(sink, table) == [(1, "third"), (2, "b")]


@pytest.mark.parametrize("batches", [[], [Batch(b"", 0)], [Batch(b"", 0), Batch(b"", 0)]])
@pytest.mark.parametrize("atomic", [True, False])
def test_a_write_of_nothing_is_fine(
    sink: ClickHouseSink, table: SinkTable, batches: list[Batch], atomic: bool
) -> None:
    assert sink.write(a_write(table, atomic=atomic), batches).rows == 0
    assert sink.count_rows(table) == 0


def test_an_arrow_stream_without_rows_is_fine(sink: ClickHouseSink, table: SinkTable) -> None:
    empty = arrow(id=pa.array([], pa.int64()), name=pa.array([], pa.string()))
    assert sink.write(a_write(table, wire_format=WireFormat.ARROW_STREAM), [empty]).rows == 0


def test_load_expressions_make_the_stored_value_of_the_parsed_one(
    sink: ClickHouseSink, database: str
) -> None:
    table = a_table(
        database,
        SinkColumn("id", "UUID"),
        SinkColumn("at", "DateTime64(6, 'UTC')"),
        SinkColumn("s", "String"),
    )
    sink.ensure_table(table)
    key = uuid.uuid4()
    columns = (
        WireColumn("id", "String", "toUUID({column})"),
        WireColumn("at", "Int64", "fromUnixTimestamp64Micro({column}, 'UTC')"),
        WireColumn("s", "String", "concat({column}, '{', {column}, '}')"),
    )
    sink.write(a_write(table, columns=columns), [tsv((key, 1_700_000_000_000_001, "x"))])
    assert sink.rows(f"SELECT id, toString(at), s FROM {database}.accounts") == [
        (key, "2023-11-14 22:13:20.000001", "x{x}")
    ]


def test_arrow_values_arrive_as_they_were(sink: ClickHouseSink, database: str) -> None:
    table = a_table(
        database,
        SinkColumn("id", "Int64"),
        SinkColumn("amount", "Decimal(38, 10)"),
        SinkColumn("at", "DateTime64(6, 'UTC')"),
        SinkColumn("raw", "Nullable(String)"),
        SinkColumn("big", "UInt64"),
    )
    sink.ensure_table(table)
    amount = Decimal("1234567890123456789012345678.0123456789")
    rows = arrow(
        id=pa.array([1, 2], pa.int64()),
        amount=pa.array([amount, -amount], pa.decimal128(38, 10)),
        at=pa.array([datetime(1970, 1, 1, 0, 0, 0, 1), datetime(2024, 2, 29)], pa.timestamp("us")),
        raw=pa.array([b"\xff\x00\n\t", None], pa.binary()),
        big=pa.array([2**64 - 1, 0], pa.uint64()),
    )
    assert sink.write(a_write(table, wire_format=WireFormat.ARROW_STREAM), [rows]).rows == 2
    assert everything(sink, table, "amount, toString(at), hex(raw), big") == [
        (amount, "1970-01-01 00:00:00.000001", "FF000A09", 2**64 - 1),
        (-amount, "2024-02-29 00:00:00.000000", None, 0),
    ]


def test_a_source_that_fails_at_once_leaves_nothing(sink: ClickHouseSink, table: SinkTable) -> None:
    error = ValueError("at once")
    with pytest.raises(ValueError, match="at once") as raised:
        sink.write(a_write(table), breaking_off([], error))
    assert raised.value is error
    assert sink.count_rows(table) == 0


@pytest.mark.parametrize(
    "error", [ValueError("gone"), BrokenPipeError("gone"), OSError("gone"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("batches", [1, 40])
def test_an_error_of_the_source_passes_through_and_the_insert_is_abandoned(
    sink: ClickHouseSink, append_table: SinkTable, error: BaseException, batches: int
) -> None:
    first = [numbered(start * 5_000, 5_000) for start in range(batches)]
    error.__cause__ = cause = RuntimeError("the driver's own")
    with pytest.raises(type(error)) as raised:
        sink.write(a_write(append_table, atomic=True), breaking_off(first, error))
    assert raised.value is error
    assert raised.value.__cause__ is cause
    assert sink.count_rows(append_table) == 0
    assert sink.write(a_write(append_table, atomic=True), first).rows == 5_000 * batches
    assert sink.count_rows(append_table) == 5_000 * batches


@pytest.mark.parametrize("wire_format", list(WireFormat))
def test_a_source_that_fails_after_a_complete_document_leaves_nothing(
    sink: ClickHouseSink, database: str, wire_format: WireFormat
) -> None:
    table = an_append_table(database, SinkColumn("only", "String"))
    sink.ensure_table(table)
    batch = (
        Batch(b"a\nb\n", 2) if wire_format is WireFormat.TAB_SEPARATED else arrow(only=pa.array(["a", "b"]))
    )
    with pytest.raises(ValueError, match="gone"):
        sink.write(
            a_write(table, atomic=True, wire_format=wire_format), breaking_off([batch], ValueError("gone"))
        )
    assert sink.count_rows(table) == 0


class TestTokens:
    """An atomic write is taken once under its token; any other is repeated freely."""

    def test_a_repeated_atomic_write_adds_nothing(
        self, sink: ClickHouseSink, append_table: SinkTable
    ) -> None:
        for _ in range(3):
            assert sink.write(a_write(append_table, atomic=True), [numbered(0, 1000)]).rows == 1000
        assert sink.count_rows(append_table) == 1000

    def test_the_same_rows_under_another_token_are_other_rows(
        self, sink: ClickHouseSink, append_table: SinkTable
    ) -> None:
        for token in ("load:0", "load:1"):
            sink.write(a_write(append_table, atomic=True, token=token), [numbered(0, 10)])
        assert sink.count_rows(append_table) == 20

    def test_a_token_outlives_the_rows_that_came_under_it(
        self, sink: ClickHouseSink, append_table: SinkTable
    ) -> None:
        write = a_write(append_table, atomic=True)
        sink.write(write, [numbered(0, 10)])
        sink.run(f"DELETE FROM {append_table.database}.accounts WHERE 1", doing="Deleting")
        sink.write(write, [numbered(0, 10)])
        assert sink.count_rows(append_table) == 0, "a write that is repeated on purpose needs another token"
        sink.write(replace(write, token="load:again"), [numbered(0, 10)])
        assert sink.count_rows(append_table) == 10

    def test_truncating_forgets_the_tokens(self, sink: ClickHouseSink, append_table: SinkTable) -> None:
        writes = [a_write(append_table, atomic=True, token=f"load:{index}") for index in range(3)]
        for attempt in range(2):
            for index, write in enumerate(writes):
                sink.write(write, [numbered(index * 10, 10)])
            assert sink.count_rows(append_table) == 30
            if attempt == 0:
                sink.run(f"OPTIMIZE TABLE {append_table.database}.accounts FINAL", doing="Merging")
            sink.truncate(append_table)
            assert sink.count_rows(append_table) == 0

    def test_a_repeated_write_into_partitions_adds_only_what_is_missing(
        self, sink: ClickHouseSink, database: str
    ) -> None:
        table = an_append_table(database, partition_by="id % 10")
        sink.ensure_table(table)
        write = a_write(table, atomic=True)
        sink.write(write, [numbered(0, 5)])  # as if the process had died after five of ten partitions
        sink.write(write, [numbered(0, 10)])
        assert everything(sink, table, "id, count() OVER (PARTITION BY id)") == [
            (number, 1) for number in range(10)
        ]

    def test_a_chunk_that_is_not_atomic_may_be_written_again_with_other_rows(
        self, sink: ClickHouseSink, table: SinkTable
    ) -> None:
        sink.write(a_write(table, version=1), [numbered(0, 100, name="old")])
        sink.write(a_write(table, version=2), [numbered(50, 100, name="new")])
        sink.write(a_write(table, version=2), [numbered(50, 100, name="new")])
        assert sink.count_rows(table) == 150
        ((new,),) = sink.rows(f"SELECT countIf(name LIKE 'new%') FROM {table.database}.accounts FINAL")
        assert new == 100

    def test_a_table_made_without_memory_for_tokens_gets_it(
        self, sink: ClickHouseSink, database: str
    ) -> None:
        table = an_append_table(database)
        sink.run(f"CREATE DATABASE {database}", doing="Creating")
        sink.run(
            f"CREATE TABLE {database}.accounts (id Int64, name Nullable(String), _version UInt64, "
            "_synced_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')) ENGINE = MergeTree ORDER BY tuple()",
            doing="Creating",
        )
        assert any(
            "non_replicated_deduplication_window" in statement for statement in sink.ensure_table(table)
        )
        for _ in range(2):
            sink.write(a_write(table, atomic=True), [numbered(0, 10)])
        assert sink.count_rows(table) == 10


class TestAtomic:
    """All rows of an atomic write appear at once."""

    def test_a_large_atomic_write_is_one_part(self, sink: ClickHouseSink, append_table: SinkTable) -> None:
        batches = (numbered(start * 50_000, 50_000) for start in range(30))
        assert sink.write(a_write(append_table, atomic=True), batches).rows == 1_500_000
        parts = sink.rows(
            "SELECT name, rows FROM system.parts WHERE database = {d:String} AND level = 0",
            {"d": append_table.database},
        )
        assert [rows for _, rows in parts] == [1_500_000]

    def test_a_reader_sees_all_of_an_atomic_write_or_nothing(
        self, sink: ClickHouseSink, append_table: SinkTable
    ) -> None:
        seen: set[int] = set()
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                seen.add(sink.count_rows(append_table))

        with ThreadPoolExecutor(max_workers=1) as pool:
            watching = pool.submit(watch)
            try:
                sink.write(
                    a_write(append_table, atomic=True),
                    (numbered(start * 20_000, 20_000) for start in range(40)),
                )
            finally:
                done.set()
            watching.result()
        assert seen <= {0, 800_000}

    def test_more_partitions_than_the_default_limit_are_taken(
        self, sink: ClickHouseSink, database: str
    ) -> None:
        table = an_append_table(database, partition_by="id")
        sink.ensure_table(table)
        sink.write(a_write(table, atomic=True), [numbered(0, 150)])
        assert sink.count_rows(table) == 150


class TestBadValues:
    """A value that does not fit fails the write, names column and row, and quotes no data."""

    @pytest.mark.parametrize(
        ("type_", "value", "says"),
        [
            ("Int32", "abc", "column value in row 2"),
            ("Int32", "1.5", "column value in row 2"),
            ("UInt8", "-1", "column value in row 2"),
            ("Decimal(10, 2)", "NaN", "column value in row 2"),
            ("Decimal(10, 2)", "123456789012", "column value in row 2"),
            ("Date32", "yesterday", "column value in row 2"),
            ("DateTime64(6, 'UTC')", "2024-01-01T25:00:00+99", "column value in row 2"),
            ("UUID", "not-a-uuid", "in row 2"),
            ("Bool", "maybe", "column value in row 2"),
            ("Enum8('a' = 1)", "b", "column value in row 2"),
            ("FixedString(2)", "abc", "column value in row 2"),
            ("Array(Int32)", "[1,x]", "column value in row 2"),
            ("Int32", "1\t2", "another number of columns"),
        ],
    )
    def test_text(self, sink: ClickHouseSink, database: str, type_: str, value: str, says: str) -> None:
        table = an_append_table(
            database, SinkColumn("id", "Int64"), SinkColumn("secret", "String"), SinkColumn("value", type_)
        )
        sink.ensure_table(table)
        good = {"I": "1", "U": "1", "D": "1", "B": "true", "E": "a", "F": "ab", "A": "[1]"}[type_[0]]
        good = {"Date32": "2024-01-01", "UUID": str(uuid.uuid4())}.get(type_, good)
        good = "2024-01-01 00:00:00" if type_.startswith("DateTime") else good
        with pytest.raises(DataQualityError) as raised:
            sink.write(a_write(table, atomic=True), [tsv((1, SECRET, good), (2, SECRET, value))])
        assert says in str(raised.value)
        assert (
            SECRET
            not in f"{raised.value}{raised.value.__cause__}{raised.value.__suppress_context__ or SECRET}"
        )
        assert sink.count_rows(table) == 0

    @pytest.mark.parametrize(
        "type_",
        [
            *(
                "Int32",
                "String",
                "FixedString(3)",
                "LowCardinality(String)",
                "Enum8('' = 0, 'a' = 1)",
                "Bool",
                "UUID",
            ),
            *(
                "Decimal(10, 2)",
                "Float64",
                "Date32",
                "DateTime64(6, 'UTC')",
                "Array(String)",
                "Map(String, Int8)",
            ),
            *("VARCHAR(20)", "text", "IPv4"),
        ],
    )
    @pytest.mark.parametrize("load", ["{column}", "identity({column})"])
    def test_null_in_a_not_null_column_of_text(
        self, sink: ClickHouseSink, database: str, type_: str, load: str
    ) -> None:
        table = an_append_table(database, SinkColumn("id", "Int64"), SinkColumn("the value", type_))
        sink.ensure_table(table)
        columns = (WireColumn("id", "Int64"), WireColumn("the value", type_, load))
        with pytest.raises(DataQualityError, match="the value"):
            sink.write(a_write(table, columns=columns), [tsv((1, None))])
        assert sink.count_rows(table) == 0

    @pytest.mark.parametrize(
        ("type_", "arrow_type"),
        [
            *[
                ("Int32", pa.int32()),
                ("UInt64", pa.uint64()),
                ("Float64", pa.float64()),
                ("String", pa.string()),
            ],
            *[("Date32", pa.date32()), ("DateTime64(6, 'UTC')", pa.timestamp("us")), ("Bool", pa.bool_())],
            *[("Decimal(20, 4)", pa.decimal128(20, 4)), ("LowCardinality(String)", pa.string())],
        ],
    )
    def test_null_in_a_not_null_column_of_arrow(
        self, sink: ClickHouseSink, database: str, type_: str, arrow_type: pa.DataType
    ) -> None:
        table = an_append_table(database, SinkColumn("id", "Int64"), SinkColumn("the value", type_))
        sink.ensure_table(table)
        rows = arrow(**{"id": pa.array([1], pa.int64()), "the value": pa.array([None], arrow_type)})
        with pytest.raises(DataQualityError, match="the value is NULL"):
            sink.write(a_write(table, wire_format=WireFormat.ARROW_STREAM), [rows])
        assert sink.count_rows(table) == 0

    def test_a_column_that_arrow_lacks(self, sink: ClickHouseSink, append_table: SinkTable) -> None:
        with pytest.raises(PipelineError, match="THERE_IS_NO_COLUMN"):
            sink.write(
                a_write(append_table, wire_format=WireFormat.ARROW_STREAM),
                [arrow(id=pa.array([1], pa.int64()))],
            )
        assert sink.count_rows(append_table) == 0

    def test_a_row_that_looks_like_a_header_is_a_row(self, sink: ClickHouseSink, database: str) -> None:
        table = an_append_table(database, SinkColumn("id", "String"), SinkColumn("name", "String"))
        sink.ensure_table(table)
        sink.write(a_write(table), [tsv(("id", "name"), ("name", "id"), ("1", "2"))])
        assert everything(sink, table) == [("1", "2"), ("id", "name"), ("name", "id")]


def test_a_table_of_a_thousand_columns_is_written(sink: ClickHouseSink, database: str) -> None:
    columns = [
        SinkColumn(
            f"a column whose name is as long as names of columns hardly ever are in tables of real databases, number {number}",
            "Nullable(String)",
        )
        for number in range(1000)
    ]
    table = an_append_table(database, SinkColumn("id", "Int64"), *columns)
    sink.ensure_table(table)
    wire = tuple(WireColumn(column.name, column.type, "upper({column})") for column in columns)
    write = a_write(table, columns=(WireColumn("id", "Int64"), *wire), atomic=True)
    assert sink.write(write, [tsv((1, *("v" * 1000)))]).rows == 1
    assert everything(sink, table, f"`{columns[-1].name}`") == [("V",)]
    assert sink.ensure_table(table) == ()


def test_writes_of_several_threads_run_at_once(sink: ClickHouseSink, table: SinkTable) -> None:
    together = threading.Barrier(4, timeout=60)

    def rows(thread: int) -> Iterator[Batch]:
        yield numbered(thread * 10_000, 5_000)
        together.wait()  # holds only when all four inserts are open
        yield numbered(thread * 10_000 + 5_000, 5_000)

    with ThreadPoolExecutor(max_workers=4) as pool:
        receipts = list(pool.map(lambda thread: sink.write(a_write(table), rows(thread)), range(4)))
    assert sum(receipt.rows for receipt in receipts) == 40_000
    assert sink.count_rows(table) == 40_000


def test_the_bytes_of_a_write_are_not_gathered(sink: ClickHouseSink, table: SinkTable) -> None:
    line = b"1\t" + b"x" * 1_000_000 + b"\n"
    tracemalloc.start()
    try:
        sink.write(a_write(table), (Batch(line, 1) for _ in range(200)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30_000_000


def test_a_row_that_the_warehouse_did_not_take_is_an_error(
    sink: ClickHouseSink, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = a_table(database)
    sink.ensure_table(table)
    monkeypatch.setattr(sink._warehouse, "insert", lambda *_, **__: Acknowledgement(rows=9, query_id="q1"))
    with pytest.raises(FatalError, match=r"10 rows were sent and 9 written.*q1"):
        sink.write(a_write(table), [numbered(0, 10)])


def test_deleted_rows_are_not_counted(sink: ClickHouseSink, database: str) -> None:
    for hides in (True, False):
        table = a_table(database, name=f"t{hides}", tracks_deletes=True, hides_deleted=hides)
        sink.ensure_table(table)
        sink.write(a_write(table), [numbered(0, 10)])
        gone = (WireColumn("id", "Int64"), WireColumn("_deleted", "UInt8"))
        sink.write(a_write(table, columns=gone, version=2), [tsv((3, 1), (4, 1))])
        assert sink.count_rows(table) == 8
        ((shown,),) = sink.rows(f"SELECT count() FROM {database}.{table.name} FINAL")
        assert shown == (8 if hides else 10)
