"""The type mapper run backwards: from a ClickHouse type to a column of MySQL or PostgreSQL, refused where it would lose.

A value travels as text that ClickHouse prints and the target parses. What the target's type can never hold in full (a
smaller integer, a shorter fraction) is refused by type, before anything is written. What depends on the value alone (the
length of a text, the end of a TIMESTAMP) is a guard: ClickHouse judges each row, and a row at fault is a reject.

What a target does to a value without an error decides the rules: PostgreSQL and MySQL round fractions of numbers and of
seconds (postgresql.org/docs/current/datatype-numeric.html, dev.mysql.com/doc/refman/8.4/en/precision-math.html), and
PostgreSQL cuts a text that is cast to `varchar(n)` explicitly, so texts are cast to `text`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, integer_span, parse_clickhouse_type
from dagster_pipeline.type_mapper.type_rule import TypeRefusedError
from dagster_pipeline.type_mapper.type_text import TypeTextError

EXACT_IN_FLOAT = 2**24
EXACT_IN_DOUBLE = 2**53


class ValueKind(StrEnum):
    """How two texts of one column are compared: a database prints a value in its own way."""

    TEXT = "text"
    PADDED = "padded text"
    NUMBER = "number"
    FLOAT = "float"
    DOUBLE = "double"
    MOMENT = "moment"
    BOOLEAN = "boolean"
    JSON = "json"
    FOLDED = "folded"
    """Case does not matter: UUIDs, addresses, hexadecimal."""


@dataclass(frozen=True, slots=True)
class OutboundGuard:
    """A value that does not fit: a ClickHouse predicate with `{column}`, and what is said of it."""

    violated: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outbound:
    """How one column travels outwards.

    Attributes:
        kind: how its values are compared.
        send: ClickHouse expression with `{column}`: the value's text.
        write: SQL of the target with `{value}` for the text.
        read: SQL of the target with `{column}`: the stored value's own text.
        guards: values that the target cannot hold.
    """

    kind: ValueKind
    send: str = "toString({column})"
    write: str = "{value}"
    read: str = "{column}"
    guards: tuple[OutboundGuard, ...] = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A ClickHouse type as far as it matters here.

    Attributes:
        spelled: as the warehouse prints it.
        family: `integer`, `decimal`, `float`, `double`, `date`, `moment`, `text`, `uuid`, `address`, `array`.
        span: least and greatest value of an integer.
        whole, fraction: digits of a decimal; `fraction` is also that of a moment's second.
        is_bool: prints `true` and `false`.
    """

    spelled: str
    family: str
    span: tuple[int, int] = (0, 0)
    whole: int = 0
    fraction: int = 0
    is_bool: bool = False

    @property
    def send(self) -> str:
        """The value's text, in ClickHouse's words."""
        if self.is_bool:
            return "toString(toUInt8({column}))"
        return {"moment": "toString(toTimeZone({column}, 'UTC'))", "array": "toJSONString({column})"}.get(
            self.family, "toString({column})"
        )


_FAMILIES = {
    "Float32": "float", "Float64": "double", "Date": "date", "Date32": "date", "DateTime": "moment",
    "DateTime64": "moment", "String": "text", "UUID": "uuid", "IPv4": "address", "IPv6": "address", "Array": "array",
}  # fmt: skip
_ENUM = re.compile(r"Enum(?:8|16)\((?:'(?:[^'\\]|\\.|'')*'\s*=\s*-?\d+(?:,\s*)?)+\)")
_TEXT_OF_FIXED_LENGTH = re.compile(r"FixedString\(\d+\)")
_ZONED = re.compile(r"DateTime(?:64\((\d)(?:, '[^']*')?\)|\('[^']*'\)|(?![\w(]))")


def outgoing(clickhouse: str) -> Outgoing:
    """What a column of this type can hold. Raises `TypeRefusedError` for a type that has no text of its own."""
    plain = _TEXT_OF_FIXED_LENGTH.sub("String", _ENUM.sub("String", clickhouse))
    plain = _ZONED.sub(
        lambda zoned: f"DateTime64({zoned[1]}, 'UTC')" if zoned[1] else "DateTime('UTC')", plain
    )
    try:
        found = parse_clickhouse_type(plain)
    except TypeTextError as error:
        raise TypeRefusedError(
            f"{clickhouse} cannot be written to another database.",
            todo="Convert it in `from` or in the query, e.g. toString(...) or toJSONString(...).",
        ) from error
    return _outgoing(clickhouse, found)


def _outgoing(spelled: str, found: ClickHouseType) -> Outgoing:
    span = integer_span(found.name)
    if span is not None:
        return Outgoing(spelled, "integer", span=span, is_bool=found.name == "Bool")
    if found.name == "Decimal":
        precision, scale = map(int, found.arguments)
        return Outgoing(spelled, "decimal", whole=precision - scale, fraction=scale)
    fraction = int(found.arguments[0]) if found.name == "DateTime64" else 0
    return Outgoing(spelled, _FAMILIES[found.name], fraction=fraction)


def within(span: tuple[int, int], target: tuple[int, int]) -> bool:
    """Every value of `span` is one of `target`."""
    return target[0] <= span[0] and span[1] <= target[1]


def digits_needed(source: Outgoing) -> tuple[int, int]:
    """Digits before and after the point that a number can have."""
    if source.family == "integer":
        return len(str(max(-source.span[0], source.span[1]))), 0
    return source.whole, source.fraction


def narrows(source: Outgoing, target: object) -> TypeRefusedError:
    """The error for a target that cannot hold every value of the source."""
    return TypeRefusedError(
        f"{source.spelled} does not fit into {target} without losing something.",
        todo="Widen the target's column, or convert in `from` with a function that fails instead of cutting, "
        "e.g. accurateCast(x, 'Int32').",
    )


def text_guards(*, longest: int | None = None, no_zero: bool = False) -> tuple[OutboundGuard, ...]:
    """What a text column cannot hold; `longest` counts characters."""
    guards = [OutboundGuard("NOT isValidUTF8({column})", "is not valid UTF-8")]
    if no_zero:
        guards.append(OutboundGuard("position({column}, '\\0') > 0", "holds a NUL character"))
    if longest is not None:
        guards.append(
            OutboundGuard(f"lengthUTF8({{column}}) > {longest}", f"is longer than {longest} characters")
        )
    return tuple(guards)


JSON_GUARD = OutboundGuard("NOT isValidJSON({column})", "is not valid JSON")
FINITE_GUARD = OutboundGuard("NOT isFinite({column})", "is not a finite number")
UUID_GUARD = OutboundGuard("toUUIDOrNull({column}) IS NULL", "is no UUID")

Rule = Callable[[Outgoing, str], Outbound]
