"""PostgreSQL's side of `canonical_text`, for the session that the connector sets up (ISO dates, UTC, hex bytes)."""

from __future__ import annotations

from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.postgres import base_type, rule
from dagster_pipeline.type_mapper.printed_form import PrintedForm
from dagster_pipeline.type_mapper.type_rule import TypeRefusedError
from dagster_pipeline.type_mapper.type_text import TypeTextError

NULL_MARK = "chr(30)"
ELEMENT_MARK = "chr(29)"
_EPOCH_DAYS = 10_957
_EPOCH_MICROSECONDS = 946_684_800_000_000
_IS_NULL = "IS NOT DISTINCT FROM NULL"
"""`IS NULL` also holds for a composite value whose fields are all NULL."""


def printed_form(type_text: str) -> PrintedForm:
    """How values of the type are printed; nothing is known of a type that is none."""
    try:
        found, is_bytes = base_type(type_text), rule(type_text.rstrip("[] "), None).is_bytes
    except (TypeRefusedError, TypeTextError):
        return PrintedForm()
    fixed = found.name == "numeric" and found.arguments and not found.dimensions
    scale = (*found.numbers, 0)[1] if fixed else -1
    return PrintedForm(
        is_bytes=is_bytes,
        scale=scale if scale >= 0 else None,
        is_plain_text=found.name in ("text", "character varying"),
    )


def is_single(mapping: ColumnMapping) -> bool:
    """The value travels as a 32-bit float."""
    return "Float32" in mapping.wire_type or "Float32" in mapping.load


def source_text(mapping: ColumnMapping, stored: ClickHouseType, form: PrintedForm) -> str:
    """SQL of what `concat` prints as a value's canonical text, `NULL_MARK` for NULL; `{column}` is the quoted column.

    Casts and calls are what a digest costs, so a value that is printed right by itself stays as it is. Where values that do
    not fit stop a load, none that was loaded is one of them, and no guard is asked: it would cost as much as the text
    itself. No expression here fails for such a value.
    """
    if stored.element is not None:
        return _array(mapping, stored, form)
    value = "encode({column}, 'hex')" if form.is_bytes and mapping.read == "{column}" else mapping.read
    if mapping.guard is not None and not mapping.fails_out_of_range:
        value = f"CASE WHEN {mapping.guard.violated} THEN {mapping.guard.replacement} ELSE {mapping.read} END"
    printed = _printed(mapping, stored.name, value, form)
    if mapping.has_no_null:
        return printed
    if value == "{column}" and stored.name == "String" and not form.is_plain_text:
        # concat prints a value as COPY does; a cast would strip the blanks that character(n) is padded with.
        return f"CASE WHEN {{column}} {_IS_NULL} THEN {NULL_MARK} ELSE concat({{column}}) END"
    return f"coalesce(({printed})::text, {NULL_MARK})"


def _printed(mapping: ColumnMapping, stored: str, value: str, form: PrintedForm) -> str:
    """A value that is printed as the canonical text; NULL for NULL."""
    if stored == "Bool" or (stored.startswith(("Int", "UInt")) and "Bool" in mapping.wire_type):
        return f"({value})::int"
    if stored in ("Float32", "Float64"):
        width = 4 if is_single(mapping) else 8
        return f"float{width}send(({value})::float{width})"
    if stored == "Decimal" and form.scale is None:
        return f"trim_scale(({value})::numeric)"
    if stored in ("Date", "Date32"):
        return f"date_send({value})"
    if stored in ("DateTime", "DateTime64"):
        return f"timestamp_send(({value})::timestamp)"  # the session is in UTC
    return value if value == "{column}" else f"({value})"


def warehouse_date(days: str) -> str:
    """ClickHouse's expression for the same text of a date, given in days since 1970; as `warehouse_time`."""
    return warehouse_bits(f"toInt32({days} - {_EPOCH_DAYS:d})")


def warehouse_time(microseconds: str) -> str:
    """ClickHouse's expression for the same text of a time, given in microseconds since 1970.

    PostgreSQL counts from 2000 and sends 64 bits (src/backend/utils/adt/timestamp.c, `timestamp_send`).
    """
    return warehouse_bits(f"({microseconds} - {_EPOCH_MICROSECONDS:d})")


def warehouse_bits(number: str) -> str:
    """ClickHouse's expression for PostgreSQL's text of the bytes that it sends for a number, as bytea is printed."""
    return f"concat('\\\\x', lower(hex(reinterpretAsFixedString(byteSwap({number})))))"


def _array(mapping: ColumnMapping, stored: ClickHouseType, form: PrintedForm) -> str:
    element = stored
    while element.element is not None:
        element = element.element
    if form.is_bytes:
        each = "encode(e, 'hex')"
    elif element.name == "String":
        each = "concat(e)"
    else:
        each = f"({_printed(mapping, element.name, 'e', PrintedForm())})::text"
    listed = (
        f"(SELECT coalesce(string_agg(CASE WHEN e {_IS_NULL} THEN {NULL_MARK} ELSE {each} END, {ELEMENT_MARK}), '') "
        "FROM unnest({column}) AS u(e))"
    )
    text = f"coalesce(cardinality({{column}})::text || ':' || {listed}, {NULL_MARK})"
    if mapping.guard is None:
        return text
    return f"CASE WHEN {mapping.guard.violated} THEN '0:' ELSE {text} END"
