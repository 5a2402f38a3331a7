"""PostgreSQL's types (15 on): how each is read, and what of it ClickHouse holds.

The session is fixed by the connector: client_encoding UTF8, DateStyle ISO, IntervalStyle iso_8601, TimeZone UTC,
bytea_output hex, extra_float_digits 3. Sources: postgresql.org/docs/current/datatype.html, sql-copy.html.

| source | ClickHouse | does not fit |
|---|---|---|
| boolean | Bool | |
| smallint, integer, bigint, oid, xid8 | Int16, Int32, Int64, UInt32, UInt64 | |
| real, double precision | Float32, Float64 | |
| numeric(p,s) | Decimal(p, s); scale below 0 or above p is widened | NaN |
| numeric | Decimal(76, 38) | NaN, Infinity, over 38 digits on either side |
| money | Decimal(22, 3) | |
| date | Date32 | infinity, outside 1900 to 2299 |
| timestamp(p), with or without time zone | DateTime64(p, 'UTC') | infinity, outside 1900 to 2299 |
| uuid | UUID | |
| bytea | String, the bytes | |
| enum | LowCardinality(String) | |
| T[] | Array(Nullable(T)) | another number of dimensions; elements as above |
| any other | String, as PostgreSQL prints it | |

`time`, `timetz` and `interval` stay text (`24:00:00`, `P1M30D`): ClickHouse's Time types are younger than the servers
people run, and an interval has no other exact form. `inet` stays text because ClickHouse's IPv4 and IPv6 have no mask.

A type that is not built in must say what it is, since its name alone tells nothing: `enum mood`, `domain email (text)`,
`composite address`, each also with `[]`. Anything else that PostgreSQL can print needs `clickhouse_type: String`.
A numeric NaN sorts above every number in PostgreSQL, so `clamp` turns it into the greatest value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, integer_span
from dagster_pipeline.type_mapper.number_rules import decimal_limit, decimal_target, integer_rule
from dagster_pipeline.type_mapper.postgres_arrays import array_rule
from dagster_pipeline.type_mapper.postgres_times import date_rule, timestamp_rule
from dagster_pipeline.type_mapper.type_rule import (
    Limit,
    TypeRefusedError,
    TypeRule,
    override_refused,
    unknown_type,
)
from dagster_pipeline.type_mapper.type_text import (
    MAX_FRACTION_DIGITS,
    TypeText,
    TypeTextError,
    parse_type_text,
)

Builder = Callable[[TypeText, ClickHouseType | None], TypeRule]

_TEXT = "{column}::text"
_BITS_OF_REAL = 24
_KINDS = ("enum ", "composite ")
_MONEY_DIGITS = (19, 3)
"""`money` is 64 bits of the smallest unit; three digits after the point are the most that any locale has."""
_USER_TYPE = re.compile(r"(enum|composite)\s+(\S.*?)\s*((?:\[\s*\])*)", re.IGNORECASE | re.DOTALL)
_DOMAIN = re.compile(r"domain\s+(\S.*?)\s*\((.*)\)\s*((?:\[\s*\])*)", re.IGNORECASE | re.DOTALL)

ALIASES: Mapping[str, str] = {
    "bool": "boolean", "int2": "smallint", "int": "integer", "int4": "integer", "int8": "bigint",
    "float4": "real", "float8": "double precision", "float": "double precision", "decimal": "numeric", "dec": "numeric",
    "varchar": "character varying", "char varying": "character varying", "char": "character", "bpchar": "character",
    "national character varying": "character varying", "national character": "character", "nchar": "character",
    "varbit": "bit varying", "timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
    "time": "time without time zone", "timetz": "time with time zone",
}  # fmt: skip
_SERIAL = {"smallserial": "smallint", "serial2": "smallint", "serial": "integer", "serial4": "integer"}
_SERIAL |= {"bigserial": "bigint", "serial8": "bigint"}

_PRINTED_EXACTLY = (
    "time without time zone", "time with time zone", "interval", "json", "jsonb", "jsonpath", "xml",
    "inet", "cidr", "macaddr", "macaddr8", "bit", "bit varying", "point", "line", "lseg", "box", "path", "polygon",
    "circle", "tsvector", "tsquery", "pg_lsn", "pg_snapshot", "txid_snapshot", "tid", "name", '"char"',
    "int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange",
    "int4multirange", "int8multirange", "nummultirange", "tsmultirange", "tstzmultirange", "datemultirange",
    "regclass", "regcollation", "regconfig", "regdictionary", "regnamespace", "regoper", "regoperator", "regproc",
    "regprocedure", "regrole", "regtype",
)  # fmt: skip
_PRINTED_EXACTLY_EXTENSIONS = ("citext", "hstore", "ltree", "lquery", "ltxtquery", "cube", "seg", "isbn", "isbn13",
                               "issn", "issn13", "ismn", "ismn13", "ean13", "upc", "geometry", "geography")  # fmt: skip
_INTEGERS = {"smallint": "Int16", "integer": "Int32", "bigint": "Int64", "oid": "UInt32", "xid": "UInt32",
             "cid": "UInt32", "xid8": "UInt64"}  # fmt: skip


def rule(spelled: str, wanted: ClickHouseType | None) -> TypeRule:
    """How a column of this type travels, stored as `wanted` when that loses nothing.

    Raises `TypeRefusedError` or `TypeTextError`.
    """
    type_text, base = _resolve(spelled)
    if not type_text.dimensions:
        return _scalar_rule(type_text, base, wanted)
    if wanted is not None and wanted.name == "String":
        return TypeRule("String", _TEXT, read=_TEXT, low_cardinality=wanted.low_cardinality)
    element = wanted
    for _ in range(type_text.dimensions):
        element = element.element if element is not None else None
    element_rule = _scalar_rule(TypeText(type_text.name, type_text.arguments), base, element)
    return array_rule(type_text, element_rule, wanted)


def base_type(spelled: str) -> TypeText:
    """The canonical spelling, of a domain that of its base. Raises `TypeTextError`."""
    return _resolve(spelled)[0]


def same_type(declared: str, found: str) -> bool:
    """Two spellings mean one type; the catalog forgets an array's number of dimensions."""

    def key(spelled: str) -> tuple[str, tuple[str, ...], bool]:
        text = _resolve(spelled)[0]
        name, arguments = _comparable(text)
        # Without a length, char is of one letter, bpchar of any number.
        is_single = name in ("character", "bit") and not arguments and "bpchar" not in spelled.lower()
        return name, ("1",) if is_single else arguments, text.dimensions > 0

    return key(declared) == key(found)


