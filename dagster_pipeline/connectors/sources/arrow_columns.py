"""Declared columns and what arrives for them: ClickHouse types as Arrow types, and conversions that lose nothing.

Files and APIs have no catalog, so their YAML file declares each column with its ClickHouse type. What arrives is
converted to that type exactly, or refused with the column's name. A value itself is never put into a message.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from dagster_pipeline.connectors.arrow_types import arrow_type
from dagster_pipeline.connectors.batch import WireColumn
from dagster_pipeline.errors import ConfigurationError, DataQualityError
from dagster_pipeline.schema.delivery_models import DeliveredColumn
from dagster_pipeline.type_mapper.clickhouse_type import (
    ClickHouseType,
    day_span,
    parse_clickhouse_type,
    wrapped,
)

_PARSED = {"UUID": "toUUID({column})", "IPv4": "toIPv4({column})", "IPv6": "toIPv6({column})"}
_DIGITS_OF_INTEGERS = 20


@dataclass(frozen=True, slots=True)
class ArrowColumn:
    """One declared column.

    Attributes:
        arrives_as: its name in the file.
        type: its Arrow type on the wire.
        declared: its ClickHouse type.
    """

    name: str
    arrives_as: str
    type: pa.DataType
    declared: ClickHouseType
    nullable: bool

    @property
    def stored_type(self) -> str:
        """The ClickHouse type with its wrappers."""
        nullable = self.nullable and self.declared.name != "Array"
        return wrapped(self.declared.bare, nullable=nullable, low_cardinality=self.declared.low_cardinality)

    @property
    def wire_column(self) -> WireColumn:
        """How the sink parses it."""
        nullable = self.nullable and self.declared.name != "Array"
        load = _PARSED.get(self.declared.name, "{column}")
        bare = "String" if self.declared.name in _PARSED else self.declared.bare
        return WireColumn(self.name, wrapped(bare, nullable=nullable), load)

    @property
    def is_temporal(self) -> bool:
        """A date or a time: text formats write these as text."""
        return bool(pa.types.is_temporal(self.type))


def arrow_columns(columns: Sequence[DeliveredColumn]) -> tuple[ArrowColumn, ...]:
    """The columns of a file whose types were judged when it was loaded."""
    made = []
    for column in columns:
        declared = parse_clickhouse_type(column.type)
        made.append(
            ArrowColumn(
                name=column.name,
                arrives_as=column.arrives_as or column.name,
                type=arrow_type(declared),
                declared=declared,
                nullable=column.nullable,
            )
        )
    return tuple(made)


def wire_schema(columns: Sequence[ArrowColumn]) -> pa.Schema:
    """What the Arrow stream carries."""
    return pa.schema([pa.field(column.name, column.type) for column in columns])


def conformed(batch: pa.RecordBatch, columns: Sequence[ArrowColumn], *, where: str) -> pa.RecordBatch:
    """The declared columns of what was read, each in its own type.

    Raises `ConfigurationError` for a column of another kind, `DataQualityError` for values that do not fit.
    """
    arrays = [_conformed(batch.column(column.arrives_as), column, where) for column in columns]
    return pa.RecordBatch.from_arrays(arrays, schema=wire_schema(columns))


def refuse_other_kinds(found: pa.Schema, columns: Sequence[ArrowColumn], *, where: str) -> None:
    """Raise `ConfigurationError` with every column that a file lacks, or has in another kind of type."""
    problems = []
    for column in columns:
        position = found.get_field_index(column.arrives_as)
        if position < 0:
            problems.append(f"it has no column {column.arrives_as!r}")
        elif not _same_kind(found.field(position).type, column.type):
            problems.append(
                f"{column.arrives_as!r} is {found.field(position).type}, and the YAML file says {column.stored_type}"
            )
    if problems:
        raise ConfigurationError(
            f"{where}: {'; '.join(problems)}.",
            todo="Correct columns in the YAML file, or exclude the object by prefix and pattern.",
        )


def _same_kind(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a conversion can keep every value's meaning; whether each value fits is asked value by value."""
    if pa.types.is_dictionary(found):
        found = found.value_type
    if found.equals(wanted) or pa.types.is_null(found):
        return True
    is_a = pa.types
    if is_a.is_list(wanted):
        listed = is_a.is_list(found) or is_a.is_large_list(found) or is_a.is_fixed_size_list(found)
        return listed and _same_kind(found.value_type, wanted.value_type)
    accepted = (
        (is_a.is_string, (is_a.is_large_string, is_a.is_string_view, is_a.is_binary)),
        (is_a.is_timestamp, (is_a.is_timestamp, is_a.is_date)),
        (is_a.is_integer, (is_a.is_integer,)),
        (is_a.is_floating, (is_a.is_floating, is_a.is_integer)),
        (is_a.is_decimal, (is_a.is_decimal, is_a.is_integer)),
        (is_a.is_date, (is_a.is_date,)),
    )
    return any(is_wanted(wanted) and any(fits(found) for fits in fitting) for is_wanted, fitting in accepted)


