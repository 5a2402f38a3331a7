"""What a MySQL or MariaDB column takes from ClickHouse, by the column's type as the catalog prints it.

The session is in UTC and strict, so what a column cannot hold is an error there. Not so for fractions, which are rounded
without one: those are refused here.
"""

from __future__ import annotations

from dagster_pipeline.type_mapper import mysql
from dagster_pipeline.type_mapper.outbound import (
    EXACT_IN_DOUBLE,
    EXACT_IN_FLOAT,
    FINITE_GUARD,
    JSON_GUARD,
    UUID_GUARD,
    Outbound,
    OutboundGuard,
    Outgoing,
    ValueKind,
    digits_needed,
    narrows,
    text_guards,
    within,
)
from dagster_pipeline.type_mapper.type_text import TypeText, parse_type_text

_READ = "CAST({column} AS CHAR)"
_READ_NUMBER = "CAST({column} + 0 AS CHAR)"
_READ_FLOAT = "CAST({column} + 0e0 AS CHAR)"
"""A FLOAT prints six digits; as a double it prints all that it has."""
_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")
_BYTES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
_LABELS = ("enum", "set")
_ADDRESSES = ("inet4", "inet6")
_FIRST_INSTANT, _LAST_INSTANT = "1970-01-01 00:00:01", "2038-01-19 03:14:07"
_DEFAULT_DECIMAL = (10, 0)


def rule(source: Outgoing, target: str) -> Outbound:
    """How the column is written. Raises `TypeRefusedError` where the target would lose or cannot be written."""
    text, words = _named(target)
    if source.family in ("integer", "decimal", "float", "double"):
        found = _number(source, text, is_unsigned="unsigned" in words)
    elif source.family in ("date", "moment"):
        found = _moment(source, text)
    else:
        found = _other(source, text)
    found = found or _as_text(source, text)
    if found is None:
        raise narrows(source, target)
    return found


def anything(target: str) -> Outbound:
    """A value that came out of such a column goes back into it."""
    text, words = _named(target)
    if text.name in ("float", "double"):
        return Outbound(ValueKind.DOUBLE, read=_READ_FLOAT)
    if text.name == "bit":
        return Outbound(ValueKind.NUMBER, write="CAST({value} AS UNSIGNED)", read=_READ_NUMBER)
    if text.name in _BITS:  # a number: a text would be compared as a double
        sign = "UNSIGNED" if {"unsigned", "zerofill"} & set(words) else "SIGNED"
        return Outbound(ValueKind.NUMBER, write=f"CAST({{value}} AS {sign})", read=_READ)
    if text.name in ("decimal", "year"):
        return Outbound(ValueKind.NUMBER, read=_READ)
    if text.name in _TEXTS + _LABELS + _ADDRESSES or text.name in (
        "json", "uuid", "date", "datetime", "timestamp", "time",
    ):  # fmt: skip
        return Outbound(ValueKind.TEXT, read=_READ)
    return Outbound(ValueKind.FOLDED, write="UNHEX({value})", read="HEX({column})")


def _named(target: str) -> tuple[TypeText, list[str]]:
    text = parse_type_text(target)
    words = text.name.split()
    name = mysql.ALIASES.get(words[0], words[0])
    return TypeText(name, text.arguments), words


def _number(source: Outgoing, target: TypeText, *, is_unsigned: bool) -> Outbound | None:
    whole, fraction = digits_needed(source)
    if target.name in _BITS or target.name == "bit":
        bits = _BITS.get(target.name) or (target.numbers or (1,))[0]
        is_unsigned = is_unsigned or target.name == "bit"
        span = (0, 2**bits - 1) if is_unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        exact = source.span if source.family == "integer" else (-(10**whole) + 1, 10**whole - 1)
        if source.family in ("integer", "decimal") and not fraction and within(exact, span):
            write = f"CAST({{value}} AS {'UNSIGNED' if is_unsigned else 'SIGNED'})"
            return Outbound(ValueKind.NUMBER, source.send, write, _READ_NUMBER)
    if target.name == "decimal" and source.family in ("integer", "decimal"):
        precision, scale = (*target.numbers, *_DEFAULT_DECIMAL[len(target.numbers) :])
        if scale >= fraction and precision - scale >= whole:
            write = f"CAST({{value}} AS DECIMAL({precision},{scale}))"
            return Outbound(ValueKind.NUMBER, source.send, write, _READ)
    if target.name in ("float", "double") and not target.arguments:
        most = EXACT_IN_FLOAT if target.name == "float" else EXACT_IN_DOUBLE
        kind = ValueKind.FLOAT if target.name == "float" else ValueKind.DOUBLE
        if source.family == "integer" and within(source.span, (-most, most)):
            return Outbound(kind, source.send, read=_READ_FLOAT)
        if source.family in ("float", target.name):
            return Outbound(kind, source.send, read=_READ_FLOAT, guards=(FINITE_GUARD,))
    return None