def _comparable(text: TypeText) -> tuple[str, tuple[str, ...]]:
    """As the catalog prints it: a float has a name by its bits, a numeric its scale, six digits of a second are none said.

    A type of the user's own is the same with and without the word for its kind.
    """
    if text.name.startswith(_KINDS):
        return text.name.partition(" ")[2], text.arguments
    if text.name == "double precision" and text.numbers:
        return ("real" if text.numbers[0] <= _BITS_OF_REAL else text.name), ()
    if text.name == "numeric" and len(text.arguments) == 1:
        return text.name, (*text.arguments, "0")
    if text.name.startswith(("time", "interval")) and text.arguments == ("6",):
        return text.name, ()
    return text.name, text.arguments


def _scalar_rule(type_text: TypeText, base: Builder, wanted: ClickHouseType | None) -> TypeRule:
    """Whatever PostgreSQL can print is exact as text, also where its own ClickHouse type is refused."""
    if wanted is None or wanted.name != "String":
        return base(type_text, wanted)
    try:
        known = base(type_text, None)
    except TypeRefusedError:
        known = TypeRule("String", _TEXT, read=_TEXT)
    return known.as_string(low_cardinality=wanted.low_cardinality)


def _resolve(spelled: str) -> tuple[TypeText, Builder]:
    """The canonical spelling and what builds its rule; a user's type is named by its keyword."""
    user_type, domain = _USER_TYPE.fullmatch(spelled.strip()), _DOMAIN.fullmatch(spelled.strip())
    if user_type is not None:
        kind, name, brackets = user_type.groups()
        return TypeText(f"{kind.lower()} {name}", dimensions=brackets.count("[")), _USER_KINDS[kind.lower()]
    if domain is not None:
        name, inner, brackets = domain.groups()
        text, base = _resolve(inner)
        dimensions = brackets.count("[")
        if dimensions and text.dimensions:
            raise TypeTextError("an array of a domain over an array cannot be copied as such.")
        return TypeText(text.name, text.arguments, dimensions or text.dimensions), base
    text = parse_type_text(spelled)
    name = _canonical(text.name)
    if name in _REGISTRY and name not in _PRINTED_EXACTLY_EXTENSIONS:
        text.judge_arguments(are_labels=False)
    return TypeText(name, text.arguments, text.dimensions), _REGISTRY.get(name, _unknown)


def _canonical(name: str) -> str:
    name = ALIASES.get(name.removeprefix("pg_catalog."), name.removeprefix("pg_catalog."))
    unqualified = name.rpartition(".")[2]
    if unqualified in _PRINTED_EXACTLY_EXTENSIONS:
        return unqualified
    return "interval" if re.match(r"interval (year|month|day|hour|minute|second)\b", name) else name


