"""What a table of objects promises, on an S3 server and a real engine."""

from __future__ import annotations

import datetime
import gzip
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from dagster_pipeline.errors import ConfigurationError, DataQualityError, RetriableError
from dagster_pipeline.landing import landing as landing_module
from tests.contract.deliveries.lake import Lake, numbered, parquet, s3_file

ROWS = [(1, "a"), (2, "b"), (3, "c")]
CSV = b"id,name,extra\n1,a,x\n2,b,x\n3,c,x\n"
JSONL = b'{"id": 1, "name": "a", "extra": [1]}\n{"id": 2, "name": "b"}\n{"name": "c", "id": 3}\n'


def test_new_objects_land_once_and_no_others(lake: Lake) -> None:
    lake.put("events/a.parquet", numbered(0, 10))
    lake.put("events/readme.txt", b"not ours")
    lake.put("other/b.parquet", numbered(100, 10))
    file = s3_file(prefix="events/", pattern="*.parquet")
    first, again = lake.land(file), lake.land(file)
    lake.put("events/deep/c.parquet", numbered(10, 5))
    third = lake.land(file)
    assert ([each.delivery for each in first.landed], first.rows) == (["events/a.parquet"], 10)
    assert again.landed == ()
    assert ([each.delivery for each in third.landed], third.rows_in_destination) == (
        ["events/deep/c.parquet"],
        15,
    )
    assert [row[0] for row in lake.rows()] == list(range(15))


@pytest.mark.parametrize(
    ("key", "body", "source"),
    [
        ("x.csv", CSV, {"format": "csv"}),
        ("x.csv.gz", gzip.compress(CSV), {"format": "csv"}),
        ("x.csv.zst", pa.compress(CSV, codec="zstd", asbytes=True), {"format": "csv"}),
        ("x", gzip.compress(CSV), {"format": "csv", "compression": "gzip"}),
        ("x.csv", b"1;a\n2;'b'\n3;c", {"format": "csv", "csv": {"delimiter": ";", "quote": "'", "header": False}}),
        ("x.jsonl", JSONL, {"format": "jsonl"}),
        ("x.jsonl.gz", gzip.compress(JSONL), {"format": "jsonl"}),
        ("x.jsonl.zst", pa.compress(JSONL, codec="zstd", asbytes=True), {"format": "jsonl"}),
        ("x.parquet", parquet({"id": [1, 2, 3], "name": ["a", "b", "c"]}), {}),
        ("x.parquet", parquet({"id": pa.array([1, 2, 3], pa.uint8()), "name": ["a", "b", "c"]}, compression="zstd"), {}),
        ("x.parquet", parquet({"id": [1, 2, 3], "name": ["a", "b", "c"]}), {"read_by": "warehouse"}),
    ],
    ids=[
        "csv",
        "csv.gz",
        "csv.zst",
        "gzip by its key",
        "csv of another dialect",
        "jsonl",
        "jsonl.gz",
        "jsonl.zst",
        "parquet",
        "parquet of zstd and narrower numbers",
        "parquet read by the warehouse",
    ],
)  # fmt: skip
def test_every_format_gives_the_same_rows(lake: Lake, key: str, body: bytes, source: dict[str, Any]) -> None:
    lake.put(key, body)
    lake.land(s3_file(**source))
    assert lake.rows() == ROWS


TYPED = [
    ("u64", "UInt64", 2**64 - 1, "18446744073709551615"),
    ("money", "Decimal(38, 4)", Decimal("1234567890.1234"), "1234567890.1234"),
    ("ratio", "Float64", 0.1, "0.1"),
    ("flag", "Bool", True, "true"),
    ("day", "Date", datetime.date(2024, 2, 29), "2024-02-29"),
    ("at", "DateTime64(6, 'UTC')", datetime.datetime(2024, 2, 29, 1, 2, 3, 4), "2024-02-29 01:02:03.000004"),
    ("second", "DateTime('UTC')", datetime.datetime(2024, 2, 29, 1, 2, 3), "2024-02-29T01:02:03Z"),
    ("kind", "LowCardinality(String)", "a\tb\n'", "a\tb\n'"),
    ("uuid", "UUID", "61f0c404-5cb3-11e7-907b-a6006ad3dba0", "61f0c404-5cb3-11e7-907b-a6006ad3dba0"),
]


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_every_value_arrives_as_it_was(lake: Lake, form: str) -> None:
    import csv
    import io
    import json

    columns = [{"name": name, "type": kind} for name, kind, _value, _text in TYPED]
    if form == "parquet":
        body = parquet(
            {name: [value] for name, _kind, value, _text in TYPED}
            | {"u64": pa.array([2**64 - 1], pa.uint64())}
        )
    elif form == "csv":
        target = io.StringIO()
        csv.writer(target).writerows([[row[0] for row in TYPED], [row[3] for row in TYPED]])
        body = target.getvalue().encode()
    else:
        plain = {"u64": 2**64 - 1, "ratio": 0.1, "flag": True}
        body = json.dumps({name: plain.get(name, text) for name, _kind, _value, text in TYPED}).encode()
    lake.put("x", body)
    lake.land(s3_file(columns, format=form))
    (row,) = lake.rows(
        "SELECT toString(u64), money, ratio, flag, day, at, second, kind, toString(uuid) FROM lake.events"
    )
    utc = datetime.UTC
    assert row == (
        str(2**64 - 1),
        Decimal("1234567890.1234"),
        0.1,
        True,
        datetime.date(2024, 2, 29),
        datetime.datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=utc),
        datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=utc),
        "a\tb\n'",
        "61f0c404-5cb3-11e7-907b-a6006ad3dba0",
    )


