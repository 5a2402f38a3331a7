"""One text per value that both databases can write, so that the two copies of a row can be compared without moving it.

The source writes the text of what it would send (guard and mask applied), the warehouse that of what it stores:

| stored | canonical text |
|---|---|
| integers, Bool | decimal digits; Bool is 0 or 1 |
| Decimal | digits, after the point as many as the source's type has; where they vary, without trailing zeros |
| Float32, Float64 | PostgreSQL: the bits in hexadecimal. MySQL, which cannot show bits: the shortest digits |
| Date, Date32 | MySQL: 2024-01-31. PostgreSQL: its days since 2000 in hexadecimal |
| DateTime, DateTime64 | in UTC. MySQL: 2024-01-31 12:34:56.789. PostgreSQL: its microseconds since 2000 in hexadecimal |
| String of text | itself, in UTF-8 |
| String of bytes | hexadecimal |
| UUID, IPv4, IPv6 | as both print it |
| Array | number of elements and the elements' own texts |

NULL is written as `NULL_MARK`. Each dialect's side stands in a module of its own; this one has the warehouse's side and
puts the two together. What a type is and how it is read is not decided here (`mysql`, `postgres`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from dagster_pipeline.schema.models import Dialect, TableSchema
from dagster_pipeline.type_mapper import canonical_mysql, canonical_postgres
from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, parse_clickhouse_type
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.printed_form import PrintedForm

NULL_MARK = "char(30)"
ELEMENT_MARK = "char(29)"


@dataclass(frozen=True, slots=True)
class CanonicalColumn:
    """How each side writes one column's values.

    Attributes:
        name: in both databases but for a rename, which there is none.
        source: SQL of the source with `{column}`, never NULL; not always a text, but printed as that text by `concat`.
        warehouse: SQL of ClickHouse with `{column}`, never NULL.
        stored: the stored type without Nullable and LowCardinality.
        sorts_alike: both databases sort the values in the same order, so that a range of keys means the same rows.
    """

    name: str
    source: str
    warehouse: str
    stored: str
    sorts_alike: bool


def canonical_columns(schema: TableSchema, mappings: Sequence[ColumnMapping]) -> tuple[CanonicalColumn, ...]:
    """The texts of these columns of one table, in order."""
    return tuple(_column(schema, mapping) for mapping in mappings)


def _column(schema: TableSchema, mapping: ColumnMapping) -> CanonicalColumn:
    dialect = schema.source.dialect
    column = schema.column(mapping.source_name)
    stored = parse_clickhouse_type(mapping.clickhouse_type)
    form = PrintedForm() if column.mask is not None else _PRINTED_FORM[dialect](column.type)
    if mapping.guard is not None and not mapping.fails_out_of_range:
        form = replace(form, scale=None)  # the values that are put in place of others may have another scale
    text = _SOURCE_TEXT[dialect](mapping, stored, form)
    stored_text = _warehouse_text(dialect, mapping, stored, "{column}", form)
    return CanonicalColumn(
        name=mapping.name,
        source=text,
        warehouse=f"ifNull({stored_text}, {NULL_MARK})" if stored.nullable else stored_text,
        stored=stored.bare,
        sorts_alike=column.mask is None
        and (mapping.guard is None or mapping.fails_out_of_range)
        and (stored.name.startswith(("Int", "UInt", "Decimal", "Date")) and stored.element is None),
    )


def _warehouse_text(
    dialect: Dialect, mapping: ColumnMapping, stored: ClickHouseType, value: str, form: PrintedForm
) -> str:
    """ClickHouse's expression for a value that is not NULL."""
    if stored.element is not None:
        return _array_text(dialect, mapping, stored, form)
    if stored.name in ("Float32", "Float64"):
        return _float_text(dialect, mapping, stored.name, value)
    if stored.name in ("Date", "Date32") and dialect == "postgres":
        return canonical_postgres.warehouse_date(f"toInt32({value})")
    if stored.name in ("DateTime", "DateTime64"):
        return _time_text(dialect, mapping, value)
    if stored.name == "Decimal" and form.scale is not None:
        return f"toDecimalString({value}, {form.scale})"
    return {
        "Bool": f"toString(toUInt8({value}))",
        "String": f"lower(hex({value}))" if form.is_bytes else value,
    }.get(stored.name, f"toString({value})")


def _time_text(dialect: Dialect, mapping: ColumnMapping, value: str) -> str:
    """PostgreSQL's microseconds are cheaper than text for both sides (measured)."""
    time = f"toDateTime64({value}, 6, 'UTC')"
    if dialect == "mysql":
        return f"substring(toString({time}), 1, {canonical_mysql.shown_letters(mapping)})"
    return canonical_postgres.warehouse_time(f"toUnixTimestamp64Micro({time})")


def _float_text(dialect: Dialect, mapping: ColumnMapping, stored: str, value: str) -> str:
    """MySQL's text of a float is that of the double; the bits are those that travelled."""
    if dialect == "mysql":
        return canonical_mysql.warehouse_float(f"toFloat64({value})")
    if stored == "Float32" or canonical_postgres.is_single(mapping):
        return canonical_postgres.warehouse_bits(f"reinterpretAsUInt32(toFloat32({value}))")
    return canonical_postgres.warehouse_bits(f"reinterpretAsUInt64({value})")


def _array_text(dialect: Dialect, mapping: ColumnMapping, stored: ClickHouseType, form: PrintedForm) -> str:
    element = stored
    while element.element is not None:
        element = element.element
    each = _warehouse_text(dialect, mapping, element, "x", form)
    flat = "arrayFlatten({column})"
    texts = f"arrayMap(x -> ifNull({each}, {NULL_MARK}), {flat})"
    return f"concat(toString(length({flat})), ':', arrayStringConcat({texts}, {ELEMENT_MARK}))"


_SOURCE_TEXT: Mapping[Dialect, Callable[..., str]] = {
    "mysql": canonical_mysql.source_text,
    "postgres": canonical_postgres.source_text,
}
_PRINTED_FORM: Mapping[Dialect, Callable[[str], PrintedForm]] = {
    "mysql": canonical_mysql.printed_form,
    "postgres": canonical_postgres.printed_form,
}