def _unknown(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    del wanted
    if text.name in _SERIAL:
        raise TypeRefusedError(
            f"{text.name} is a shorthand of CREATE TABLE, not a type.", todo=f"Write {_SERIAL[text.name]}."
        )
    known = (*_REGISTRY, *ALIASES)
    raise unknown_type(
        text.name,
        known,
        dialect="PostgreSQL",
        todo=f"Is it your own? Write 'enum {text.name}', 'composite {text.name}' or 'domain {text.name} (base type)'; "
        "anything else can be copied as text with clickhouse_type: String.",
    )


def _integer(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    return integer_rule(text, _INTEGERS[text.name], wanted, text=_TEXT)


def _boolean(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    if wanted is None or integer_span(wanted.name) is not None:
        return TypeRule(wanted.name if wanted else "Bool", _TEXT, wire="Bool")
    raise override_refused(text, wanted, ("Bool", "UInt8"))


def _real(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    """Parsed at its own width first: the text 0.1 is another number in 64 bits than in 32."""
    if wanted is not None and wanted.name not in ("Float32", "Float64"):
        raise override_refused(text, wanted, ("Float32", "Float64"))
    return TypeRule(wanted.name if wanted else "Float32", _TEXT, wire="Float32")


def _double(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    if text.numbers and text.numbers[0] <= 24:  # noqa: PLR2004 float(1) to float(24) is real, by the SQL standard
        return _real(text, wanted)
    if wanted is not None and wanted.name != "Float64":
        raise override_refused(text, wanted, ("Float64",))
    return TypeRule("Float64", _TEXT)


def _numeric(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    if not text.numbers:
        target = decimal_target(text, wanted, integer_digits=38, fraction_digits=38)
        return _decimal(target, None, None)
    precision, scale = (*text.numbers, 0)[:2]
    whole, fraction = max(precision - scale, 0), max(scale, 0)
    if not fraction and wanted is not None and integer_span(wanted.name) is not None:
        most = 10**whole - 1
        return integer_rule(text, f"Decimal({whole}, 0)", wanted, text=_TEXT, span=(-most, most))
    target = decimal_target(text, wanted, integer_digits=whole, fraction_digits=fraction)
    return _decimal(target, whole, fraction)


def _decimal(target: tuple[int, int], whole: int | None, fraction: int | None) -> TypeRule:
    limit = decimal_limit(target, integer_digits=whole, fraction_digits=fraction, not_a_number=True)
    if limit is not None:
        most = f"{10 ** target[0] - 1:d}e-{target[1]:d}"
        limit = replace(limit, span=(f"-{most}", most))
    return TypeRule(f"Decimal({target[0]}, {target[1]})", _TEXT, limit=limit)


def _money(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    whole, fraction = _MONEY_DIGITS
    target = decimal_target(text, wanted, integer_digits=whole, fraction_digits=fraction)
    limit = decimal_limit(target, integer_digits=whole, fraction_digits=fraction, not_a_number=False)
    as_numeric = "{column}::numeric"
    if limit is not None:
        violated, nearest = (sql.replace("{column}", as_numeric) for sql in (limit.violated, limit.nearest))
        limit = Limit(violated, nearest, limit.reason)
    return TypeRule(f"Decimal({target[0]}, {target[1]})", f"{as_numeric}::text", read=as_numeric, limit=limit)


def _timestamp(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    digits = text.numbers[0] if text.numbers else MAX_FRACTION_DIGITS
    return timestamp_rule(text, wanted, digits=digits, is_instant=text.name.endswith("with time zone"))


def _uuid(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    if wanted is not None and wanted.name != "UUID":
        raise override_refused(text, wanted, ("UUID",))
    return TypeRule("UUID", _TEXT)


def _bytes(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    if wanted is not None:
        raise override_refused(text, wanted, ())
    return TypeRule("String", "{column}", is_bytes=True)


def _printed(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    if wanted is not None:
        raise override_refused(text, wanted, ("LowCardinality(String)",))
    return TypeRule("String", _TEXT)


def _enum(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    """Not a ClickHouse Enum: a label added at the source would stop the load."""
    if wanted is not None:
        raise override_refused(text, wanted, ("LowCardinality(String)",))
    return TypeRule("String", _TEXT, low_cardinality=True)


_USER_KINDS: Mapping[str, Builder] = {"enum": _enum, "composite": _printed}
_REGISTRY: Mapping[str, Builder] = {
    "boolean": _boolean,
    "real": _real,
    "double precision": _double,
    "numeric": _numeric,
    "money": _money,
    "date": date_rule,
    "timestamp without time zone": _timestamp,
    "timestamp with time zone": _timestamp,
    "uuid": _uuid,
    "bytea": _bytes,
    "text": _printed,
    "character": _printed,
    "character varying": _printed,
    **dict.fromkeys(_INTEGERS, _integer),
    **dict.fromkeys((*_PRINTED_EXACTLY, *_PRINTED_EXACTLY_EXTENSIONS), _printed),
}
