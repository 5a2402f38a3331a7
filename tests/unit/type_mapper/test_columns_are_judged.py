"""What a table file's column becomes, and what is refused with which advice. No server: values are tested in integration."""

from __future__ import annotations

from typing import Any

import pytest

from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.models import ColumnSchema, Dialect, Mask, OutOfRange
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from tests.type_lab import catalog_mysql, catalog_postgres
from tests.type_lab.table_file import table_of


def column(type_: str, **more: Any) -> ColumnSchema:
    return ColumnSchema(name="c", type=type_, **more)


def mapped(
    dialect: Dialect, type_: str, out_of_range: OutOfRange = OutOfRange.FAIL, **more: Any
) -> ColumnMapping:
    return TypeMapper().map(table_of(dialect, column(type_, **more), out_of_range=out_of_range))[0]


def complaint(dialect: Dialect, type_: str, out_of_range: OutOfRange = OutOfRange.FAIL, **more: Any) -> str:
    problems = TypeMapper().problems(table_of(dialect, column(type_, **more), out_of_range=out_of_range))
    assert len(problems) == 1, problems
    return str(problems[0])


@pytest.mark.parametrize("type_", catalog_mysql.REFUSED[:-1])
def test_mysql_refuses_what_it_does_not_know(type_: str) -> None:
    assert complaint("mysql", type_)


@pytest.mark.parametrize("type_", catalog_postgres.REFUSED)
def test_postgres_refuses_what_it_does_not_know(type_: str) -> None:
    assert complaint("postgres", type_)


@pytest.mark.parametrize(
    ("dialect", "type_", "advice"),
    [
        ("mysql", "varchr(20)", "Did you mean varchar?"),
        ("mysql", "bigintt unsigned", "Did you mean bigint?"),
        ("mysql", "serial", "Write bigint unsigned."),
        ("mysql", "varchar(20) collate utf8mb4_bin", "Write the type alone"),
        ("mysql", "enum('a", "not closed"),
        ("mysql", "decimal(x)", "whole numbers"),
        ("mysql", "int[]", "no arrays"),
        ("postgres", "timestmp", "Did you mean timestamp?"),
        ("postgres", "bigserial", "Write bigint."),
        ("postgres", "mood", "'enum mood'"),
        ("postgres", "mood", "clickhouse_type: String"),
        ("postgres", "numeric(1000,10)", "clickhouse_type: String"),
        ("postgres", "money[]", "clickhouse_type: String"),
    ],
)
def test_a_refusal_says_what_to_write_instead(dialect: Dialect, type_: str, advice: str) -> None:
    assert advice in complaint(dialect, type_)


def test_a_problem_names_file_line_and_column_of_the_file() -> None:
    table = table_of(
        "mysql",
        ColumnSchema(name="id", type="int"),
        ColumnSchema(name="odd", type="varchr(3)"),
        ColumnSchema(name="wide", type="bigint", clickhouse_type="Float64"),
        lines={"columns[1].type": 12, "columns[2].type": 13, "columns[2].clickhouse_type": 14},
    )
    first, second = TypeMapper().problems(table)
    assert (first.path, first.line) == ("schemas/lab/d/t.yml", 12)
    assert first.what.startswith("column odd: ")
    assert second.line == 14


def test_map_lists_every_problem_at_once() -> None:
    table = table_of("mysql", ColumnSchema(name="a", type="varchr(3)"), ColumnSchema(name="b", type="itn"))
    with pytest.raises(ConfigurationError) as caught:
        TypeMapper().map(table)
    assert "column a" in str(caught.value)
    assert "column b" in str(caught.value)


@pytest.mark.parametrize(
    ("dialect", "type_", "wanted", "allowed"),
    [
        ("mysql", "bigint", "Float64", "Int128"),
        ("mysql", "bigint", "Decimal(10, 0)", "Decimal(19, 0) or wider"),
        ("mysql", "varchar(20)", "Int64", "LowCardinality(String)"),
        ("mysql", "double", "Decimal(20, 4)", "Float64"),
        ("mysql", "double", "Float32", "Float64"),
        ("mysql", "datetime(6)", "Date32", "DateTime64(6, 'UTC')"),
        ("mysql", "date", "DateTime('UTC')", "Date32"),
        ("mysql", "blob", "Int64", "String"),
        ("mysql", "json", "Bool", "String"),
        ("mysql", "decimal(20,4)", "Int64", "Decimal(precision, scale)"),
        ("mysql", "decimal(20,4)", "Float64", "Decimal(precision, scale)"),
        ("mysql", "time", "DateTime('UTC')", "LowCardinality(String)"),
        ("postgres", "uuid", "UInt128", "UUID"),
        ("postgres", "boolean", "Date", "UInt8"),
        ("postgres", "inet", "IPv4", "LowCardinality(String)"),
        ("postgres", "integer[]", "Array(Int32)", "Array(Nullable(Int32))"),
        ("postgres", "integer[]", "Int32", "Array(Nullable(Int32))"),
        ("postgres", "bytea", "UUID", "String"),
    ],
)
def test_an_override_that_would_lose_something_lists_what_is_allowed(
    dialect: Dialect, type_: str, wanted: str, allowed: str
) -> None:
    said = complaint(dialect, type_, clickhouse_type=wanted)
    assert "without losing something" in said
    assert allowed in said


