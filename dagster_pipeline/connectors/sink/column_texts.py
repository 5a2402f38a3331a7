"""Columns of Arrow as the texts that PostgreSQL and MySQL read back exactly, a column at a time: no row becomes an object.

What does not belong here: how texts are put into rows (`row_texts`), and which of them a column cannot hold
(`value_guards`).
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dagster_pipeline.errors import DataQualityError

_CONTROL = "[\\x00-\\x1f]"
_SHORT_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def texts(array: Any, *, name: str) -> Any:
    """The values of a column, NULLs kept; moments in UTC, arrays as JSON."""
    kind = array.type
    if pa.types.is_boolean(kind):
        return array.cast(pa.uint8()).cast(pa.string())
    if pa.types.is_timestamp(kind):
        return array.cast(pa.timestamp(kind.unit)).cast(pa.string())
    if pa.types.is_decimal(kind):
        return _without_exponents(array)
    if pa.types.is_list(kind):
        return _json_arrays(array, name=name)
    return array.cast(pa.string())


def _without_exponents(array: Any) -> Any:
    """Arrow prints a small decimal as 1E-10, which is the same number but another text."""
    printed = array.cast(pa.string())
    if not pc.any(pc.match_substring(printed, "E")).as_py():
        return printed
    return pa.array(
        [None if value is None else format(value, "f") for value in array.to_pylist()], pa.string()
    )


def _json_arrays(array: Any, *, name: str) -> Any:
    elements = array.flatten()
    offsets = pc.cumulative_sum(
        pa.concat_arrays(
            [pa.array([0], pa.int32()), pc.list_value_length(array).fill_null(0).cast(pa.int32())]
        )
    )
    printed = pa.ListArray.from_arrays(offsets, _json_values(elements, name=name))
    return pc.binary_join_element_wise("[", pc.binary_join(printed, ","), "]", "")


def _json_values(elements: Any, *, name: str) -> Any:
    kind = elements.type
    if pa.types.is_floating(kind) and not pc.all(pc.is_finite(elements)).as_py():
        raise DataQualityError(
            f"An array in '{name}' holds a number that is not finite, which JSON cannot say.",
            todo="Correct it, or replace it in `columns`, e.g. `from: arrayMap(v -> ifNotFinite(v, 0), x)`.",
        )
    printed = texts(elements, name=name)
    if pa.types.is_boolean(kind):
        printed = pc.if_else(elements, "true", "false")
    elif not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or _is_list(kind)
    ):
        printed = pc.binary_join_element_wise('"', _json_escaped(printed), '"', "")
    return printed.fill_null("null")


def _json_escaped(printed: Any) -> Any:
    """The escapes of RFC 8259, section 7."""
    printed = pc.replace_substring(pc.replace_substring(printed, "\\", "\\\\"), '"', '\\"')
    if pc.any(pc.match_substring_regex(printed, _CONTROL)).as_py():
        for code in range(0x20):
            sign = chr(code)
            printed = pc.replace_substring(printed, sign, _SHORT_ESCAPES.get(sign, f"\\u{code:04x}"))
    return printed


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind))
