"""MySQL's (8.0 on) and MariaDB's (10.6 on) types: how the binary protocol and Arrow carry each to ClickHouse.

The session is fixed by the connector: time_zone '+00:00', sql_mode '', SET NAMES utf8mb4. TIME, bit fields and geometry
have forms of their own on the wire and are read as text or numbers; days that do not exist are the reader's to tell.
Sources: dev.mysql.com/doc/refman/8.4/en/data-types.html, mariadb.com/kb/en/data-types.

| source | ClickHouse | does not fit |
|---|---|---|
| tinyint .. bigint, unsigned or not | Int8 .. Int64, UInt8 .. UInt64; `tinyint(1)` too, which holds -128 to 127 | |
| bit(1), bit(n) | Bool, UInt64 | |
| year | UInt16, 0000 is 0 | |
| decimal(p,s) | Decimal(p, s) | |
| float, double | Float32, Float64 | |
| date | Date32 | a day that does not exist (0000-00-00, 2024-00-00), outside 1900 to 2299 |
| datetime(p) | DateTime64(p, 'UTC'), the same wall clock | the same |
| timestamp(p) | DateTime64(p, 'UTC'), the same instant | 0000-00-00 00:00:00 |
| time(p) | String, as the server prints it | |
| char, varchar, text, set, json | String, UTF-8 whatever the column's character set | |
| enum | LowCardinality(String); the error value is '' | |
| binary, varbinary, blob | String, the bytes | |
| geometry and its kin | String: the server's WKT, after `SRID=n;` where the value has one | |
| uuid, inet4, inet6 (MariaDB) | UUID, IPv4, IPv6 | |

`time` stays text: it runs from -838:59:59 to 838:59:59, and ClickHouse's Time types are younger than the servers
people run. A day that does not exist has no nearest one, so `clamp` turns it into the first day of the type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, integer_span
from dagster_pipeline.type_mapper.mysql_times import date_rule, datetime_rule, timestamp_rule
from dagster_pipeline.type_mapper.number_rules import decimal_limit, decimal_target, integer_rule
from dagster_pipeline.type_mapper.type_rule import TypeRefusedError, TypeRule, override_refused, unknown_type
from dagster_pipeline.type_mapper.type_text import TypeText, TypeTextError, parse_type_text

Builder = Callable[[TypeText, ClickHouseType | None], TypeRule]

_TEXT = "CAST({column} AS CHAR)"
_YEARS = (0, 2155)
_BITS_OF_FLOAT = 24
"""float(25) and up is a double (dev.mysql.com/doc/refman/8.4/en/floating-point-types.html)."""

ALIASES: Mapping[str, str] = {
    "integer": "int", "int4": "int", "int1": "tinyint", "int2": "smallint", "int3": "mediumint",
    "middleint": "mediumint", "int8": "bigint", "bool": "tinyint", "boolean": "tinyint",
    "dec": "decimal", "numeric": "decimal", "fixed": "decimal",
    "double precision": "double", "real": "double", "float4": "float", "float8": "double",
    "character": "char", "nchar": "char", "national char": "char", "national character": "char",
    "character varying": "varchar", "char varying": "varchar", "varcharacter": "varchar", "nvarchar": "varchar",
    "nchar varchar": "varchar", "national varchar": "varchar", "national char varying": "varchar",
    "national character varying": "varchar", "long": "mediumtext", "long varchar": "mediumtext",
    "long varbinary": "mediumblob", "char byte": "binary", "geomcollection": "geometrycollection",
}  # fmt: skip
_INTEGER_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 32, "int": 32, "bigint": 64}
_TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "set")
_LABELLED = ("enum", "set")
_BYTES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
_SHAPES = ("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
           "geometrycollection")  # fmt: skip
_STORED_BY_CONNECTOR_TEXT = {"uuid": "UUID", "inet4": "IPv4", "inet6": "IPv6"}
_DEFAULT_PRECISION = (10, 0)
_REJECTED_WORDS = (
    "character",
    "charset",
    "collate",
    "ascii",
    "unicode",
    "auto_increment",
    "null",
    "not",
    "default",
)


def rule(spelled: str, wanted: ClickHouseType | None) -> TypeRule:
    """How a column of this type travels, stored as `wanted` when that loses nothing.

    Raises `TypeRefusedError` or `TypeTextError`.
    """
    text = _resolve(spelled)
    build = _REGISTRY.get(_base_name(text), _unknown)
    text.judge_arguments(are_labels=text.name in _LABELLED)
    if wanted is None or wanted.name != "String":
        return build(text, wanted)
    try:
        known = build(text, None)
    except TypeRefusedError:
        if build is _unknown:
            raise
        known = TypeRule("String", _TEXT, read=_TEXT)
    return known.as_string(low_cardinality=wanted.low_cardinality)


def same_type(declared: str, found: str) -> bool:
    """Two spellings mean one type. Display widths mean nothing, and MariaDB's json is a longtext."""
    return _comparable(_resolve(declared)) == _comparable(_resolve(found))