def test_an_override_that_is_no_type_is_refused() -> None:
    assert "did you mean String" in complaint("mysql", "int", clickhouse_type="Strng")


def test_a_nullable_override_needs_a_nullable_column() -> None:
    assert "NOT NULL" in complaint("mysql", "int", clickhouse_type="Nullable(Int64)")
    nullable = mapped("mysql", "int", nullable=True, clickhouse_type="Nullable(Int64)")
    assert nullable.clickhouse_type == "Nullable(Int64)"
    assert mapped("mysql", "int", nullable=True, clickhouse_type="Int64").clickhouse_type == "Nullable(Int64)"


def test_low_cardinality_is_for_text_only() -> None:
    assert "LowCardinality is for String only" in complaint(
        "mysql", "int", clickhouse_type="LowCardinality(Int32)"
    )
    text = mapped("mysql", "text", nullable=True, clickhouse_type="LowCardinality(String)")
    assert text.clickhouse_type == "LowCardinality(Nullable(String))"


def test_a_decimal_too_wide_for_clickhouse_is_refused_until_the_file_chooses() -> None:
    assert "100 digits" in complaint("postgres", "numeric(100,20)")
    assert mapped("postgres", "numeric(100,20)", clickhouse_type="String").guard is None
    assert mapped("postgres", "numeric(100,20)", clickhouse_type="Decimal(76, 20)").guard is not None


@pytest.mark.parametrize(
    ("dialect", "type_"),
    [
        ("mysql", "bigint unsigned"), ("mysql", "decimal(65,30)"), ("mysql", "float"), ("mysql", "varchar(10)"),
        ("mysql", "time(6)"), ("mysql", "enum('a')"), ("mysql", "bit(64)"), ("mysql", "year"),
        ("postgres", "bigint"), ("postgres", "double precision"), ("postgres", "text"), ("postgres", "interval"),
        ("postgres", "uuid"), ("postgres", "bytea"), ("postgres", "jsonb"), ("postgres", "enum mood"),
    ],
)  # fmt: skip
def test_no_guard_is_paid_for_where_every_value_fits(dialect: Dialect, type_: str) -> None:
    assert mapped(dialect, type_).guard is None


def test_fail_marks_the_column_and_keeps_it_not_null() -> None:
    found = mapped("postgres", "date")
    assert found.fails_out_of_range
    assert found.clickhouse_type == "Date32"


def test_null_makes_a_not_null_column_nullable_only_where_something_can_be_out_of_range() -> None:
    assert mapped("postgres", "date", OutOfRange.NULL).clickhouse_type == "Nullable(Date32)"
    assert mapped("postgres", "bigint", OutOfRange.NULL).clickhouse_type == "Int64"
    found = mapped("postgres", "date", OutOfRange.NULL)
    assert found.guard is not None
    assert found.guard.replacement == "NULL"
    assert not found.fails_out_of_range


@pytest.mark.parametrize(
    "key",
    [
        {"order_by": ("c",)},
        {"order_by": ("id", "toDate(c)")},
        {"partition_by": "toYYYYMM(c)"},
    ],
)
def test_null_is_refused_for_a_column_of_a_key(key: dict[str, Any]) -> None:
    table = table_of("mysql", column("datetime"), out_of_range=OutOfRange.NULL, **key)
    assert "key column" in str(TypeMapper().problems(table)[0])
    assert not TypeMapper().problems(
        table_of("mysql", column("datetime"), out_of_range=OutOfRange.CLAMP, **key)
    )
    assert not TypeMapper().problems(table_of("mysql", column("bigint"), out_of_range=OutOfRange.NULL, **key))


def test_null_is_refused_for_a_primary_key() -> None:
    assert "key column" in complaint("postgres", "date", OutOfRange.NULL, primary_key=True)


def test_a_nullable_array_needs_a_choice() -> None:
    said = complaint("postgres", "integer[]", nullable=True)
    assert "clickhouse_type: String" in said
    assert "Array(Nullable(Int32))" in said
    assert (
        mapped("postgres", "integer[]", nullable=True, clickhouse_type="String").clickhouse_type
        == "Nullable(String)"
    )
    chosen = mapped("postgres", "integer[]", nullable=True, clickhouse_type="Array(Nullable(Int32))")
    assert chosen.clickhouse_type == "Array(Nullable(Int32))"
    assert chosen.guard is not None
    assert chosen.guard.violated.startswith("{column} IS NULL OR ")


