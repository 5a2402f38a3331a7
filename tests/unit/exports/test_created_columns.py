"""A table that an export creates has types that the rules for existing tables accept, too."""

from __future__ import annotations

import pytest

from dagster_pipeline.type_mapper import outbound_mysql, outbound_postgres
from dagster_pipeline.type_mapper.clickhouse_type import parse_clickhouse_type
from dagster_pipeline.type_mapper.created_column import mysql_type, postgres_type
from dagster_pipeline.type_mapper.outbound import outgoing
from dagster_pipeline.type_mapper.type_rule import TypeRefusedError

INTEGERS = [f"{sign}{bits}" for sign in ("Int", "UInt") for bits in (8, 16, 32, 64)]
TYPES = [
    "Bool", *INTEGERS, "Decimal(20, 4)", "Decimal(65, 30)", "Float32", "Float64", "Date", "Date32", "DateTime('UTC')",
    "DateTime64(0, 'UTC')", "DateTime64(3, 'UTC')", "DateTime64(6, 'UTC')", "String", "LowCardinality(Nullable(String))", "UUID",
    "IPv4", "IPv6", "Array(String)",
]  # fmt: skip


@pytest.mark.parametrize("spelled", TYPES)
def test_a_created_column_takes_every_value_of_its_type(spelled: str) -> None:
    declared = parse_clickhouse_type(spelled)
    assert outbound_postgres.rule(outgoing(spelled), postgres_type(declared))
    for in_key in (True, False):
        assert outbound_mysql.rule(outgoing(spelled), mysql_type(declared, in_key=in_key))


@pytest.mark.parametrize("spelled", ["Decimal(66, 2)", "Decimal(60, 31)", "DateTime64(7, 'UTC')", "Int128"])
def test_what_mysql_cannot_hold_is_refused(spelled: str) -> None:
    with pytest.raises(TypeRefusedError):
        mysql_type(parse_clickhouse_type(spelled), in_key=False)


@pytest.mark.parametrize("spelled", ["DateTime64(9, 'UTC')", "UInt256"])
def test_what_postgres_cannot_hold_is_refused(spelled: str) -> None:
    with pytest.raises(TypeRefusedError):
        postgres_type(parse_clickhouse_type(spelled))