def _comparable(text: TypeText) -> tuple[str, tuple[str, ...]]:
    base = _base_name(text)
    if base in _INTEGER_BITS:
        return ("unsigned " if _is_unsigned(text) else "") + base, ()
    if base == "decimal":
        return text.name, tuple(
            str(number) for number in (*text.numbers, *_DEFAULT_PRECISION[len(text.numbers) :])
        )
    if base == "float" and len(text.numbers) == 1:
        return ("double" if text.numbers[0] > _BITS_OF_FLOAT else base), ()
    if base == "year" or (base in ("time", "datetime", "timestamp") and text.arguments == ("0",)):
        return base, ()
    if base in ("bit", "char", "binary") and not text.arguments:
        return base, ("1",)
    return ("longtext" if base == "json" else base), text.arguments


def _resolve(spelled: str) -> TypeText:
    """The canonical spelling: aliases replaced, `unsigned` and `zerofill` kept as the last words."""
    text = parse_type_text(spelled)
    words = text.name.split()
    attributes = [word for word in words if word in ("unsigned", "signed", "zerofill", "compressed")]
    name = " ".join(word for word in words if word not in attributes)
    _refuse_suffixes(spelled, name)
    if text.dimensions:
        raise TypeRefusedError(
            f"{spelled!r}: MySQL has no arrays.", todo="Write the type that the column has."
        )
    sign = " unsigned" if {"unsigned", "zerofill"} & set(attributes) else ""
    return TypeText(ALIASES.get(name, name) + sign, text.arguments, text.dimensions)


def _refuse_suffixes(spelled: str, name: str) -> None:
    words = name.split()
    for word in words[1:]:
        if name not in ALIASES and word in _REJECTED_WORDS:
            raise TypeRefusedError(
                f"{spelled!r} says more than the type ({word}).",
                todo="Write the type alone, as information_schema.columns.column_type prints it; "
                "text arrives as UTF-8 whatever its character set.",
            )


def _base_name(text: TypeText) -> str:
    return text.name.removesuffix(" unsigned")


def _is_unsigned(text: TypeText) -> bool:
    return text.name.endswith(" unsigned")