def test_a_dropped_column_does_not_travel_and_is_not_judged() -> None:
    table = table_of("mysql", ColumnSchema(name="id", type="int"), column("no such type", mask=Mask.DROP))
    assert [mapping.name for mapping in TypeMapper().map(table)] == ["id"]


@pytest.mark.parametrize("mask", [Mask.SHA256, Mask.HMAC_SHA256, Mask.REDACT])
def test_a_masked_column_is_a_string_and_keeps_its_nullability(mask: Mask) -> None:
    assert mapped("postgres", "date", mask=mask).clickhouse_type == "String"
    assert mapped("mysql", "bigint", nullable=True, mask=mask).clickhouse_type == "Nullable(String)"
    assert mapped("mysql", "date", OutOfRange.NULL, mask=mask).guard is None
    assert "masked column is a String" in complaint("mysql", "int", mask=mask, clickhouse_type="Int64")


def test_an_extension_type_keeps_its_own_arguments() -> None:
    assert mapped("postgres", "extensions.geometry(Point,4326)").clickhouse_type == "String"
    assert mapped("postgres", "vector(3)", clickhouse_type="String").clickhouse_type == "String"


def test_a_masked_column_still_needs_a_type_that_is_known() -> None:
    assert "Did you mean" in complaint("mysql", "varchr(10)", mask=Mask.SHA256)


@pytest.mark.parametrize(
    ("dialect", "declared", "found"),
    [
        ("mysql", "int", "int(11)"),
        ("mysql", "integer unsigned", "int(10) unsigned"),
        ("mysql", "json", "longtext"),
        ("mysql", "numeric(5)", "decimal(5,0)"),
        ("mysql", "boolean", "tinyint(1)"),
        ("mysql", "enum('a', 'b')", "enum('a','b')"),
        ("mysql", "float(53)", "double"),
        ("mysql", "float(24)", "float"),
        ("mysql", "datetime(0)", "datetime"),
        ("mysql", "year(4)", "year"),
        ("mysql", "char", "char(1)"),
        ("mysql", "bit", "bit(1)"),
        ("postgres", "int8", "bigint"),
        ("postgres", "numeric(5)", "numeric(5,0)"),
        ("postgres", "char", "character(1)"),
        ("postgres", "bpchar", "bpchar"),
        ("postgres", "float(24)", "real"),
        ("postgres", "float(25)", "double precision"),
        ("postgres", "timestamptz(6)", "timestamp with time zone"),
        ("postgres", "varchar(20)", "character varying(20)"),
        ("postgres", "timestamptz(3)", "timestamp(3) with time zone"),
        ("postgres", "integer[][]", "integer[]"),
        ("postgres", "citext", "extensions.citext"),
        ("postgres", "enum mood", "enum mood"),
        ("postgres", "mood", "enum mood"),
    ],
)
def test_two_spellings_of_one_type_are_the_same(dialect: Dialect, declared: str, found: str) -> None:
    assert TypeMapper().same_type(dialect, declared, found)


@pytest.mark.parametrize(
    ("dialect", "declared", "found"),
    [
        ("mysql", "int", "int unsigned"),
        ("mysql", "int", "bigint"),
        ("mysql", "varchar(20)", "varchar(30)"),
        ("mysql", "enum('a','b')", "enum('a')"),
        ("mysql", "nonsense", "int"),
        ("mysql", "float(24)", "double"),
        ("mysql", "float(7,4)", "float"),
        ("mysql", "datetime(3)", "datetime"),
        ("postgres", "numeric(5,1)", "numeric(5)"),
        ("postgres", "bpchar", "character(1)"),
        ("postgres", "numeric", "numeric(5,0)"),
        ("postgres", "float(24)", "double precision"),
        ("postgres", "timestamp(3)", "timestamp"),
        ("postgres", "timestamp", "timestamp with time zone"),
        ("postgres", "text[]", "text"),
        ("postgres", "enum mood", "enum weather"),
    ],
)
def test_different_types_are_not_the_same(dialect: Dialect, declared: str, found: str) -> None:
    assert not TypeMapper().same_type(dialect, declared, found)


@pytest.mark.parametrize("dialect", ["mysql", "postgres"])
def test_every_template_names_the_column_by_its_placeholder_alone(dialect: Dialect) -> None:
    catalog = catalog_mysql if dialect == "mysql" else catalog_postgres
    for case in catalog.CASES:
        if case.nullable and "[]" not in case.type:
            found = mapped(dialect, case.type, nullable=True, clickhouse_type=case.clickhouse_type)
            assert "{column}" in found.read
            assert "{" not in found.read.replace("{column}", "")
            assert "{" not in found.load.replace("{column}", "")


def test_every_wire_type_can_carry_null() -> None:
    for case in catalog_postgres.CASES:
        found = mapped("postgres", case.type, clickhouse_type=case.clickhouse_type)
        assert found.wire_type.startswith("Nullable(")
