"""MySQL's and MariaDB's side of `canonical_text`, for the session that the connector sets up (UTC, utf8mb4)."""

from __future__ import annotations

from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, parse_clickhouse_type
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.mysql import rule
from dagster_pipeline.type_mapper.printed_form import PrintedForm
from dagster_pipeline.type_mapper.type_rule import TypeRefusedError
from dagster_pipeline.type_mapper.type_text import TypeTextError

NULL_MARK = "_utf8mb4 x'1e'"
_COLUMN_AS_TEXT = "CAST({column} AS CHAR)"
_PRINTED_BY_ITSELF = ("Decimal", "DateTime", "DateTime64", "Date", "Date32", "Bool")
"""Not a UUID: beside one, COALESCE reads the mark as a UUID."""

LEAST_PLAIN, GREATEST_PLAIN = "1e-4", "1e14"
"""Doubles in between are written with digits and a point by both databases, in the shortest way that names them."""


def printed_form(type_text: str) -> PrintedForm:
    """How values of the type are printed; nothing is known of a type that is none."""
    try:
        found = rule(type_text, None)
    except (TypeRefusedError, TypeTextError):
        return PrintedForm()
    stored = parse_clickhouse_type(found.stored)
    is_fixed = stored.name == "Decimal" and "zerofill" not in type_text.lower()
    return PrintedForm(is_bytes=found.is_bytes, scale=int(stored.arguments[1]) if is_fixed else None)


def source_text(mapping: ColumnMapping, stored: ClickHouseType, form: PrintedForm) -> str:
    """SQL of what CONCAT prints as a value's canonical text, `NULL_MARK` for NULL; `{column}` is the quoted column.

    As `canonical_postgres.source_text` without the guard where values that do not fit stop a load, and as short as can be.
    """
    value = mapping.read
    if mapping.guard is not None and not mapping.fails_out_of_range:
        value = f"IF({mapping.guard.violated}, {mapping.guard.replacement}, {mapping.read})"  # as it is sent
    printed = _printed(mapping, stored.name, value, form)
    return printed if mapping.has_no_null else f"COALESCE({printed}, {NULL_MARK})"


def shown_letters(mapping: ColumnMapping) -> int:
    """How much of `2024-01-31 12:34:56.789000` travels: the wire has the source's digits, no more."""
    wire = parse_clickhouse_type(mapping.wire_type)
    digits = int(wire.arguments[0]) if wire.name == "DateTime64" else 0
    return len("2024-01-31 12:34:56") + (1 + digits if digits else 0)


def _printed(mapping: ColumnMapping, stored: str, value: str, form: PrintedForm) -> str:
    """A value that is printed as the canonical text; NULL for NULL."""
    if stored in ("Float32", "Float64"):
        return _float(value)
    if stored == "String":
        return f"LOWER(HEX({value}))" if form.is_bytes else f"CONVERT({value} USING utf8mb4)"
    if stored.startswith(("Int", "UInt")) and "AS CHAR" not in mapping.read:
        return f"({value} + 0)"  # a year has four digits otherwise, and ZEROFILL as many as it likes
    varies = stored == "Decimal" and form.scale is None
    if value in ("{column}", _COLUMN_AS_TEXT) and stored in _PRINTED_BY_ITSELF and not varies:
        return "{column}"
    if stored in ("DateTime", "DateTime64"):
        return f"LEFT(CAST(CAST({value} AS DATETIME(6)) AS CHAR), {shown_letters(mapping)})"
    text = f"CAST({value} AS CHAR)"
    bare = f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {text}))"
    return f"IF(LOCATE('.', {text}), {bare}, {text})" if varies else text


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
    return f"CASE WHEN {plain} THEN {number} WHEN {number} = 0 THEN '0' ELSE {picked} END"


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
