"""Which of PostgreSQL's types are taken in binary, and as what: by the type's number, which no server changes.

Numbers: src/include/catalog/pg_type.dat. Forms: each type's send function (src/backend/utils/adt). All other types are
printed by the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from dagster_pipeline.connectors.arrow_types import arrow_type
from dagster_pipeline.connectors.batch import WireColumn
from dagster_pipeline.connectors.sources.decoding import copy_rows
from dagster_pipeline.type_mapper.clickhouse_type import parse_clickhouse_type

_NUMBERS: Mapping[int, tuple[str, pa.DataType]] = {
    16: ("Bool", pa.uint8()),  # boolean
    21: ("Int16", pa.int16()),
    23: ("Int32", pa.int32()),
    20: ("Int64", pa.int64()),
    26: ("UInt32", pa.uint32()),  # oid
    28: ("UInt32", pa.uint32()),  # xid
    29: ("UInt32", pa.uint32()),  # cid
    5069: ("UInt64", pa.uint64()),  # xid8
    700: ("Float32", pa.float32()),
    701: ("Float64", pa.float64()),
}
_TEXTS = frozenset({25, 1043, 1042, 19, 114})
"""text, varchar, char(n), name, json."""
_BYTEA, _JSONB, _DATE, _NUMERIC, _UUID = 17, 3802, 1082, 1700, 2950
_MOMENTS = frozenset({1114, 1184})
_EVERY_DAY, _EVERY_MICROSECOND = (-(2**31), 2**31 - 1), (-(2**62), 2**62)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Span = tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class BinaryForm:
    """How the decoder takes a column, and what it is in Arrow."""

    field: tuple[int, int, int]
    type: pa.DataType

    @property
    def width(self) -> int:
        """Bytes of a value; 0 for a text, which is as long as it is."""
        return 0 if self.field[0] in (copy_rows.TEXT, copy_rows.JSONB) else int(self.type.bit_width) // 8


def binary_form(oid: int, wire_type: str, span: Span, *, is_raw: bool) -> BinaryForm | None:
    """The form of a type for a column that the sink parses as `wire_type`; `None` when there is none.

    `span` is the first and last day or moment that fits. `is_raw`: texts may be of any bytes.
    """
    wanted = parse_clickhouse_type(wire_type)
    if oid in _NUMBERS and _NUMBERS[oid][0] == wanted.name:
        return _number_form(_NUMBERS[oid][1])
    if wanted.name == "String":
        return _string_form(oid, is_raw=is_raw)
    if oid == _DATE and wanted.name in ("Date", "Date32"):
        return BinaryForm((copy_rows.DATE, *_days(span)), pa.date32())
    if oid in _MOMENTS and wanted.name in ("DateTime", "DateTime64"):
        return BinaryForm((copy_rows.MOMENT, *_microseconds(span)), pa.timestamp("us"))
    if oid == _NUMERIC and wanted.name == "Decimal":
        precision, scale = (int(argument) for argument in wanted.arguments)
        return BinaryForm((copy_rows.DECIMAL, precision, scale), arrow_type(wanted))
    if oid == _UUID and wanted.name == "UUID":
        return BinaryForm((copy_rows.UUID, 0, 0), pa.binary(16))
    return None


def flag_form(oid: int) -> BinaryForm:
    """The form of a flag column, which is an integer."""
    return _number_form(_NUMBERS[oid][1])


def text_form(*, is_raw: bool) -> BinaryForm:
    """The form of a text; `is_raw`: of any bytes."""
    return BinaryForm((copy_rows.TEXT, 0, 0), pa.binary() if is_raw else pa.string())


def wire_column(column: WireColumn) -> WireColumn:
    """As the decoder hands it on: a UUID as the two integers that ClickHouse keeps, which it need not parse."""
    if column.wire_type != "Nullable(UUID)":
        return column
    load = column.load.replace("{column}", "reinterpretAsUUID({column})")
    return WireColumn(column.name, "Nullable(FixedString(16))", load)


def _number_form(number: pa.DataType) -> BinaryForm:
    return BinaryForm((copy_rows.NUMBER, number.bit_width // 8, 0), number)


def _string_form(oid: int, *, is_raw: bool) -> BinaryForm | None:
    if oid in _TEXTS or oid == _BYTEA:
        return text_form(is_raw=is_raw or oid == _BYTEA)
    return BinaryForm((copy_rows.JSONB, 0, 0), text_form(is_raw=is_raw).type) if oid == _JSONB else None


def _days(span: Span) -> tuple[int, int]:
    if span is None:
        return _EVERY_DAY
    first, last = ((date.fromisoformat(text) - _EPOCH.date()).days for text in span)
    return first, last


def _microseconds(span: Span) -> tuple[int, int]:
    if span is None:
        return _EVERY_MICROSECOND
    moments = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in span)
    first, last = ((moment - _EPOCH) // timedelta(microseconds=1) for moment in moments)
    return first, last
