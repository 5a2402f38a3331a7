"""Which changes of a type keep every value."""

from __future__ import annotations

import pytest

from dagster_pipeline.connectors.sink.clickhouse.widening import widens


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Int8", "Int16"),
        ("UInt8", "UInt256"),
        ("UInt64", "Int128"),
        ("Int32", "Nullable(Int64)"),
        ("Nullable(Int32)", "Nullable(Int64)"),
        ("LowCardinality(String)", "Nullable(String)"),
        ("LowCardinality(Nullable(String))", "Nullable(String)"),
        ("Decimal(10, 2)", "Decimal(11, 2)"),
        ("Decimal(10, 2)", "Decimal(12, 4)"),
        ("DateTime", "DateTime64(3)"),
        ("DateTime('UTC')", "DateTime64(3, 'UTC')"),
        ("DateTime64(0, 'UTC')", "DateTime64(8, 'UTC')"),
        ("Date", "Date32"),
        ("Enum8('a, b' = 1, ')' = 2)", "Enum8('a, b' = 1, ')' = 2, 'c' = 3)"),
        ("Enum8('a' = 1)", "Enum16('a' = 1, 'b' = 1000)"),
        ("Array(Int8)", "Array(Int8)"),
    ],
)
def test_a_wider_type_takes_every_value(old: str, new: str) -> None:
    assert widens(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Int16", "Int8"),
        ("Int8", "UInt16"),
        ("UInt32", "Int32"),
        ("Nullable(Int32)", "Int64"),
        ("Nullable(String)", "LowCardinality(String)"),
        ("Int64", "Float64"),
        ("Int64", "String"),
        ("String", "Int64"),
        ("Decimal(10, 2)", "Decimal(11, 4)"),
        ("Decimal(10, 2)", "Decimal(10, 1)"),
        ("DateTime64(3, 'UTC')", "DateTime64(6, 'Europe/Paris')"),
        ("DateTime64(3, 'UTC')", "DateTime64(9, 'UTC')"),
        ("DateTime64(6, 'UTC')", "DateTime64(3, 'UTC')"),
        ("DateTime64(6, 'UTC')", "DateTime('UTC')"),
        ("Date", "DateTime('UTC')"),
        ("Enum8('a' = 1)", "Enum8('a' = 2)"),
        ("Enum8('a' = 1, 'b' = 2)", "Enum8('a' = 1)"),
        ("FixedString(3)", "String"),
        ("Array(Int8)", "Array(Int16)"),
        ("Bool", "UInt8"),
    ],
)
def test_any_other_type_does_not(old: str, new: str) -> None:
    assert not widens(old, new)
