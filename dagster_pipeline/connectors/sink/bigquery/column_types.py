"""Which BigQuery type holds every value of a ClickHouse type; what none holds is refused before a row is read.

| ClickHouse | BigQuery |
|---|---|
| Int8 to Int64, UInt8 to UInt32 | INT64 |
| UInt64 | NUMERIC(20, 0) |
| Float32, Float64 | FLOAT64 |
| Bool | BOOL |
| Decimal(p, s) | NUMERIC(p, s) to 29 digits before and 9 after the point, BIGNUMERIC(p, s) to 38 and 38 |
| Date, Date32 | DATE |
| DateTime, DateTime64 to microseconds | TIMESTAMP |
| String, UUID, IPv4, IPv6 | STRING |
| Array(T) | REPEATED T, without NULL |

Ranges: cloud.google.com/bigquery/docs/reference/standard-sql/data-types. Parquet types that load jobs take:
cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#type_conversions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa

from dagster_pipeline.connectors.sink.base_export_sink import Export, ExportColumn
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, integer_span

MICROSECONDS = 6
NULLABLE, REQUIRED, REPEATED = "NULLABLE", "REQUIRED", "REPEATED"
_NUMERIC = ("NUMERIC", 29, 9)
_BIGNUMERIC = ("BIGNUMERIC", 38, 38)
_ARROW_DECIMAL_DIGITS = 38
_INT64_SPAN = (-(2**63), 2**63 - 1)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_RESERVED = ("_TABLE_", "_FILE_", "_PARTITION", "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER")
_SIMPLE: dict[str, tuple[str, pa.DataType]] = {
    "Bool": ("BOOL", pa.bool_()),
    "Float32": ("FLOAT64", pa.float64()),
    "Float64": ("FLOAT64", pa.float64()),
    "Date": ("DATE", pa.date32()),
    "Date32": ("DATE", pa.date32()),
    "DateTime": ("TIMESTAMP", pa.timestamp("us", "UTC")),
    "String": ("STRING", pa.string()),
    "UUID": ("STRING", pa.string()),
    "IPv4": ("STRING", pa.string()),
    "IPv6": ("STRING", pa.string()),
}
_NO_KEY = ("FLOAT64",)


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A column as BigQuery is to have it.

    Attributes:
        type: by its GoogleSQL name, without parameters.
        precision, scale: of NUMERIC and BIGNUMERIC, else 0.
        mode: `NULLABLE`, `REQUIRED` or `REPEATED`.
        arrow: the type in the Parquet files.
    """

    name: str
    type: str
    mode: str
    arrow: pa.DataType
    precision: int = 0
    scale: int = 0
    description: str = ""

    def __str__(self) -> str:
        digits = f"({self.precision}, {self.scale})" if self.precision else ""
        return f"{self.type}{digits} {self.mode}"


class NotStorableError(Exception):
    """Arguments: what no type of BigQuery holds, and what to do."""


def stored_columns(export: Export) -> tuple[StoredColumn, ...]:
    """The columns of an export. Raises `ConfigurationError` with everything that is wrong with them at once."""
    stored: list[StoredColumn] = []
    wrong: list[str] = []
    for column in export.columns:
        try:
            stored.append(_stored(column))
        except NotStorableError as error:
            wrong.append(f"'{column.name}' is {column.type}: {error.args[0]}")
    wrong += _bad_names(export)
    wrong += [
        f"'{column.name}' is {column}, by which rows cannot be told apart"
        for column in stored
        if column.name in export.key and (column.mode == REPEATED or column.type in _NO_KEY)
    ]
    if wrong:
        raise ConfigurationError(
            f"BigQuery cannot hold this export: {'; '.join(wrong)}.",
            todo="Convert such columns under `columns`, e.g. {name: x, from: toString(x)}, or leave them out.",
        )
    return tuple(stored)


def _stored(column: ExportColumn) -> StoredColumn:
    declared = column.type
    if declared.element is not None:
        if declared.element.element is not None or declared.element.nullable:
            raise NotStorableError("an array of BigQuery holds neither arrays nor NULL")
        kind, arrow, precision, scale = _type(declared.element)
        arrow, mode = pa.list_(pa.field("element", arrow, nullable=False)), REPEATED
    else:
        kind, arrow, precision, scale = _type(declared)
        mode = NULLABLE if declared.nullable else REQUIRED
    return StoredColumn(column.name, kind, mode, arrow, precision, scale, column.description)


def _type(declared: ClickHouseType) -> tuple[str, pa.DataType, int, int]:
    if declared.name in _SIMPLE:
        return (*_SIMPLE[declared.name], 0, 0)
    span = integer_span(declared.name)
    if span is not None and _INT64_SPAN[0] <= span[0] and span[1] <= _INT64_SPAN[1]:
        return "INT64", pa.int64(), 0, 0
    if declared.name == "UInt64":
        return _decimal(20, 0)
    if declared.name == "Decimal":
        return _decimal(*(int(each) for each in declared.arguments))
    if declared.name == "DateTime64":
        if int(declared.arguments[0]) > MICROSECONDS:
            raise NotStorableError("TIMESTAMP ends at microseconds (toDateTime64(x, 6, 'UTC') cuts them)")
        return "TIMESTAMP", pa.timestamp("us", "UTC"), 0, 0
    raise NotStorableError("no type holds every value of it")


def _decimal(precision: int, scale: int) -> tuple[str, pa.DataType, int, int]:
    for name, before, after in (_NUMERIC, _BIGNUMERIC):
        if precision - scale <= before and scale <= after:
            of = pa.decimal128 if precision <= _ARROW_DECIMAL_DIGITS else pa.decimal256
            return name, of(precision, scale), precision, scale
    raise NotStorableError("BIGNUMERIC holds at most 38 digits before and 38 after the point")


def _bad_names(export: Export) -> list[str]:
    found = [
        f"'{column.name}' is no name of a column there (letters, digits and '_'; not beginning like {', '.join(_RESERVED)})"
        for column in export.columns
        if not _NAME.fullmatch(column.name) or column.name.upper().startswith(_RESERVED)
    ]
    seen: dict[str, str] = {}
    for column in export.columns:
        twin = seen.setdefault(column.name.lower(), column.name)
        if twin != column.name:
            found.append(f"'{twin}' and '{column.name}' differ in upper and lower case only")
    return found