def _moment(source: Outgoing, target: TypeText) -> Outbound | None:
    digits = (target.numbers or (0,))[0]
    if target.name == "date" and source.family == "date":
        return Outbound(ValueKind.MOMENT, source.send, "CAST({value} AS DATE)", _READ)
    if target.name not in ("datetime", "timestamp") or source.fraction > digits:
        return None
    guards: tuple[OutboundGuard, ...] = ()
    if target.name == "timestamp":
        text = f"substring({source.send}, 1, 19)"
        guards = (
            OutboundGuard(
                f"{text} < '{_FIRST_INSTANT}' OR {text} > '{_LAST_INSTANT}'",
                "is no instant that TIMESTAMP has",
            ),
        )
    return Outbound(ValueKind.MOMENT, source.send, f"CAST({{value}} AS DATETIME({digits}))", _READ, guards)


def _other(source: Outgoing, target: TypeText) -> Outbound | None:
    if target.name == "json" and source.family in ("text", "array"):
        guards = (*text_guards(), JSON_GUARD) if source.family == "text" else ()
        return Outbound(ValueKind.JSON, source.send, read=_READ, guards=guards)
    if target.name == "uuid" and source.family in ("uuid", "text"):
        guards = (UUID_GUARD,) if source.family == "text" else ()
        return Outbound(ValueKind.FOLDED, source.send, read=_READ, guards=guards)
    if target.name in _ADDRESSES and source.family == "address":
        return Outbound(ValueKind.FOLDED, source.send, read=_READ)
    return _parsed_text(target) if source.family == "text" else None


def _parsed_text(target: TypeText) -> Outbound | None:
    """Texts of the warehouse that were something else at their source."""
    if target.name in _BYTES:
        length = (target.numbers or (1,))[0]
        guards = (
            (OutboundGuard(f"length({{column}}) != {length}", f"does not have {length} bytes"),)
            if target.name == "binary"  # a shorter value is filled with zeros
            else ()
        )
        return Outbound(ValueKind.FOLDED, "hex({column})", "UNHEX({value})", "HEX({column})", guards)
    if target.name in _LABELS:
        return Outbound(ValueKind.TEXT, read=_READ, guards=text_guards())
    if target.name == "time":
        digits = (target.numbers or (0,))[0]
        guard = OutboundGuard(
            f"match({{column}}, '\\\\.\\\\d{{{digits + 1},}}')",
            f"has more than {digits} digits after the second",
        )
        return Outbound(ValueKind.MOMENT, read=_READ, guards=(*text_guards(), guard))
    return None


def _as_text(source: Outgoing, target: TypeText) -> Outbound | None:
    """Every value's own text. What is too long is an error of the strict session."""
    if target.name not in _TEXTS:
        return None
    guards = text_guards() if source.family == "text" else ()
    if target.name in ("char", "varchar"):
        longest = (target.numbers or (1,))[0]
        counted = "lengthUTF8({column})" if source.family == "text" else f"length({source.send})"
        guards += (OutboundGuard(f"{counted} > {longest}", f"is longer than {longest} characters"),)
    if target.name == "char" and source.family == "text":
        guards += (OutboundGuard("endsWith({column}, ' ')", "ends with a space, which CHAR drops"),)
    return Outbound(ValueKind.TEXT, source.send, read=_READ, guards=guards)
