"""What a target's column takes from a ClickHouse column, and what it refuses because it would lose something."""

from __future__ import annotations

import pytest

from dagster_pipeline.type_mapper import outbound_mysql, outbound_postgres
from dagster_pipeline.type_mapper.outbound import outgoing
from dagster_pipeline.type_mapper.type_rule import TypeRefusedError

RULES = {"mysql": outbound_mysql.rule, "postgres": outbound_postgres.rule}
TAKEN = [
    ("UInt8", "smallint", "smallint"), ("UInt32", "bigint", "int unsigned"), ("Int64", "bigint", "bigint(20)"),
    ("UInt64", "numeric(20,0)", "bigint unsigned"), ("Bool", "boolean", "tinyint(1)"), ("Bool", "smallint", "bit(1)"),
    ("Decimal(10, 2)", "numeric(12,2)", "decimal(10,2)"), ("Decimal(9, 0)", "integer", "int(11)"),
    ("Nullable(Decimal(10, 2))", "numeric", "decimal(30,10)"),
    ("Float32", "real", "float"), ("Float64", "double precision", "double"),
    ("Int32", "double precision", "double"),
    ("Date", "date", "date"), ("Date32", "timestamp without time zone", "datetime"),
    ("DateTime('Europe/Berlin')", "timestamp with time zone", "timestamp"),
    ("DateTime64(3)", "timestamp(3) without time zone", "datetime(3)"),
    ("LowCardinality(Nullable(String))", "character varying(20)", "varchar(20)"),
    ("Enum8('a' = 1, 'b)' = 2)", "text", "enum('a','b)')"),
    ("FixedString(16)", "bytea", "binary(16)"), ("String", "jsonb", "json"),
    ("UUID", "uuid", "char(36)"), ("IPv4", "inet", "varchar(15)"),
    ("Array(String)", "jsonb", "json"), ("Int64", "text", "varchar(20)"), ("String", "enum mood", "text"),
    ("Int32", "domain positive (integer)", "int"),
]  # fmt: skip
REFUSED = [
    ("Int64", "integer", "int"), ("UInt64", "bigint", "bigint"),
    ("Int8", "oid", "tinyint unsigned"), ("UInt8", "boolean", "bit(1)"),
    ("Decimal(10, 3)", "numeric(10,2)", "decimal(10,2)"), ("Decimal(12, 2)", "numeric(11,2)", "decimal(11,2)"),
    ("Decimal(10, 2)", "double precision", "double"),
    ("Float64", "real", "float"), ("Float64", "numeric", "decimal(30,10)"),
    ("Int64", "double precision", "double"), ("DateTime64(6)", "timestamp(3) without time zone", "datetime"),
    ("DateTime64(9)", "timestamp without time zone", "datetime(6)"),
    ("DateTime", "date", "date"), ("String", "integer", "int"),
    ("String", "date", "datetime"), ("Array(String)", "text[]", "set('a')"), ("UUID", "integer", "bigint"),
]  # fmt: skip
UNKNOWN = ["Map(String, String)", "AggregateFunction(sum, UInt64)", "Tuple(UInt8, String)", "JSON"]


def _cases(table: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [
        case
        for ours, postgres, mysql in table
        for case in ((ours, "postgres", postgres), (ours, "mysql", mysql))
    ]


@pytest.mark.parametrize(("ours", "dialect", "theirs"), _cases(TAKEN))
def test_a_column_that_holds_every_value_takes_it(ours: str, dialect: str, theirs: str):
    found = RULES[dialect](outgoing(ours), theirs)
    assert "{value}" in found.write
    assert "{column}" in found.read
    assert "{column}" in found.send


@pytest.mark.parametrize(("ours", "dialect", "theirs"), _cases(REFUSED))
def test_a_column_that_would_lose_something_is_refused(ours: str, dialect: str, theirs: str):
    with pytest.raises(TypeRefusedError, match="without losing something"):
        RULES[dialect](outgoing(ours), theirs)


@pytest.mark.parametrize("ours", UNKNOWN)
def test_a_type_without_a_text_of_its_own_says_what_to_do(ours: str):
    with pytest.raises(TypeRefusedError, match=r"cannot be written to another database"):
        outgoing(ours)
