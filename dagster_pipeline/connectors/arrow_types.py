"""Which Arrow type holds every value of a ClickHouse type, for rows that come and rows that go."""

from __future__ import annotations

import pyarrow as pa

from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType
from dagster_pipeline.type_mapper.type_text import TypeTextError

_PLAIN = {
    **{f"{sign}Int{bits}": pa.type_for_alias(f"{sign.lower()}int{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64)},
    "Float32": pa.float32(),
    "Float64": pa.float64(),
    "Bool": pa.bool_(),
    "String": pa.string(),
    "Date": pa.date32(),
    "Date32": pa.date32(),
    "DateTime": pa.timestamp("s", "UTC"),
    "UUID": pa.string(),
    "IPv4": pa.string(),
    "IPv6": pa.string(),
}  # fmt: skip
_UNITS = {
    0: "s",
    **dict.fromkeys((1, 2, 3), "ms"),
    **dict.fromkeys((4, 5, 6), "us"),
    7: "ns",
    8: "ns",
    9: "ns",
}
_DECIMAL128_DIGITS = 38


def arrow_type(declared: ClickHouseType) -> pa.DataType:
    """The Arrow type that holds every value of a ClickHouse type. Raises `TypeTextError` for one that none holds."""
    if declared.element is not None:
        return pa.list_(arrow_type(declared.element))
    if declared.name == "Decimal":
        precision, scale = (int(argument) for argument in declared.arguments)
        return (pa.decimal128 if precision <= _DECIMAL128_DIGITS else pa.decimal256)(precision, scale)
    if declared.name == "DateTime64":
        return pa.timestamp(_UNITS[int(declared.arguments[0])], "UTC")
    if declared.name not in _PLAIN:
        raise TypeTextError(
            f"{declared.name} is wider than what files and Arrow hold; use Decimal(76, 0) or String."
        )
    return _PLAIN[declared.name]
