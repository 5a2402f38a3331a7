"""The wire of exports: which Arrow type each ClickHouse type travels in, decided once for all sinks.

| ClickHouse | Arrow |
|---|---|
| Int8 to Int64, UInt8 to UInt64, Float32, Float64, Bool | the same |
| Decimal(p, s) | decimal128(p, s), above 38 digits decimal256(p, s) |
| Date, Date32 | date32 |
| DateTime, DateTime64(p) | timestamp in UTC: seconds for p = 0, ms to 3, us to 6, ns to 9 |
| String | string, in UTF-8 |
| UUID, IPv4, IPv6 | string, as ClickHouse prints it |
| Array(T) | list of T |
| LowCardinality(T), Nullable(T) | T, which may be null |

Everything else is refused by name before a row is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa

from dagster_pipeline.connectors.arrow_types import arrow_type
from dagster_pipeline.connectors.sink.base_export_sink import GONE_COLUMN, Export, ExportColumn
from dagster_pipeline.errors import ConfigurationError, DataQualityError, FatalError
from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, parse_clickhouse_type
from dagster_pipeline.type_mapper.type_text import TypeTextError

_TIME = re.compile(r"\bDateTime(?:\('[^']*'\)|(?![\w(]))")
_TIME64 = re.compile(r"\bDateTime64\((\d)(?:,\s*'[^']*')?\)")
_AS_TEXT = ("UUID", "IPv4", "IPv6")
_GONE_FIELD = pa.field(GONE_COLUMN, pa.uint8(), nullable=False)


def exported_type(text: str) -> ClickHouseType:
    """A type as the warehouse describes it; a moment is the same in every zone, so zones become UTC.

    Raises `TypeTextError` for a type that does not travel.
    """
    in_utc = _TIME64.sub(r"DateTime64(\1, 'UTC')", _TIME.sub("DateTime('UTC')", text))
    declared = parse_clickhouse_type(in_utc)
    arrow_type(declared)
    return declared


def exported_columns(described: Sequence[tuple[str, str, str]]) -> tuple[ExportColumn, ...]:
    """From name, type and description to columns. Raises `ConfigurationError` with every column that cannot travel."""
    columns, refused = [], []
    for name, text, description in described:
        try:
            columns.append(ExportColumn(name, exported_type(text), description))
        except TypeTextError as error:
            refused.append(f"'{name}' is {text[:80]} ({str(error).rstrip('.')})")
    if refused:
        raise ConfigurationError(
            f"Columns of these types cannot be exported: {'; '.join(refused)}.",
            todo="Leave them out of `columns`, or convert them there, e.g. {name: x, from: toString(x)}.",
        )
    return tuple(columns)


def wire_expression(declared: ClickHouseType, value: str) -> str:
    """ClickHouse's SQL by which `value`, an expression of that type, becomes what the wire carries."""
    if declared.element is not None:
        inner = wire_expression(declared.element, "x")
        return value if inner == "x" else f"arrayMap(x -> {inner}, {value})"
    if declared.name in _AS_TEXT:
        return f"toString({value})"
    if declared.name == "DateTime":
        return f"toDateTime64({value}, 0, 'UTC')"
    if declared.name == "DateTime64":
        return f"toTimeZone({value}, 'UTC')"
    return value


def wire_schema(export: Export) -> pa.Schema:
    """Of an export's batches, `GONE_COLUMN` last where it carries deletions."""
    fields = [
        pa.field(column.name, arrow_type(column.type), nullable=column.type.nullable)
        for column in export.columns
    ]
    return pa.schema([*fields, _GONE_FIELD] if export.carries_deletions else fields)


def conformed(batch: pa.RecordBatch, schema: pa.Schema, *, where: str) -> pa.RecordBatch:
    """What the warehouse sent, in just the promised types.

    Raises `DataQualityError` for text that is no UTF-8, `FatalError` for another type than was promised.
    """
    arrays = []
    for field, array in zip(schema, batch.columns, strict=True):
        try:
            same = array if array.type.equals(field.type) else array.cast(field.type)
            if pa.types.is_string(field.type) or pa.types.is_list(field.type):
                same.validate(full=True)
        except pa.ArrowNotImplementedError:
            raise FatalError(f"{where}: '{field.name}' came as {array.type}, not as {field.type}.") from None
        except pa.ArrowInvalid:  # its text quotes the value
            raise DataQualityError(
                f"{where}: a text in '{field.name}' is no UTF-8, which every destination wants.",
                todo=f"Correct it, or export it as {{name: {field.name}, from: hex({field.name})}}.",
            ) from None
        arrays.append(same)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
