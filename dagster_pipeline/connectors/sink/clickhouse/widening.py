"""Which change of a column's type keeps every value that the column may hold. Pure; canonical type names only."""

from __future__ import annotations

import re

from dagster_pipeline.connectors.sink.clickhouse.table_shape import split_list

_WRAPPED = re.compile(r"(?P<wrapper>Nullable|LowCardinality)\((?P<inner>.*)\)", re.DOTALL)
_INTEGER = re.compile(r"(?P<unsigned>U?)Int(?P<bits>\d+)")
_DECIMAL = re.compile(r"Decimal\((?P<digits>\d+), (?P<scale>\d+)\)")
_MOMENT = re.compile(r"DateTime(?:64\((?P<scale>\d)(?:, )?)?\(?(?P<zone>'[^']*')?\)?")
_ENUM = re.compile(r"Enum(?P<bits>\d+)\((?P<elements>.*)\)", re.DOTALL)

FINEST_SCALE_OF_FULL_RANGE = 8
"""DateTime64(9) ends in 2262, coarser ones in 2299 (clickhouse.com/docs/sql-reference/data-types/datetime64)."""


def widens(old: str, new: str) -> bool:
    """Whether every value of `old` has its equal in `new`."""
    if old == new:
        return True
    old_inner, old_nullable = _unwrapped(old)
    new_inner, new_nullable = _unwrapped(new)
    if old_nullable and not new_nullable:
        return False
    pairs = {("Float32", "Float64"), ("Date", "Date32")}
    return (
        old_inner == new_inner
        or (old_inner, new_inner) in pairs
        or _integer_widens(old_inner, new_inner)
        or _decimal_widens(old_inner, new_inner)
        or _moment_widens(old_inner, new_inner)
        or _enum_widens(old_inner, new_inner)
    )


def _unwrapped(type_: str) -> tuple[str, bool]:
    nullable = False
    while wrapped := _WRAPPED.fullmatch(type_):
        nullable = nullable or wrapped["wrapper"] == "Nullable"
        type_ = wrapped["inner"]
    return type_, nullable


def _integer_widens(old: str, new: str) -> bool:
    before, after = _INTEGER.fullmatch(old), _INTEGER.fullmatch(new)
    if not before or not after:
        return False
    loses_sign = after["unsigned"] and not before["unsigned"]
    return int(after["bits"]) > int(before["bits"]) and not loses_sign


def _decimal_widens(old: str, new: str) -> bool:
    before, after = _DECIMAL.fullmatch(old), _DECIMAL.fullmatch(new)
    if not before or not after:
        return False
    more_scale = int(after["scale"]) - int(before["scale"])
    return 0 <= more_scale <= int(after["digits"]) - int(before["digits"])


def _moment_widens(old: str, new: str) -> bool:
    before, after = _MOMENT.fullmatch(old), _MOMENT.fullmatch(new)
    if not before or not after or before["zone"] != after["zone"] or after["scale"] is None:
        return False
    return int(before["scale"] or 0) <= int(after["scale"]) <= FINEST_SCALE_OF_FULL_RANGE


def _enum_widens(old: str, new: str) -> bool:
    before, after = _ENUM.fullmatch(old), _ENUM.fullmatch(new)
    if not before or not after:
        return False
    return set(split_list(before["elements"])) <= set(split_list(after["elements"]))
