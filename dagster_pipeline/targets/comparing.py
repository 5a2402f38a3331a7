"""When two texts mean one value: a database prints what it holds in its own way. Pure."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Hashable, Mapping
from decimal import Decimal, InvalidOperation

from dagster_pipeline.type_mapper.outbound import ValueKind

_TRUE = frozenset({"1", "t", "true"})


def comparable(kind: ValueKind, text: str | None) -> Hashable:
    """A value that is equal for texts that mean the same; a text that does not read as its kind stands for itself."""
    if text is None:
        return None
    try:
        return _FORMS[kind](text)
    except (ValueError, InvalidOperation, OverflowError, RecursionError):
        return text


def _number(text: str) -> Hashable:
    number = Decimal(text)
    return text if number.is_nan() else number


def _double(text: str) -> Hashable:
    number = float(text)
    return "nan" if number != number else number  # noqa: PLR0124 -- NaN is the number that differs from itself


def _float(text: str) -> Hashable:
    number = _double(text)
    return struct.unpack("f", struct.pack("f", number))[0] if isinstance(number, float) else number


def _moment(text: str) -> Hashable:
    """A day is its midnight; a zone is always UTC; zeros at the end of a fraction say nothing."""
    plain = text.removesuffix("+00").removesuffix(".").strip()
    if "." in plain:
        plain = plain.rstrip("0").removesuffix(".")
    return plain.removesuffix(" 00:00:00")


def _json(text: str) -> Hashable:
    return json.dumps(
        json.loads(text, parse_float=Decimal, parse_int=Decimal), sort_keys=True, default=_printed
    )


def _printed(number: Decimal) -> str:
    return f"number {number.normalize()}"


def _folded(text: str) -> Hashable:
    """PostgreSQL prints an address with the length of its mask, a whole one's too."""
    return text.lower().removesuffix("/32").removesuffix("/128")


_FORMS: Mapping[ValueKind, Callable[[str], Hashable]] = {
    ValueKind.TEXT: str,
    ValueKind.PADDED: lambda text: text.rstrip(" "),
    ValueKind.NUMBER: _number,
    ValueKind.FLOAT: _float,
    ValueKind.DOUBLE: _double,
    ValueKind.MOMENT: _moment,
    ValueKind.BOOLEAN: lambda text: text in _TRUE,
    ValueKind.JSON: _json,
    ValueKind.FOLDED: _folded,
}
