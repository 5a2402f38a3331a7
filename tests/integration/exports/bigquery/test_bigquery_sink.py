"""Exports into BigQuery, through Google's own client and real HTTP, into a server that stands in for the service."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from dagster_pipeline.connectors.sink.base_export_sink import ExportMode, Published
from dagster_pipeline.connectors.sink.bigquery.sink import BigQuerySink
from dagster_pipeline.connectors.sink.bigquery.table_shape import Layout
from dagster_pipeline.errors import ConfigurationError, DataQualityError, FatalError
from scripts.servers.bigquery import BigQueryServer
from tests.integration.exports.bigquery.accounts import COLUMNS, Columns, batch, export

OpenSink = Callable[..., BigQuerySink]
Rows = Callable[[], list[dict[str, Any]]]
ALICE = {"id": 1, "status": "open", "balance": Decimal("1.5000")}
BOB = {"id": 2, "status": "open", "balance": None}


def _do(sink: BigQuerySink, of: Any, *batches: pa.RecordBatch) -> Published:
    sink.check(of)
    sink.stage(of, batches)
    return sink.publish(of)


def _alice_and_bob(sink: BigQuerySink) -> None:
    _do(sink, export("000000000000"), batch(tuple(ALICE.values()), tuple(BOB.values())))


EVERY_TYPE: Columns = {
    "id": ("Int64", pa.int64()),
    "small": ("UInt32", pa.uint32()),
    "large": ("UInt64", pa.uint64()),
    "real": ("Float32", pa.float32()),
    "exact": ("Decimal(38, 9)", pa.decimal128(38, 9)),
    "wide": ("Decimal(76, 38)", pa.decimal256(76, 38)),
    "flag": ("Bool", pa.bool_()),
    "day": ("Date32", pa.date32()),
    "second": ("DateTime('UTC')", pa.timestamp("s", "UTC")),
    "moment": ("Nullable(DateTime64(6, 'UTC'))", pa.timestamp("us", "UTC")),
    "text": ("LowCardinality(Nullable(String))", pa.string()),
    "uuid": ("UUID", pa.string()),
    "address": ("IPv6", pa.string()),
    "words": ("Array(String)", pa.list_(pa.string())),
    "amounts": ("Array(UInt64)", pa.list_(pa.uint64())),
}
ROWS: list[tuple[Any, ...]] = [
    (
        *(-(2**63), 2**32 - 1, 2**64 - 1, 0.1, Decimal("12345678901234567890123456789.123456789")),
        *(Decimal("9" * 38 + "." + "9" * 38), True, date(2299, 12, 31)),
        *(datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC), datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
        *("a 'quoted' \\ ☃\n", "61f0c404-5cb3-11e7-907b-a6006ad3dba0", "::1", ["x", ""], [2**64 - 1]),
    ),
    (
        *(2**63 - 1, 0, 0, float("-inf"), Decimal("-0.000000001")),
        *(Decimal("-0." + "0" * 37 + "1"), False, date(1900, 1, 1)),
        *(
            datetime(1970, 1, 1, tzinfo=UTC),
            None,
            None,
            "00000000-0000-0000-0000-000000000000",
            "10.0.0.1",
            [],
            [],
        ),
    ),
]


def test_every_type_arrives_as_it_was(open_sink: OpenSink, rows: Rows):
    _do(open_sink(), export(columns=EVERY_TYPE), batch(*ROWS, columns=EVERY_TYPE))
    expected = [dict(zip(EVERY_TYPE, row, strict=True)) for row in ROWS]
    expected[0]["real"] = pa.scalar(
        0.1, pa.float32()
    ).as_py()  # exactly the single, not the double next to it
    assert rows() == expected


def test_a_first_export_makes_the_table_as_the_file_says(open_sink: OpenSink, client: bigquery.Client):
    columns = {**COLUMNS, "day": ("Date", pa.date32())}
    sink = open_sink(layout=Layout(partition_by="day", every="MONTH", cluster_by=("id", "status")))
    assert sink.check(export(columns=columns)) == ("acme.sales.accounts will be created.",)
    published = _do(
        sink,
        export(columns=columns, description="Accounts."),
        batch((1, "", None, date(2026, 1, 1)), columns=columns),
    )
    assert published == Published("bigquery://acme.sales.accounts", rows=1)
    made = client.get_table("acme.sales.accounts")
    assert made.description == "Accounts."
    assert made.expires is None
    assert made.time_partitioning == bigquery.TimePartitioning(type_="MONTH", field="day")
    assert made.clustering_fields == ["id", "status"]
    assert [(each.name, each.field_type, each.mode, each.precision, each.scale) for each in made.schema] == [
        ("id", "INT64", "REQUIRED", None, None),
        ("status", "STRING", "REQUIRED", None, None),
        ("balance", "NUMERIC", "NULLABLE", 20, 4),
        ("day", "DATE", "REQUIRED", None, None),
    ]
    assert made.schema[1].description == "What status is."


def test_replace_exchanges_all_rows_also_for_none(open_sink: OpenSink, rows: Rows):
    sink = open_sink()
    _alice_and_bob(sink)
    _do(sink, export("bbbbbbbbbbbb"), batch((3, "new", None)))
    assert [row["id"] for row in rows()] == [3]
    assert _do(sink, export("cccccccccccc")).rows == 0
    assert rows() == []


def test_replace_keeps_how_the_table_was_made(open_sink: OpenSink, client: bigquery.Client, rows: Rows):
    made = bigquery.Table(
        "acme.sales.accounts",
        schema=[
            bigquery.SchemaField("id", "INTEGER", "REQUIRED", description="by hand"),
            bigquery.SchemaField("note", "STRING"),
            bigquery.SchemaField("status", "STRING"),
            bigquery.SchemaField("balance", "BIGNUMERIC"),
        ],
    )
    made.range_partitioning = bigquery.RangePartitioning(
        field="id", range_=bigquery.PartitionRange(start=0, end=100, interval=10)
    )
    client.create_table(made)
    sink = open_sink()
    assert sink.check(export()) == (
        "acme.sales.accounts: the export does not give note, which will be NULL in its rows.",
    )
    _alice_and_bob(sink)
    assert rows() == [{"note": None, **ALICE}, {"note": None, **BOB}]
    there = client.get_table("acme.sales.accounts")
    assert [field.name for field in there.schema] == ["id", "note", "status", "balance"]
    assert there.schema[0].description == "by hand"
    assert there.range_partitioning.field == "id"


def test_merge_replaces_inserts_and_deletes_by_key_and_others_stay(open_sink: OpenSink, rows: Rows):
    sink = open_sink()
    _alice_and_bob(sink)
    of = export("bbbbbbbbbbbb", ExportMode.MERGE, carries_deletions=True, comment="run=1 */ DROP")
    changes = [(2, "closed", Decimal(7), 0), (3, "new", None, 0), (1, "", None, 1), (9, "", None, 1)]
    assert _do(sink, of, batch(*changes[:2], gone=True), batch(*changes[2:], gone=True)).rows == 2
    assert rows() == [
        {"id": 2, "status": "closed", "balance": Decimal("7.0000")},
        {"id": 3, "status": "new", "balance": None},
    ]


def test_merge_of_a_key_alone_inserts(open_sink: OpenSink, rows: Rows):
    columns = {"id": COLUMNS["id"]}
    of = export(mode=ExportMode.MERGE, columns=columns)
    _do(open_sink(), of, batch((1,), (2,), columns=columns))
    _do(open_sink(), export("b" * 12, ExportMode.MERGE, columns=columns), batch((2,), (3,), columns=columns))
    assert [row["id"] for row in rows()] == [1, 2, 3]


def test_append_adds_and_the_same_load_adds_once(open_sink: OpenSink, rows: Rows):
    sink = open_sink()
    _alice_and_bob(sink)
    for load_id in ("bbbbbbbbbbbb", "cccccccccccc"):
        of = export(load_id, ExportMode.APPEND)
        _do(sink, of, batch((1, load_id, None)))
        assert sink.publish(of) == open_sink().publish(of)
    assert [row["status"] for row in rows()] == ["open", "bbbbbbbbbbbb", "cccccccccccc", "open"]


def test_staging_again_replaces_what_was_staged(open_sink: OpenSink, rows: Rows):
    of = export(mode=ExportMode.APPEND)
    sink = open_sink()
    sink.stage(of, [batch((1, "first", None), (2, "first", None))])
    assert sink.stage(of, [batch((1, "second", None))]).rows == 1
    sink.publish(of)
    assert [(row["id"], row["status"]) for row in rows()] == [(1, "second")]


def test_nothing_is_visible_before_publish_and_nothing_is_left_after(
    open_sink: OpenSink, server: BigQueryServer
):
    sink, of = open_sink(), export()
    sink.stage(of, [batch(tuple(ALICE.values()))])
    assert server.tables.names("acme", "sales") == ["accounts__stage_aaaaaaaaaaaa"]
    sink.publish(of)
    assert server.tables.names("acme", "sales") == ["accounts"]


def test_discard_takes_back_what_is_staged_and_may_be_repeated(open_sink: OpenSink, server: BigQueryServer):
    sink, of = open_sink(), export()
    sink.stage(of, [batch(tuple(ALICE.values()))])
    sink.discard(of)
    sink.discard(of)
    assert server.tables.names("acme", "sales") == []
    with pytest.raises(FatalError, match="what was staged is gone"):
        sink.publish(of)


def test_what_is_staged_vanishes_by_itself(open_sink: OpenSink, client: bigquery.Client):
    open_sink().stage(export(), [batch(tuple(ALICE.values()))])
    expires = client.get_table("acme.sales.accounts__stage_aaaaaaaaaaaa").expires
    assert expires is not None
    assert 29 <= (expires - datetime.now(UTC)).days < 30


def test_many_rows_go_in_files_of_bounded_size(
    open_sink: OpenSink, rows: Rows, server: BigQueryServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("dagster_pipeline.connectors.sink.bigquery.parquet_files.ROW_GROUP_BYTES", 1)
    staged = open_sink(file_bytes=1).stage(export(), [batch((number, "", None)) for number in range(5)])
    assert (staged.rows, server.calls.count("upload.multipart")) == (5, 5)
    open_sink().publish(export())
    assert [row["id"] for row in rows()] == [0, 1, 2, 3, 4]


def test_a_key_that_stands_twice_is_refused_before_anything_is_visible(
    open_sink: OpenSink, client: bigquery.Client
):
    sink, of = open_sink(), export(mode=ExportMode.MERGE)
    with pytest.raises(DataQualityError, match=r"1 key\(s\) \(id\) stand in more than one row"):
        sink.stage(of, [batch((1, "a", None)), batch((1, "b", None), (2, "c", None))])
    with pytest.raises(NotFound):
        client.get_table("acme.sales.accounts")


def test_a_table_that_does_not_fit_is_told_whole_before_a_row_is_read(
    open_sink: OpenSink, client: bigquery.Client
):
    there = [
        bigquery.SchemaField("id", "STRING"),
        bigquery.SchemaField("balance", "NUMERIC", "REQUIRED", precision=20, scale=2),
        bigquery.SchemaField("region", "STRING", "REQUIRED"),
        bigquery.SchemaField("words", "STRING"),
    ]
    client.create_table(bigquery.Table("acme.sales.accounts", schema=there))
    columns = {**COLUMNS, "words": ("Array(String)", pa.list_(pa.string()))}
    with pytest.raises(ConfigurationError) as caught:
        open_sink().check(export(columns=columns))
    assert str(caught.value) == (
        "acme.sales.accounts does not fit the export: "
        "'id' is STRING NULLABLE and would have to be INT64 REQUIRED. "
        "'status' is missing (ALTER TABLE `acme`.`sales`.`accounts` ADD COLUMN `status` STRING). "
        "'balance' is NUMERIC(20, 2) REQUIRED and would have to be NUMERIC(20, 4) NULLABLE. "
        "'words' is STRING NULLABLE and would have to be STRING REPEATED. "
        "'region' wants a value there, and the export gives none (ALTER COLUMN ... DROP NOT NULL)."
    )


@pytest.mark.parametrize(
    ("field", "told"),
    [
        pytest.param(bigquery.SchemaField("status", "STRING", max_length=10), "STRING(10)", id="short text"),
        pytest.param(bigquery.SchemaField("status", "BYTES"), "BYTES", id="bytes"),
        pytest.param(bigquery.SchemaField("status", "STRING", "REQUIRED"), "wants a value", id="required"),
    ],
)
def test_a_column_that_would_lose_is_refused(
    open_sink: OpenSink, client: bigquery.Client, field: bigquery.SchemaField, told: str
):
    client.create_table(bigquery.Table("acme.sales.accounts", schema=[field]))
    columns: Columns = {"status": ("Nullable(String)", pa.string())}
    with pytest.raises(ConfigurationError) as caught:
        open_sink().check(export(columns=columns))
    assert told in str(caught.value)


def test_a_table_that_demands_a_partition_filter_is_not_merged_into(
    open_sink: OpenSink, client: bigquery.Client
):
    table = bigquery.Table("acme.sales.accounts", schema=[bigquery.SchemaField("id", "INT64", "REQUIRED")])
    table.require_partition_filter = True
    client.create_table(table)
    columns = {"id": COLUMNS["id"]}
    with pytest.raises(ConfigurationError, match="partition filter"):
        open_sink().check(export(mode=ExportMode.MERGE, columns=columns))


def test_a_table_that_stands_otherwise_than_the_file_says_stays_so(open_sink: OpenSink):
    _alice_and_bob(open_sink())
    sink = open_sink(layout=Layout(partition_by="day", cluster_by=("id",)))
    assert sink.check(export("b" * 12)) == (
        "acme.sales.accounts exists and is not partitioned by 'day'; it stays as it is.",
        "acme.sales.accounts exists and is not clustered by id; it stays as it is.",
    )


def test_a_dataset_that_is_not_there_is_told(open_sink: OpenSink):
    with pytest.raises(ConfigurationError, match=r"dataset acme\.elsewhere: notFound"):
        open_sink(dataset="elsewhere").check(export())


def test_a_dataset_in_another_location_is_told(open_sink: OpenSink):
    told = "The dataset acme.sales is in EU, not in US. Correct location in the export's file or in BIGQUERY_ANALYTICS_URL."
    for sink in (open_sink(location="US"), open_sink(options="&location=US")):
        with pytest.raises(ConfigurationError) as caught:
            sink.check(export())
        assert str(caught.value) == told
    open_sink(location="eu", options="&location=US").check(export())