def _conformed(array: pa.Array, column: ArrowColumn, where: str) -> pa.Array:
    try:
        converted = _converted(array, column.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError):
        # "from None": pyarrow's text quotes the value.
        raise DataQualityError(
            f"{where}: a value in column {column.arrives_as!r} is no {column.stored_type} without losing something.",
            todo="Correct the data, or declare a wider type.",
        ) from None
    if not column.nullable and converted.null_count:
        raise DataQualityError(
            f"{where}: {converted.null_count:,} row(s) have no value in column {column.arrives_as!r}.",
            todo="Declare it with nullable: true, or correct the data.",
        )
    _refuse_outside(converted, column, where)
    return converted


def _converted(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(wanted) and pa.types.is_string(array.type):
        return _moments(array, "ns" if wanted.unit == "ns" else "us").cast(wanted)
    if pa.types.is_timestamp(wanted) and pa.types.is_date(array.type):
        return array.cast(pa.timestamp(wanted.unit)).cast(wanted)
    if pa.types.is_decimal(wanted) and pa.types.is_integer(array.type):
        # by way of a decimal that holds every integer, since Arrow judges the types first and the values then
        array = array.cast(pa.decimal256(_DIGITS_OF_INTEGERS + wanted.scale, wanted.scale))
    return array if array.type.equals(wanted) else array.cast(wanted)


def _moments(array: pa.Array, unit: str) -> pa.Array:
    """ISO texts as points in time: all of a batch with an offset, or all without one, which then means UTC."""
    try:
        return array.cast(pa.timestamp(unit)).cast(pa.timestamp(unit, "UTC"))
    except pa.ArrowInvalid:
        return array.cast(pa.timestamp(unit, "UTC"))


def _refuse_outside(array: pa.Array, column: ArrowColumn, where: str) -> None:
    """Raise `DataQualityError` for dates and times that ClickHouse's type cannot hold."""
    digits = int(column.declared.arguments[0]) if column.declared.name == "DateTime64" else 0
    span = day_span(column.declared.name, digits)
    if span is None or array.null_count == len(array):
        return
    # As numbers since 1970: some of what must be refused is beyond Python's own dates.
    first, last = (_count_since_1970(datetime.datetime.fromisoformat(text), array.type) for text in span)
    found = pc.min_max(array)
    if found["min"].value < first or found["max"].value > last:
        raise DataQualityError(
            f"{where}: column {column.arrives_as!r} has values outside {span[0]} to {span[1]}, "
            f"all that {column.stored_type} holds.",
            todo="Correct the data, or declare another type.",
        )


def _count_since_1970(moment: datetime.datetime, kind: pa.DataType) -> int:
    since = moment - datetime.datetime(1970, 1, 1)
    if pa.types.is_date(kind):
        return since.days
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
    return (since.days * 86_400 + since.seconds) * per_second + since.microseconds * per_second // 10**6
