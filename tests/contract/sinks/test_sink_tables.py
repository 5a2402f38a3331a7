"""What the sink makes of a table: new, unchanged, drifted, or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.errors import ConfigurationError
from tests.contract.sinks.sink_tables import ACCOUNT_COLUMNS, a_table, a_write, an_append_table, tsv


def columns_of(sink: ClickHouseSink, database: str, name: str = "accounts") -> dict[str, str]:
    rows = sink.rows(
        "SELECT name, type FROM system.columns WHERE database = {d:String} AND table = {t:String} ORDER BY position",
        {"d": database, "t": name},
    )
    return dict(rows)  # type: ignore[arg-type]  # pairs


def engine_of(sink: ClickHouseSink, database: str) -> str:
    rows = sink.rows("SELECT engine_full FROM system.tables WHERE database = {d:String}", {"d": database})
    return str(rows[0][0])


def test_a_new_table_gets_our_columns_after_the_files(sink: ClickHouseSink, database: str) -> None:
    table = a_table(database, tracks_deletes=True, settings={"index_granularity": 1024})
    assert len(sink.ensure_table(table)) == 2
    assert columns_of(sink, database) == {
        "id": "Int64",
        "name": "Nullable(String)",
        "_version": "UInt64",
        "_deleted": "UInt8",
        "_synced_at": "DateTime64(3, 'UTC')",
    }
    engine = engine_of(sink, database)
    assert engine.startswith("ReplacingMergeTree(_version, _deleted) ORDER BY (id) SETTINGS")
    assert "non_replicated_deduplication_window = " in engine
    assert "index_granularity = 1024" in engine


def test_comments_reach_table_and_columns(sink: ClickHouseSink, database: str) -> None:
    hostile = 'it\'s "one" `row`\\ \n per {account} %s -- ; */'
    sink.ensure_table(a_table(database, SinkColumn("id", "Int64", hostile), comment=hostile))
    where = f"WHERE database = '{database}'"
    assert sink.rows(f"SELECT comment FROM system.tables {where}") == [(hostile,)]
    assert sink.rows(f"SELECT comment FROM system.columns {where} AND name = 'id'") == [(hostile,)]


@pytest.mark.parametrize(
    "type_",
    [
        *(
            "Decimal(20,4)",
            "INTEGER",
            "bigint",
            "Bool",
            "boolean",
            "VARCHAR(10)",
            "TEXT",
            "double",
            "timestamp",
        ),
        *(
            "Enum('a','b')",
            "Nullable( Int32 )",
            "LowCardinality(Nullable(String))",
            "DateTime64( 6,'UTC' )",
            "UUID",
        ),
        *(
            "Array( Array( Nullable(Decimal(38,10)) ) )",
            "Map(String,UInt8)",
            "FixedString(3)",
            "JSON",
            "Time64(6)",
        ),
    ],
)
def test_spelling_a_type_differently_is_no_difference(
    sink: ClickHouseSink, database: str, type_: str
) -> None:
    table = a_table(database, SinkColumn("id", "Int64"), SinkColumn("value", type_))
    sink.ensure_table(table)
    assert sink.ensure_table(table) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"order_by": ()},
        {"order_by": ("id", "toDate( at )")},
        {"order_by": ("cityHash64(id)", "id")},
        {"partition_by": "toYYYYMM( at )"},
        {"partition_by": "(toYYYYMM(at),id%8)"},
        {"partition_by": "at2"},
        {"ttl": "at + INTERVAL 3 YEAR"},
        {"ttl": "at + interval 1 day where id<10"},
        {"settings": {"allow_nullable_key": True, "min_bytes_for_wide_part": 0, "storage_policy": "default"}},
        {"tracks_deletes": True},
        {"tracks_deletes": True, "hides_deleted": False},
        {"comment": ""},
        {
            "order_by": ("id", "at"),
            "partition_by": "toMonday(at)",
            "ttl": "at + INTERVAL 1 WEEK",
            "settings": {"index_granularity": 512},
            "comment": "a, ORDER BY b TTL c",
        },
    ],
    ids=str,
)
def test_an_unchanged_table_is_left_alone(
    sink: ClickHouseSink, database: str, changes: dict[str, object]
) -> None:
    columns = (SinkColumn("id", "Int64"), SinkColumn("at", "DateTime('UTC')"), SinkColumn("at2", "Date"))
    table = a_table(database, *columns, **changes)
    assert sink.ensure_table(table)
    assert sink.ensure_table(table) == ()


def test_a_column_that_the_file_gained_is_added_in_its_place(sink: ClickHouseSink, database: str) -> None:
    sink.ensure_table(a_table(database))
    one, other = ACCOUNT_COLUMNS
    wider = a_table(
        database, SinkColumn("first", "UInt8"), one, SinkColumn("city", "Nullable(String)", "Where."), other
    )
    assert len(sink.ensure_table(wider)) == 1
    assert list(columns_of(sink, database))[:4] == ["first", "id", "city", "name"]
    assert sink.ensure_table(wider) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *[
            ("UInt32", "UInt64"),
            ("UInt32", "Int64"),
            ("Int8", "Nullable(Int16)"),
            ("String", "Nullable(String)"),
        ],
        *[("Decimal(10, 2)", "Decimal(20, 4)"), ("Float32", "Float64"), ("Date", "Date32")],
        *[("DateTime('UTC')", "DateTime64(6, 'UTC')"), ("DateTime64(3, 'UTC')", "DateTime64(6, 'UTC')")],
        *[("Enum8('a' = 1)", "Enum8('a' = 1, 'b' = 2)"), ("String", "LowCardinality(String)")],
    ],
)
def test_a_type_that_became_wider_is_altered_and_keeps_its_values(
    sink: ClickHouseSink, database: str, old: str, new: str
) -> None:
    before = a_table(database, SinkColumn("id", "Int64"), SinkColumn("value", old))
    sink.ensure_table(before)
    value = {"D": "2024-02-29", "E": "a"}.get(old[0], "7")
    if old.startswith("DateTime"):
        value = "2024-02-29 12:34:56"
    if old.startswith("Decimal"):
        value = "7.25"
    sink.write(a_write(before), [tsv((1, value))])
    was = sink.rows(f"SELECT toString(value) FROM {database}.accounts")

    after = a_table(database, SinkColumn("id", "Int64"), SinkColumn("value", new))
    assert len(sink.ensure_table(after)) == 1
    assert columns_of(sink, database)["value"] == new
    ((now,),) = sink.rows(f"SELECT toString(value) FROM {database}.accounts")
    assert str(now).removesuffix(".000000").removesuffix(".000") == str(was[0][0]).removesuffix(".000")
    assert sink.ensure_table(after) == ()


def test_comments_ttl_and_settings_follow_the_file(sink: ClickHouseSink, database: str) -> None:
    columns = (SinkColumn("id", "Int64"), SinkColumn("at", "DateTime('UTC')"))
    sink.ensure_table(a_table(database, *columns))
    changed = a_table(
        database,
        SinkColumn("id", "Int64", "Key."),
        columns[1],
        comment="New.",
        ttl="at + INTERVAL 1 YEAR",
        settings={"merge_with_ttl_timeout": 600},
    )
    assert sink.ensure_table(changed)
    assert sink.ensure_table(changed) == ()
    assert "TTL at + toIntervalYear(1)" in engine_of(sink, database)
    sink.ensure_table(replace(changed, ttl=""))
    assert "TTL" not in engine_of(sink, database)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"engine": "MergeTree"}, "ReplacingMergeTree(_version)"),
        ({"tracks_deletes": True}, "_deleted"),
        ({"order_by": ("id", "name")}, "ORDER BY"),
        ({"order_by": ()}, "ORDER BY"),
        ({"partition_by": "id % 4"}, "PARTITION BY"),
        ({"settings": {"index_granularity": 77}}, "index_granularity"),
        ({"columns": (SinkColumn("id", "Int64"),)}, "name String"),
        ({"columns": (SinkColumn("id", "Int32"), SinkColumn("name", "String"))}, "Int64"),
        ({"columns": (SinkColumn("id", "Int128"), SinkColumn("name", "String"))}, "part of a key"),
        ({"columns": (SinkColumn("id", "Int64"), SinkColumn("name", "Int64"))}, "String"),
    ],
    ids=str,
)
def test_what_cannot_be_altered_is_refused_and_nothing_changes(
    sink: ClickHouseSink, database: str, changes: dict[str, object], says: str
) -> None:
    table = a_table(
        database,
        SinkColumn("id", "Int64"),
        SinkColumn("name", "String"),
        settings={"allow_nullable_key": True},
    )
    sink.ensure_table(table)
    before = sink.rows(f"SHOW CREATE TABLE {database}.accounts")
    with pytest.raises(ConfigurationError) as refused:
        sink.ensure_table(replace(table, comment="Never arrives.", **changes))  # type: ignore[arg-type]  # by name
    assert says in str(refused.value)
    assert f"{database}.accounts" in str(refused.value)
    assert sink.rows(f"SHOW CREATE TABLE {database}.accounts") == before


def test_all_refusals_are_named_at_once(sink: ClickHouseSink, database: str) -> None:
    sink.ensure_table(a_table(database, SinkColumn("id", "Int64"), SinkColumn("name", "String")))
    with pytest.raises(ConfigurationError) as refused:
        sink.ensure_table(an_append_table(database, SinkColumn("id", "Int8"), partition_by="id"))
    for word in ("MergeTree()", "ORDER BY", "PARTITION BY", "Int8", "name String"):
        assert word in str(refused.value)


def test_a_nullable_column_that_the_file_dropped_stays(sink: ClickHouseSink, database: str) -> None:
    sink.ensure_table(a_table(database))
    narrower = a_table(database, SinkColumn("id", "Int64", "Account number."))
    assert sink.ensure_table(narrower) == ()
    sink.write(a_write(narrower), [tsv((1,))])
    assert sink.rows(f"SELECT id, name FROM {database}.accounts") == [(1, None)]


NAMES = [
    "with space",
    "quo'te",
    'dou"ble',
    "back`tick",
    "back\\slash",
    "dot.ted",
    "per%cent",
    "bra{ce}s",
    "%(percent)s",
    "ünïcödé",
    "表",
    "x" * 64,
    "ö" * 20,
    "a/b",
    "-- comment",
    "semi;colon",
    "select",
    "_file",
    "line\nfeed",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_works_for_table_and_column(sink: ClickHouseSink, database: str, name: str) -> None:
    table = a_table(
        database,
        SinkColumn(name, "Int64"),
        SinkColumn("b", "String"),
        name=name,
        order_by=(name,),
        primary_key=(name,),
    )
    sink.ensure_table(table)
    assert sink.ensure_table(table) == ()
    assert sink.write(a_write(table), [tsv((7, "seven"))]).rows == 1
    staging = sink.create_staging(table, f"{name}__staging_0123456789ab")
    assert sink.stagings(table) == (staging.name,)
    sink.write(a_write(staging, version=2), [tsv((8, "eight"), (9, "nine"))])
    sink.swap(table, staging)
    assert (sink.count_rows(table), sink.highest_version(table)) == (2, 2)
    sink.drop(database, name)
    assert sink.table_id(database, name) == ""


def test_a_name_that_is_too_long_for_a_file_is_refused_in_words(sink: ClickHouseSink, database: str) -> None:
    with pytest.raises(ConfigurationError, match="length of table name"):
        sink.ensure_table(a_table(database, name="表" * 64))


def test_an_unknown_type_or_setting_is_refused_before_anything_is_made(
    sink: ClickHouseSink, database: str
) -> None:
    with pytest.raises(ConfigurationError, match="Integr"):
        sink.ensure_table(a_table(database, SinkColumn("id", "Integr")))
    with pytest.raises(ConfigurationError, match="no_such_setting"):
        sink.ensure_table(a_table(database, settings={"no_such_setting": 1}))
    with pytest.raises(ConfigurationError, match="not the name"):
        sink.ensure_table(a_table(database, settings={"a = 1, b": 1}))
    assert sink.table_id(database, "accounts") == ""


@pytest.mark.parametrize(
    "changes", [{"partition_by": "toYYYYMM("}, {"ttl": "at +"}, {"order_by": ("id)", "name")}], ids=str
)
@pytest.mark.parametrize("exists", [True, False])
def test_an_expression_that_does_not_parse_is_the_files_fault(
    sink: ClickHouseSink, database: str, changes: dict[str, object], exists: bool
) -> None:
    if exists:
        sink.ensure_table(a_table(database))
    with pytest.raises(ConfigurationError, match="SYNTAX_ERROR"):
        sink.ensure_table(a_table(database, **changes))


def test_a_view_in_the_tables_place_is_refused(sink: ClickHouseSink, database: str) -> None:
    sink.run(f"CREATE DATABASE {database}", doing="Creating")
    sink.run(f"CREATE VIEW {database}.accounts AS SELECT 1 AS id, 'a' AS name", doing="Creating")
    with pytest.raises(ConfigurationError, match="its engine is View"):
        sink.ensure_table(a_table(database))
