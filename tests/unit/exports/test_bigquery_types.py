"""Which types BigQuery holds, addresses of projects, and who lacks the extra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dagster_pipeline.connectors.sink.base_export_sink import Export, ExportColumn, ExportMode
from dagster_pipeline.connectors.sink.bigquery.column_types import stored_columns
from dagster_pipeline.connectors.sink.bigquery.place import BigQueryPlace
from dagster_pipeline.connectors.sink.bigquery.table_shape import Layout, shape_of
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.type_mapper.clickhouse_type import parse_clickhouse_type


def _export(key: tuple[str, ...] = (), **columns: str) -> Export:
    described = tuple(ExportColumn(name, parse_clickhouse_type(text)) for name, text in columns.items())
    return Export("aaaaaaaaaaaa", described, ExportMode.MERGE if key else ExportMode.REPLACE, key)


@pytest.mark.parametrize(
    ("declared", "stored"),
    [
        ("UInt32", "INT64 REQUIRED"),
        ("UInt64", "NUMERIC(20, 0) REQUIRED"),
        ("Nullable(Decimal(38, 9))", "NUMERIC(38, 9) NULLABLE"),
        ("Decimal(30, 0)", "BIGNUMERIC(30, 0) REQUIRED"),
        ("Decimal(10, 10)", "BIGNUMERIC(10, 10) REQUIRED"),
        ("Decimal(76, 38)", "BIGNUMERIC(76, 38) REQUIRED"),
        ("Array(Date)", "DATE REPEATED"),
        ("DateTime64(6, 'UTC')", "TIMESTAMP REQUIRED"),
    ],
)
def test_a_type_is_stored_where_every_value_fits(declared: str, stored: str):
    assert [str(column) for column in stored_columns(_export(x=declared))] == [stored]


@pytest.mark.parametrize(
    "declared",
    [
        "Int128",
        "UInt256",
        "Decimal(39, 0)",
        "Decimal(40, 39)",
        "DateTime64(7, 'UTC')",
        "Array(Nullable(Int8))",
    ],
)
def test_a_type_that_would_lose_is_refused_by_name(declared: str):
    with pytest.raises(ConfigurationError) as caught:
        stored_columns(_export(fine="Int8", lossy=declared))
    assert f"'lossy' is {declared}: " in str(caught.value)
    assert "fine" not in str(caught.value)


def test_everything_that_is_wrong_with_columns_is_said_at_once():
    columns = {"_partition_day": "Int8", "größe": "Int8", "Id": "Int8", "id": "Int8", "f": "Float64"}
    with pytest.raises(ConfigurationError) as caught:
        stored_columns(_export(key=("f",), **columns))
    for part in (
        "'_partition_day' is no name",
        "'größe' is no name",
        "'Id' and 'id' differ",
        "'f' is FLOAT64",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        pytest.param(Layout(partition_by="gone"), "names 'gone', which is not exported", id="missing"),
        pytest.param(Layout(partition_by="n"), "which is INT64, not a date or time", id="no date"),
        pytest.param(Layout(partition_by="d", every="HOUR"), "by the hour, and a date has none", id="hours"),
        pytest.param(Layout(cluster_by=("f",)), "FLOAT64 cannot be clustered by", id="float"),
        pytest.param(Layout(cluster_by=("a",)), "which is an array", id="array"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(layout: Layout, told: str):
    from google.cloud import bigquery

    target = bigquery.TableReference.from_string("acme.sales.accounts")
    export = _export(n="Int8", d="Date", f="Float32", a="Array(Int8)")
    with pytest.raises(ConfigurationError, match=r"acme\.sales\.accounts") as caught:
        shape_of(export, target, None, layout)
    assert told in str(caught.value)


def _place(text: str) -> BigQueryPlace:
    return BigQueryPlace(DatabaseUrl.parse(text, variable="BIGQUERY_ANALYTICS_URL", schemes=("bigquery",)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bigquery:///?location=EU", "names no project"),
        ("bigquery://acme?region=EU", "unknown options: region"),
        ("bigquery://acme?endpoint=127.0.0.1:9050", "is no address of a server"),
        ("bigquery://acme?endpoint=http://host&credentials=/k.json", "without encryption"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused(text: str, told: str):
    with pytest.raises(ConfigurationError, match=told):
        _place(text)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param("not json s3cret-word", id="no JSON"),
        pytest.param('{"private_key": "s3cret-word"}', id="no key"),
        pytest.param('{"type": "external_account", "private_key": "s3cret-word"}', id="no pool"),
    ],
)
def test_a_broken_key_file_is_told_without_what_it_holds(tmp_path: Path, content: str | None):
    file = tmp_path / "key.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"key\.json gives no usable Google credentials") as caught:
        _ = _place(f"bigquery://acme?credentials={file}").client
    assert "s3cret-word" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_without_the_extra_it_is_said_which_one_to_install_and_who_needs_none_pays_nothing():
    script = """
import sys
sys.modules["google.cloud"] = None
from dagster_pipeline.connectors.sink.bigquery.opening import bigquery_sink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.export_sink_bigquery import BigQueryExportSink
url = DatabaseUrl.parse("bigquery://acme", variable="X", schemes=("bigquery",))
keys = BigQueryExportSink(kind="bigquery", connection="x", dataset="d", table="t")
try:
    bigquery_sink(keys, url)
except ConfigurationError as error:
    print(error)
print("google.auth" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == [
        "Exports into BigQuery need the package google-cloud-bigquery. Install dagster-pipeline[bigquery].",
        "False",
    ]