def _unknown(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    del wanted
    base = _base_name(text)
    if base == "serial":
        raise TypeRefusedError(
            "serial is a shorthand of CREATE TABLE, not a type.", todo="Write bigint unsigned."
        )
    raise unknown_type(
        base,
        (*_REGISTRY, *ALIASES),
        dialect="MySQL",
        todo="Write it as information_schema.columns.column_type prints it.",
    )


def _integer(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    sign = "UInt" if _is_unsigned(text) else "Int"
    found = integer_rule(text, f"{sign}{_INTEGER_BITS[_base_name(text)]}", wanted, text=_TEXT)
    return _still_unsigned(found) if _is_unsigned(text) else found


def _still_unsigned(rule_of_integer: TypeRule) -> TypeRule:
    """Clamping compares with signed constants, and MySQL makes a DECIMAL of the two kinds together."""
    limit = rule_of_integer.limit
    if limit is None:
        return rule_of_integer
    return replace(rule_of_integer, limit=replace(limit, nearest=f"CAST({limit.nearest} AS UNSIGNED)"))


def _bit(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    """Read as a number: the protocol sends a bit field's bytes."""
    bits = text.numbers[0] if text.numbers else 1
    read = "CAST({column} AS UNSIGNED)"
    found = integer_rule(
        text, "UInt64", wanted, text=f"CAST({read} AS CHAR)", read=read, span=(0, 2**bits - 1)
    )
    return replace(found, stored="Bool") if bits == 1 and wanted is None else _still_unsigned(found)


def _year(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    return integer_rule(text, "UInt16", wanted, text=_TEXT, span=_YEARS)


def _decimal(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    """As text on the wire: it is exact up to 65 digits, and costs the reader no more than a decimal does (measured)."""
    precision, scale = (*text.numbers, *_DEFAULT_PRECISION[len(text.numbers) :])
    whole = precision - scale
    if whole < 0:
        raise TypeTextError(f"{text} has more digits after the point than digits.")
    if not scale and wanted is not None and integer_span(wanted.name) is not None:
        most = 10**whole - 1
        found = integer_rule(text, f"Decimal({whole}, 0)", wanted, text=_TEXT, span=(-most, most))
    else:
        target = decimal_target(text, wanted, integer_digits=whole, fraction_digits=scale)
        limit = decimal_limit(target, integer_digits=whole, fraction_digits=scale, not_a_number=False)
        found = TypeRule(f"Decimal({target[0]}, {target[1]})", _TEXT, limit=limit)
    if found.limit is not None:
        found = replace(found, limit=replace(found.limit, nearest=f"CAST({found.limit.nearest} AS CHAR)"))
    return replace(found, read=_TEXT)


def _float(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    """A FLOAT's own text has six digits; as a double it prints all that the 32 bits hold."""
    double_by_standard = len(text.numbers) == 1 and text.numbers[0] > _BITS_OF_FLOAT
    if double_by_standard:
        return _double(text, wanted)
    if wanted is not None and wanted.name not in ("Float32", "Float64"):
        raise override_refused(text, wanted, ("Float32", "Float64"))
    return TypeRule(wanted.name if wanted else "Float32", "CAST({column} + 0e0 AS CHAR)", wire="Float32")


def _double(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    if wanted is not None and wanted.name != "Float64":
        raise override_refused(text, wanted, ("Float64",))
    return TypeRule("Float64", _TEXT)


def _time(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    if wanted is not None:
        raise override_refused(text, wanted, ("LowCardinality(String)",))
    return TypeRule("String", _TEXT, read=_TEXT)


def _text(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    if wanted is not None:
        raise override_refused(text, wanted, ("LowCardinality(String)",))
    return TypeRule("String", _TEXT)


def _json(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    """The text that the server prints."""
    if wanted is not None:
        raise override_refused(text, wanted, ())
    return TypeRule("String", _TEXT, read=_TEXT)


def _enum(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    """Not a ClickHouse Enum: a label added at the source would stop the load."""
    return replace(_text(text, wanted), low_cardinality=True)


def _bytes(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    if wanted is not None:
        raise override_refused(text, wanted, ())
    return TypeRule("String", "{column}", is_bytes=True)


def _shape(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    if wanted is not None:
        raise override_refused(text, wanted, ())
    reference = "IF(ST_SRID({column}) = 0, '', CONCAT('SRID=', ST_SRID({column}), ';'))"
    read = f"CONCAT({reference}, ST_AsText({{column}}))"
    return TypeRule("String", read, read=read)


def _parsed_text(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    stored = _STORED_BY_CONNECTOR_TEXT[text.name]
    if wanted is not None and wanted.name != stored:
        raise override_refused(text, wanted, (stored,))
    return TypeRule(stored, _TEXT, read=_TEXT)


_REGISTRY: Mapping[str, Builder] = {
    "bit": _bit,
    "year": _year,
    "decimal": _decimal,
    "float": _float,
    "double": _double,
    "date": date_rule,
    "datetime": datetime_rule,
    "timestamp": timestamp_rule,
    "time": _time,
    "json": _json,
    "enum": _enum,
    **dict.fromkeys(_INTEGER_BITS, _integer),
    **dict.fromkeys(_TEXTS, _text),
    **dict.fromkeys(_BYTES, _bytes),
    **dict.fromkeys(_SHAPES, _shape),
    **dict.fromkeys(_STORED_BY_CONNECTOR_TEXT, _parsed_text),
}
