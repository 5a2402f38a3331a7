"""ClickHouse type texts: normal forms, and what is refused."""

import pytest

from dagster_pipeline.type_mapper.clickhouse_type import integer_span, parse_clickhouse_type
from dagster_pipeline.type_mapper.type_text import TypeTextError


@pytest.mark.parametrize(
    ("spelled", "normal"),
    [
        ("String", "String"),
        (" string ", "String"),
        ("Decimal(20,4)", "Decimal(20, 4)"),
        ("Decimal64(4)", "Decimal(18, 4)"),
        ("Decimal256( 38 )", "Decimal(76, 38)"),
        ("DateTime64(6,'UTC')", "DateTime64(6, 'UTC')"),
        ("DateTime('UTC')", "DateTime('UTC')"),
        ("Nullable(Int64)", "Nullable(Int64)"),
        ("LowCardinality(Nullable(String))", "LowCardinality(Nullable(String))"),
        ("Array(Nullable(Decimal(10,2)))", "Array(Nullable(Decimal(10, 2)))"),
        ("Array(Array(Nullable(Int32)))", "Array(Array(Nullable(Int32)))"),
        ("UInt256", "UInt256"),
    ],
)
def test_a_type_has_one_normal_form(spelled: str, normal: str) -> None:
    assert str(parse_clickhouse_type(spelled)) == normal


@pytest.mark.parametrize(
    ("spelled", "complaint"),
    [
        ("Strng", "did you mean String"),
        ("Enum8('a' = 1)", "not a ClickHouse type that a column can be given"),
        ("Decimal", "Decimal\\(precision, scale\\)"),
        ("Decimal(77, 2)", "precision of 1 to 76"),
        ("Decimal(10, 11)", "scale of 0 to the precision"),
        ("DateTime", "DateTime\\('UTC'\\)"),
        ("DateTime64(6)", "DateTime64\\(digits, 'UTC'\\)"),
        ("DateTime64(6, 'Europe/Amsterdam')", "'UTC'"),
        ("DateTime64(10, 'UTC')", "0 to 9"),
        ("Int64(3)", "without arguments"),
        ("Nullable()", "no inner type"),
        ("Nullable(Array(Int8))", "ClickHouse has no"),
        ("Nullable(LowCardinality(String))", "ClickHouse has no"),
        ("Int64; DROP TABLE x", "does not read"),
        ("", "does not read"),
    ],
)
def test_what_is_not_a_type_is_refused_with_advice(spelled: str, complaint: str) -> None:
    with pytest.raises(TypeTextError, match=complaint):
        parse_clickhouse_type(spelled)


def test_the_spans_of_integers() -> None:
    assert integer_span("Int8") == (-128, 127)
    assert integer_span("UInt64") == (0, 18446744073709551615)
    assert integer_span("Bool") == (0, 1)
    assert integer_span("String") is None
