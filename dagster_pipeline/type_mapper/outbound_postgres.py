"""What a PostgreSQL column takes from ClickHouse, by the column's type as the catalog prints it."""

from __future__ import annotations

import re

from dagster_pipeline.type_mapper import postgres
from dagster_pipeline.type_mapper.clickhouse_type import integer_span
from dagster_pipeline.type_mapper.outbound import (
    EXACT_IN_DOUBLE,
    EXACT_IN_FLOAT,
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
from dagster_pipeline.type_mapper.type_rule import TypeRefusedError
from dagster_pipeline.type_mapper.type_text import MAX_FRACTION_DIGITS, TypeText, parse_type_text

_READ = "{column}::text"
_SPANS = {"smallint": "Int16", "integer": "Int32", "bigint": "Int64", "oid": "UInt32"}
_LABEL = re.compile(r"\s*(enum|domain)\s+(.*?)(?:\s*\((.*)\))?\s*", re.DOTALL)
_PRINTED = frozenset({
    "time without time zone", "time with time zone", "interval", "xml", "inet", "cidr", "macaddr", "macaddr8", "bit",
    "bit varying", "point", "line", "lseg", "box", "path", "polygon", "circle", "ltree", "hstore",
})  # fmt: skip
_FRACTION = OutboundGuard("match({column}, '\\\\.\\\\d{7,}')", "has more than 6 digits after the second")


def rule(source: Outgoing, target: str) -> Outbound:
    """How the column is written. Raises `TypeRefusedError` where the target would lose or cannot be written."""
    labelled = _LABEL.fullmatch(target)
    if labelled and labelled[1] == "enum" and source.family == "text":
        return Outbound(ValueKind.TEXT, write=f"{{value}}::{labelled[2]}", read=_READ, guards=text_guards())
    if labelled and labelled[1] == "domain" and labelled[3]:
        return rule(source, labelled[3])
    text = parse_type_text(target)
    name = postgres.ALIASES.get(text.name, text.name)
    found = None if text.dimensions else _rule(source, TypeText(name, text.arguments))
    if found is None:
        raise narrows(source, target)
    return found


def anything(target: str) -> Outbound:
    """A value that came out of such a column goes back into it."""
    labelled = _LABEL.fullmatch(target)
    spelled = target if labelled is None else labelled[2]
    if target == "bytea":
        return Outbound(ValueKind.FOLDED, write="decode({value}, 'hex')", read="encode({column}, 'hex')")
    return Outbound(ValueKind.TEXT, write=f"{{value}}::{spelled}", read=_READ)


def _rule(source: Outgoing, target: TypeText) -> Outbound | None:
    if source.family in ("integer", "decimal", "float", "double"):
        found = _number(source, target)
    elif source.family in ("date", "moment"):
        found = _moment(source, target)
    else:
        found = _other(source, target)
    return found or _as_text(source, target)


def _number(source: Outgoing, target: TypeText) -> Outbound | None:
    fits, kind = False, ValueKind.NUMBER
    is_exact = source.family in ("integer", "decimal")
    whole, fraction = digits_needed(source)
    if target.name == "boolean":
        fits, kind = source.is_bool, ValueKind.BOOLEAN
    elif target.name in _SPANS and is_exact:
        span = source.span if source.family == "integer" else (-(10**whole) + 1, 10**whole - 1)
        fits = not fraction and within(span, integer_span(_SPANS[target.name]) or (0, 0))
    elif target.name == "numeric" and is_exact:
        precision, scale = (*target.numbers, 0)[:2] if target.numbers else (whole + fraction, fraction)
        fits = scale >= fraction and precision - scale >= whole
    elif target.name in ("real", "double precision"):
        is_real = target.name == "real"
        kind = ValueKind.FLOAT if is_real else ValueKind.DOUBLE
        most = EXACT_IN_FLOAT if is_real else EXACT_IN_DOUBLE
        fits = source.family in ("float", *(() if is_real else ("double",)))
        fits = fits or (source.family == "integer" and within(source.span, (-most, most)))
    return Outbound(kind, source.send, f"{{value}}::{target.name}", _READ) if fits else None


def _moment(source: Outgoing, target: TypeText) -> Outbound | None:
    if target.name == "date" and source.family == "date":
        return Outbound(ValueKind.MOMENT, source.send, "{value}::date", _READ)
    digits = target.numbers[0] if target.numbers else MAX_FRACTION_DIGITS
    if target.name.startswith("timestamp") and source.fraction <= digits:
        return Outbound(ValueKind.MOMENT, source.send, f"{{value}}::{target.name}", _READ)
    return None


def _other(source: Outgoing, target: TypeText) -> Outbound | None:
    write = f"{{value}}::{target.name}"
    if target.name in ("json", "jsonb") and source.family in ("text", "array"):
        guards = (*text_guards(no_zero=True), JSON_GUARD) if source.family == "text" else ()
        return Outbound(ValueKind.JSON, source.send, write, _READ, guards)
    if target.name == "uuid" and source.family in ("uuid", "text"):
        return Outbound(
            ValueKind.FOLDED, source.send, write, _READ, (UUID_GUARD,) if source.family == "text" else ()
        )
    if target.name == "inet" and source.family == "address":
        return Outbound(ValueKind.FOLDED, source.send, "{value}::inet", _READ)
    return _parsed_text(target, write) if source.family == "text" else None


def _parsed_text(target: TypeText, write: str) -> Outbound | None:
    """Texts of the warehouse that were something else at their source."""
    if target.name == "bytea":
        return Outbound(
            ValueKind.FOLDED, "hex({column})", "decode({value}, 'hex')", "encode({column}, 'hex')"
        )
    if target.name in _PRINTED:
        guards = text_guards(no_zero=True)
        if target.arguments:
            raise TypeRefusedError(
                f"{target} would cut a value in silence.",
                todo=f"Make the column {target.name} without a limit.",
            )
        return Outbound(
            ValueKind.FOLDED, write=write, read=_READ,
            guards=(*guards, _FRACTION) if target.name.startswith(("time", "interval")) else guards,
        )  # fmt: skip
    return None


def _as_text(source: Outgoing, target: TypeText) -> Outbound | None:
    """Every value's own text. Cast to text, not to the column's type: an explicit cast to varchar(n) cuts."""
    if target.name not in ("text", "character varying", "character", "citext"):
        return None
    is_padded = target.name == "character"
    longest = target.numbers[0] if target.numbers else 1 if is_padded else None
    guards = text_guards(longest=longest, no_zero=True) if source.family == "text" else ()
    if source.family != "text" and longest is not None:
        guards = (
            OutboundGuard(f"length({source.send}) > {longest}", f"is longer than {longest} characters"),
        )
    return Outbound(
        ValueKind.PADDED if is_padded else ValueKind.TEXT,
        source.send,
        "{value}::bpchar" if is_padded else "{value}::text",  # compared as such, by an index
        _READ,
        guards,
    )
