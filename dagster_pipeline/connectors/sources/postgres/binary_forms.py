"""Which of PostgreSQL's types are taken in binary, and as what: by the type's number, which no server changes.

Numbers: src/include/catalog/pg_type.dat. Forms: each type's send function (src/backend/utils/adt). All other types are
printed by the server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from dagster_pipeline.connectors.arrow_types import arrow_type
from dagster_pipeline.connectors.batch import WireColumn
from dagster_pipeline.connectors.sources.arrow_rows import day_count, microsecond_count
from dagster_pipeline.connectors.sources.decoding import copy_rows
from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, parse_clickhouse_type

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
_BYTEA, _JSONB = 17, 3802
_EVERY_DAY, _EVERY_MICROSECOND = (-(2**31), 2**31 - 1), (-(2**62), 2**62)

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
    if wanted.name == "String":
        return _string_form(oid, is_raw=is_raw)
    if oid in _NUMBERS:
        name, number = _NUMBERS[oid]
        return _number_form(number) if name == wanted.name else None
    names, form = _OTHERS.get(oid, ((), _uuid_form))
    return form(wanted, span) if wanted.name in names else None


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


def _date_form(wanted: ClickHouseType, span: Span) -> BinaryForm:
    del wanted
    first, last = map(day_count, span) if span is not None else _EVERY_DAY
    return BinaryForm((copy_rows.DATE, first, last), pa.date32())


def _moment_form(wanted: ClickHouseType, span: Span) -> BinaryForm:
    del wanted
    first, last = map(microsecond_count, span) if span is not None else _EVERY_MICROSECOND
    return BinaryForm((copy_rows.MOMENT, first, last), pa.timestamp("us"))


def _decimal_form(wanted: ClickHouseType, span: Span) -> BinaryForm:
    """The decoder itself knows what fits so many digits."""
    del span
    precision, scale = (int(argument) for argument in wanted.arguments)
    return BinaryForm((copy_rows.DECIMAL, precision, scale), arrow_type(wanted))


def _uuid_form(wanted: ClickHouseType, span: Span) -> BinaryForm:
    del wanted, span
    return BinaryForm((copy_rows.UUID, 0, 0), pa.binary(16))


_OTHERS: Mapping[int, tuple[tuple[str, ...], Callable[[ClickHouseType, Span], BinaryForm]]] = {
    1082: (("Date", "Date32"), _date_form),
    1114: (("DateTime", "DateTime64"), _moment_form),  # timestamp
    1184: (("DateTime", "DateTime64"), _moment_form),  # timestamp with time zone
    1700: (("Decimal",), _decimal_form),  # numeric
    2950: (("UUID",), _uuid_form),
}
