"""MySQL's and MariaDB's side of `canonical_text`, for the session that the connector sets up (UTC, utf8mb4)."""

from __future__ import annotations

from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, parse_clickhouse_type
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.mysql import rule
from dagster_pipeline.type_mapper.type_rule import TypeRefusedError
from dagster_pipeline.type_mapper.type_text import TypeTextError

NULL_MARK = "_utf8mb4 x'1e'"

LEAST_PLAIN, GREATEST_PLAIN = "1e-4", "1e14"
"""Doubles in between are written with digits and a point by both databases, in the shortest way that names them."""


def is_bytes(type_text: str) -> bool:
    """Values of the type are bytes."""
    try:
        return rule(type_text, None).is_bytes
    except (TypeRefusedError, TypeTextError):
        return False


def source_text(mapping: ColumnMapping, stored: ClickHouseType, *, is_bytes: bool) -> str:
    """SQL of a value's canonical text, `NULL_MARK` for NULL; `{column}` is the quoted column.

    Without the guard where values that do not fit stop a load, as in `canonical_postgres`.
    """
    value = mapping.read
    if mapping.guard is not None and not mapping.fails_out_of_range:
        value = f"IF({mapping.guard.violated}, {mapping.guard.replacement}, {mapping.read})"  # as it is sent
    return f"COALESCE({_text(mapping, stored.name, value, is_bytes=is_bytes)}, {NULL_MARK})"


def shown_letters(mapping: ColumnMapping) -> int:
    """How much of `2024-01-31 12:34:56.789000` travels: the wire has the source's digits, no more."""
    wire = parse_clickhouse_type(mapping.wire_type)
    digits = int(wire.arguments[0]) if wire.name == "DateTime64" else 0
    return len("2024-01-31 12:34:56") + (1 + digits if digits else 0)


def _text(mapping: ColumnMapping, stored: str, value: str, *, is_bytes: bool) -> str:
    if stored in ("Float32", "Float64"):
        return _float(value)
    if stored == "Decimal":
        text = f"CAST({value} AS CHAR)"
        bare = f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {text}))"
        return f"IF(LOCATE('.', {text}), {bare}, {text})"
    if stored in ("DateTime", "DateTime64"):
        return f"LEFT(CAST(CAST({value} AS DATETIME(6)) AS CHAR), {shown_letters(mapping)})"
    if stored == "String":
        return f"LOWER(HEX({value}))" if is_bytes else f"CONVERT({value} USING utf8mb4)"
    if stored.startswith(("Int", "UInt")) and "AS CHAR" not in mapping.read:
        return f"CAST(({value}) + 0 AS CHAR)"  # a year has four digits otherwise, and ZEROFILL as many as it likes
    return f"CAST({value} AS CHAR)"


def _float(value: str) -> str:
    """Plain text where both agree on it, else sign, digits and exponent picked out of the text."""
    number = f"({value} + 0e0)"
    text = f"CAST(ABS({number}) AS CHAR)"
    mantissa = f"SUBSTRING_INDEX({text}, 'e', 1)"
    digits = f"REPLACE({mantissa}, '.', '')"
    written = f"IF(LOCATE('e', {text}), CAST(SUBSTRING_INDEX({text}, 'e', -1) AS SIGNED), 0)"
    exponent = (
        f"{written} + LENGTH(SUBSTRING_INDEX({mantissa}, '.', 1)) - LENGTH({digits}) "
        f"+ LENGTH(TRIM(LEADING '0' FROM {digits}))"
    )
    picked = f"CONCAT(IF({number} < 0, '-', ''), TRIM(BOTH '0' FROM {digits}), 'e', {exponent})"
    plain = f"ABS({number}) BETWEEN {LEAST_PLAIN} AND {GREATEST_PLAIN}"
    return f"CASE WHEN {number} = 0 THEN '0' WHEN {plain} THEN CAST({number} AS CHAR) ELSE {picked} END"


def warehouse_float(number: str) -> str:
    """ClickHouse's expression for the same text of a Float64."""
    text = f"toString(abs({number}))"
    mantissa = f"splitByChar('e', {text})[1]"
    digits = f"replaceAll({mantissa}, '.', '')"
    leading = f"(length({digits}) - length(trim(LEADING '0' FROM {digits})))"
    written = f"toInt32OrZero(splitByChar('e', {text})[2])"
    exponent = f"{written} + toInt32(length(splitByChar('.', {mantissa})[1])) - toInt32({leading})"
    picked = f"concat(if({number} < 0, '-', ''), trim(BOTH '0' FROM {digits}), 'e', toString({exponent}))"
    plain = f"abs({number}) BETWEEN {LEAST_PLAIN} AND {GREATEST_PLAIN}"
    return f"multiIf(isNull({number}), NULL, {number} = 0, '0', {plain}, toString({number}), {picked})"