def test_a_large_object_is_not_visible_before_all_of_it_is(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_module, "ONE_BLOCK_BYTES", 100_000)
    lake.put("good.parquet", numbered(0, 200_000))
    bad = b"id,name\n" + b"".join(b"%d,x\n" % number for number in range(600_000)) + b"word,x\n"
    file = s3_file(destination={"partition_by": "id % 3"})
    assert lake.land(file).rows == 200_000
    assert lake.count() == 200_000
    lake.put("bad.csv", bad)
    with pytest.raises(DataQualityError, match=r"bad\.csv.*row 600002, field 0 counted from 0: not int64"):
        lake.land(s3_file(format="csv", pattern="*.csv", destination={"partition_by": "id % 3"}))
    assert lake.count() == 200_000
    lake.put("bad.csv", bad.removesuffix(b"word,x\n"))
    assert (
        lake.land(s3_file(format="csv", pattern="*.csv", destination={"partition_by": "id % 3"})).rows
        == 600_000
    )
    assert lake.count() == 800_000
    assert lake.stagings() == []


def test_a_row_that_comes_again_replaces_the_earlier_one(lake: Lake) -> None:
    lake.put("1.parquet", parquet({"id": [1, 2], "name": ["old", "old"]}))
    lake.land(s3_file(keyed=True))
    lake.put("2.parquet", parquet({"id": [2], "name": ["new"]}))
    lake.put("1.parquet", parquet({"id": [1, 3], "name": ["newer", "newer"]}))
    assert len(lake.land(s3_file(keyed=True)).landed) == 2
    assert lake.rows("SELECT id, name FROM lake.events FINAL ORDER BY id") == [
        (1, "newer"),
        (2, "new"),
        (3, "newer"),
    ]


@pytest.mark.parametrize("changed", ["fail", "skip"])
def test_a_replaced_object_does_not_double_rows_without_a_key(lake: Lake, changed: str) -> None:
    lake.put("1.parquet", numbered(0, 3))
    lake.land(s3_file(changed=changed))
    lake.put("1.parquet", numbered(0, 4))
    lake.put("2.parquet", numbered(10, 1))
    if changed == "fail":
        with pytest.raises(DataQualityError, match=r"1\.parquet"):
            lake.land(s3_file(changed=changed))
    else:
        assert lake.land(s3_file(changed=changed)).skipped == ("1.parquet",)
    assert [row[0] for row in lake.rows()] == [0, 1, 2, 10]


def test_a_limit_leaves_the_rest_to_the_next_run(lake: Lake) -> None:
    for number in range(5):
        lake.put(f"{number}.parquet", numbered(number, 1))
    assert lake.land(s3_file(), limit=2).left == 3
    assert lake.count() == 2
    assert lake.land(s3_file()).rows == 3


@pytest.mark.parametrize("read_by", ["pipeline", "warehouse"])
def test_an_object_that_changes_while_it_is_read_is_not_taken(lake: Lake, read_by: str) -> None:
    file = s3_file(read_by=read_by)
    lake.put("1.parquet", numbered(0, 3))
    source = lake.source(file)
    listed = list(source.deliveries())
    lake.put("1.parquet", numbered(0, 4))
    source.deliveries = lambda: listed  # type: ignore[method-assign] -- as if it changed right after the listing
    with pytest.raises(RetriableError, match=r"1\.parquet: the object changed since it was listed"):
        lake.land(file, source=source)
    assert lake.count() == 0
    assert lake.land(file).rows == 4


