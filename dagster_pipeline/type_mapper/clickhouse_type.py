"""ClickHouse type texts: read, judge and write them. The one place that knows how ClickHouse spells a type.

Only types that a column of ours can have are known; everything else is refused by name.
Source of the ranges: clickhouse.com/docs/sql-reference/data-types (int-uint, decimal, date32, datetime, datetime64).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from dagster_pipeline.type_mapper.type_text import TypeTextError

MAX_DECIMAL_DIGITS = 76
NANOSECONDS = 9
_DECIMAL_WIDTHS = {"Decimal32": 9, "Decimal64": 18, "Decimal128": 38, "Decimal256": 76}
_INTEGER_NAMES = tuple(f"{sign}{bits}" for sign in ("Int", "UInt") for bits in (8, 16, 32, 64, 128, 256))
_NAMES = (
    "Array", "Bool", "Date", "Date32", "DateTime", "DateTime64", "Decimal", *_DECIMAL_WIDTHS, "Float32", "Float64",
    "IPv4", "IPv6", *_INTEGER_NAMES, "LowCardinality", "Nullable", "String", "UUID",
)  # fmt: skip
_WRAPPERS = ("Array", "LowCardinality", "Nullable")


@dataclass(frozen=True, slots=True)
class ClickHouseType:
    """A type without its `Nullable` and `LowCardinality` wrappers, which are flags here.

    Attributes:
        name: e.g. `Decimal`; the fixed-width decimal names are written as `Decimal`.
        arguments: numbers and zones as text, e.g. `("20", "4")`, `("6", "'UTC'")`.
        element: the inner type of an `Array`.
    """

    name: str
    arguments: tuple[str, ...] = ()
    element: ClickHouseType | None = None
    nullable: bool = False
    low_cardinality: bool = False

    @property
    def bare(self) -> str:
        """The type's text without the flags' wrappers."""
        inside = str(self.element) if self.element else ", ".join(self.arguments)
        return f"{self.name}({inside})" if inside else self.name

    def __str__(self) -> str:
        return wrapped(self.bare, nullable=self.nullable, low_cardinality=self.low_cardinality)


def wrapped(bare: str, *, nullable: bool, low_cardinality: bool = False) -> str:
    """A type's text with its wrappers, in the only order that ClickHouse takes."""
    text = f"Nullable({bare})" if nullable else bare
    return f"LowCardinality({text})" if low_cardinality else text


def decimal(precision: int, scale: int) -> str:
    """`Decimal(precision, scale)`."""
    return f"Decimal({precision}, {scale})"


def datetime64(digits: int) -> str:
    """`DateTime64(digits, 'UTC')`: the zone is always named, since the server's own zone is anybody's guess."""
    return f"DateTime64({digits}, 'UTC')"


def integer_span(name: str) -> tuple[int, int] | None:
    """The least and greatest value of an integer type (`Bool` counts as 0 to 1), `None` for any other type."""
    if name == "Bool":
        return 0, 1
    if name not in _INTEGER_NAMES:
        return None
    bits = int(name.lstrip("UInt"))
    return (0, 2**bits - 1) if name.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def day_span(name: str, digits: int = 0) -> tuple[str, str] | None:
    """First and last moment of a date or time type, at most six digits after the second; `None` for any other type.

    `DateTime64(9)` counts nanoseconds in 64 bits, so it ends in 2262.
    """
    fraction = f".{'9' * min(digits, 6)}" if digits else ""
    return {
        "Date": ("1970-01-01", "2149-06-06"),
        "Date32": ("1900-01-01", "2299-12-31"),
        "DateTime": ("1970-01-01 00:00:00", "2106-02-07 06:28:15"),
        "DateTime64": (
            "1900-01-01 00:00:00",
            "2262-04-11 23:47:16.854775" if digits == NANOSECONDS else f"2299-12-31 23:59:59{fraction}",
        ),
    }.get(name)


def parse_clickhouse_type(text: str) -> ClickHouseType:
    """Read and normalise a type text. Raises `TypeTextError` that says what is wrong with it."""
    found = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", text, re.DOTALL)
    if found is None:
        raise TypeTextError(f"{text!r} does not read as a ClickHouse type.")
    name, inside = _known(found[1]), (found[2] or "").strip()
    if name in _WRAPPERS:
        return _wrapper(name, parse_clickhouse_type(inside) if inside else None, text)
    arguments = tuple(part.strip() for part in inside.split(",")) if inside else ()
    if name in _DECIMAL_WIDTHS:
        name, arguments = "Decimal", (str(_DECIMAL_WIDTHS[name]), *arguments)
    _judge_arguments(name, arguments, text)
    return ClickHouseType(name, arguments)


def _known(name: str) -> str:
    by_lower = {known.lower(): known for known in _NAMES}
    if name.lower() in by_lower:
        return by_lower[name.lower()]
    near = get_close_matches(name.lower(), by_lower, n=1)
    hint = f"; did you mean {by_lower[near[0]]}?" if near else "."
    raise TypeTextError(f"{name} is not a ClickHouse type that a column can be given here{hint}")


def _wrapper(name: str, inner: ClickHouseType | None, text: str) -> ClickHouseType:
    if inner is None:
        raise TypeTextError(f"{text!r} names no inner type.")
    if name == "Array":
        return ClickHouseType("Array", element=inner)
    if inner.name == "Array" or inner.low_cardinality or (name == "Nullable" and inner.nullable):
        raise TypeTextError(f"ClickHouse has no {text}.")
    return ClickHouseType(
        inner.name,
        inner.arguments,
        inner.element,
        nullable=inner.nullable or name == "Nullable",
        low_cardinality=name == "LowCardinality",
    )


def _judge_arguments(name: str, arguments: tuple[str, ...], text: str) -> None:
    """Raise when the arguments are not what the type takes."""
    patterns = {
        "Decimal": rf"([1-9]|[1-6]\d|7[0-{MAX_DECIMAL_DIGITS % 10}]), (\d+)",
        "DateTime": "'UTC'",
        "DateTime64": "[0-9], 'UTC'",
    }
    spelled = ", ".join(arguments)
    found = re.fullmatch(patterns.get(name, ""), spelled)
    if found is not None and not (name == "Decimal" and int(found[2]) > int(found[1])):
        return
    wanted = {
        "Decimal": "Decimal(precision, scale) with a precision of 1 to 76 and a scale of 0 to the precision",
        "DateTime": "DateTime('UTC')",
        "DateTime64": "DateTime64(digits, 'UTC') with 0 to 9 digits",
    }.get(name, f"{name} without arguments")
    raise TypeTextError(f"{text.strip()!r} is not right: write {wanted}.")
