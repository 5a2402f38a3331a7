"""PostgreSQL's side of `canonical_text`, for the session that the connector sets up (ISO dates, UTC, hex bytes)."""

from __future__ import annotations

from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.postgres import rule
from dagster_pipeline.type_mapper.type_rule import TypeRefusedError
from dagster_pipeline.type_mapper.type_text import TypeTextError

NULL_MARK = "chr(30)"
ELEMENT_MARK = "chr(29)"
_EPOCH_DAYS = 10_957
_EPOCH_MICROSECONDS = 946_684_800_000_000
_IS_NULL = "IS NOT DISTINCT FROM NULL"
"""`IS NULL` also holds for a composite value whose fields are all NULL."""


def is_bytes(type_text: str) -> bool:
    """Values of the type, or of its elements, are bytes."""
    try:
        return rule(type_text.rstrip("[] "), None).is_bytes
    except (TypeRefusedError, TypeTextError):
        return False


def is_single(mapping: ColumnMapping) -> bool:
    """The value travels as a 32-bit float."""
    return "Float32" in mapping.wire_type or "Float32" in mapping.load


def source_text(mapping: ColumnMapping, stored: ClickHouseType, *, is_bytes: bool) -> str:
    """SQL of a value's canonical text, `NULL_MARK` for NULL; `{column}` is the quoted column.

    Where values that do not fit stop a load, none that was loaded is one of them, and no guard is asked: it would cost as
    much as the text itself. No expression here fails for such a value.
    """
    if stored.element is not None:
        return _array(mapping, stored, is_bytes=is_bytes)
    value = mapping.read
    if mapping.guard is not None and not mapping.fails_out_of_range:
        value = f"CASE WHEN {mapping.guard.violated} THEN {mapping.guard.replacement} ELSE {mapping.read} END"
    if stored.name == "String" and mapping.read == "{column}":
        # concat prints a value as COPY does; a cast would strip the blanks that character(n) is padded with.
        return f"CASE WHEN {{column}} {_IS_NULL} THEN {NULL_MARK} ELSE concat({{column}}) END"
    return f"coalesce({_text(mapping, stored.name, value)}, {NULL_MARK})"


def _text(mapping: ColumnMapping, stored: str, value: str) -> str:
    """The text of one value; NULL for NULL."""
    if stored == "Bool" or (stored.startswith(("Int", "UInt")) and "Bool" in mapping.wire_type):
        return f"(({value})::int)::text"
    if stored in ("Float32", "Float64"):
        width = 4 if is_single(mapping) else 8
        return f"encode(float{width}send(({value})::float{width}), 'hex')"
    if stored == "Decimal":
        return f"trim_scale(({value})::numeric)::text"
    if stored in ("Date", "Date32"):
        return f"encode(date_send({value}), 'hex')"
    if stored in ("DateTime", "DateTime64"):
        return f"encode(timestamp_send(({value})::timestamp), 'hex')"  # the session is in UTC
    return f"({value})::text"


def warehouse_date(days: str) -> str:
    """ClickHouse's expression for the same text of a date, given in days since 1970; as `warehouse_time`."""
    return f"leftPad(lower(hex(reinterpretAsUInt32(toInt32({days} - {_EPOCH_DAYS:d})))), 8, '0')"


def warehouse_time(microseconds: str) -> str:
    """ClickHouse's expression for the same text of a time, given in microseconds since 1970.

    PostgreSQL counts from 2000 and sends 64 bits (src/backend/utils/adt/timestamp.c, `timestamp_send`).
    """
    return f"leftPad(lower(hex(reinterpretAsUInt64({microseconds} - {_EPOCH_MICROSECONDS:d}))), 16, '0')"


def _array(mapping: ColumnMapping, stored: ClickHouseType, *, is_bytes: bool) -> str:
    element = stored
    while element.element is not None:
        element = element.element
    if is_bytes:
        each = "encode(e, 'hex')"
    elif element.name == "String":
        each = "concat(e)"
    else:
        each = _text(mapping, element.name, "e")
    listed = (
        f"(SELECT coalesce(string_agg(CASE WHEN e {_IS_NULL} THEN {NULL_MARK} ELSE {each} END, {ELEMENT_MARK}), '') "
        "FROM unnest({column}) AS u(e))"
    )
    text = f"coalesce(cardinality({{column}})::text || ':' || {listed}, {NULL_MARK})"
    if mapping.guard is None:
        return text
    return f"CASE WHEN {mapping.guard.violated} THEN '0:' ELSE {text} END"