def test_an_object_that_changes_while_the_warehouse_reads_it_is_not_taken(lake: Lake) -> None:
    file = s3_file(read_by="warehouse")
    lake.put("1.parquet", numbered(0, 3))
    source = lake.source(file)
    place = source.place

    def place_and_replace(delivery: Any) -> Any:
        lake.put("1.parquet", numbered(0, 4))
        return place(delivery)

    source.place = place_and_replace  # type: ignore[method-assign] -- between the two looks at its ETag
    with pytest.raises(RetriableError, match="changed since it was listed"):
        lake.land(file, source=source)
    assert lake.count() == 0
    assert lake.land(file).rows == 4
    assert lake.stagings() == []


GOOD = numbered(0, 3)


@pytest.mark.parametrize(
    ("body", "source", "error", "said"),
    [
        (GOOD[: len(GOOD) // 2], {}, DataQualityError, "cannot be read as parquet.*damaged or cut off"),
        (b"PAR1", {}, DataQualityError, "cannot be read as parquet"),
        (parquet({"id": [1]}), {}, ConfigurationError, "it has no column 'name'"),
        (parquet({"id": ["1"], "name": ["x"]}), {}, ConfigurationError, "'id' is string, and the YAML file says Int64"),
        (parquet({"id": [1.5], "name": ["x"]}), {}, ConfigurationError, "'id' is double"),
        (parquet({"id": [1, None], "name": ["x", "y"]}), {}, DataQualityError, r"1 row\(s\) have no value in column 'id'"),
        (parquet({"id": pa.array([2**63], pa.uint64()), "name": ["x"]}), {}, DataQualityError, "column 'id' is no Int64"),
        (b"id,name\n1,a\n2\n3,c\n", {"format": "csv"}, DataQualityError, "line 3 has 1 fields instead of 2"),
        (b"id\n1\n", {"format": "csv"}, ConfigurationError, "no column 'name'"),
        (b"id,name\n1,a\nsecret,b\n", {"format": "csv"}, DataQualityError, "row 3, field 0 counted from 0: not int64"),
        (gzip.compress(CSV * 9999)[:-20], {"format": "csv", "compression": "gzip"}, DataQualityError, "damaged|cut off"),
        (b"<html>secret</html>", {"format": "jsonl"}, DataQualityError, "Invalid value"),
        (b'{"id": 1, "name": {"x": "secret"}}', {"format": "jsonl"}, DataQualityError, "/name is object instead of string"),
        (b'{"name": "secret"}', {"format": "jsonl"}, DataQualityError, r"1 row\(s\) have no value in column 'id'"),
    ],
    ids=[
        "parquet cut in half",
        "parquet of four bytes",
        "a column missing",
        "a text for a number",
        "a fraction for a number",
        "a NULL in the key",
        "a number out of range",
        "a CSV line with too few fields",
        "a CSV without a column",
        "a CSV value that is no number",
        "gzip cut off",
        "HTML",
        "an object for a text",
        "JSON without the key",
    ],
)  # fmt: skip
def test_a_bad_object_is_a_clear_error_and_the_others_land(
    lake: Lake, body: bytes, source: dict[str, Any], error: type[Exception], said: str
) -> None:
    good = {"csv": CSV, "jsonl": JSONL}.get(source.get("format", ""), GOOD)
    if source.get("compression"):
        good = gzip.compress(good)
    lake.put("a-bad", body)
    lake.put("good", good)
    with pytest.raises(error, match=f"a-bad.*{said}") as raised:
        lake.land(s3_file(**source))
    assert "secret" not in str(raised.value)
    assert lake.count() == 3


def test_lines_with_too_few_fields_are_counted_up_to_the_cap(lake: Lake) -> None:
    lake.put("a.csv", b"id,name\n1,a\n2\n3,c\n4,d,e\n")
    with pytest.raises(DataQualityError, match="fields instead of"):
        lake.land(s3_file(format="csv", max_rejects=1))
    assert lake.count() == 0
    assert lake.land(s3_file(format="csv", max_rejects=2)).rejected == 2
    assert lake.rows() == [(1, "a"), (3, "c")]


def test_two_bad_objects_are_named_together(lake: Lake) -> None:
    for name in ("a", "b"):
        lake.put(name, b"PAR1")
    with pytest.raises(
        DataQualityError, match=r"(?s)2 deliveries were not taken(?=.*object a)(?=.*object b)"
    ):
        lake.land(s3_file())


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (("bucket-", "no-bucket-"), ConfigurationError, "NoSuchBucket"),
        (("127.0.0.1:", "127.0.0.1:1"), RetriableError, "connection failed"),
    ],
)
def test_a_bucket_that_cannot_be_reached_says_so_without_its_secret(
    lake: Lake, change: tuple[str, str], error: type[Exception], said: str
) -> None:
    wrong = lake.url.replace(*change) if "127" not in change[0] else "http://k:s3cret@127.0.0.1:9/bucket"
    lake.url = wrong
    with pytest.raises(error, match=said) as raised:
        lake.land(s3_file())
    assert "s3cret" not in str(raised.value)
