"""Which type a column gets in a table that an export creates: the narrowest that holds every value of the ClickHouse type.

What the types take is judged by `outbound_postgres` and `outbound_mysql`, also for these; here is only the choice.
Limits: postgresql.org/docs/current/datatype-numeric.html, dev.mysql.com/doc/refman/8.4/en/fixed-point-types.html.
"""

from __future__ import annotations

from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType
from dagster_pipeline.type_mapper.type_rule import TypeRefusedError
from dagster_pipeline.type_mapper.type_text import MAX_FRACTION_DIGITS

MYSQL_DECIMAL = (65, 30)
"""Digits of a DECIMAL, and those after its point."""
MYSQL_KEY_CHARACTERS = 255
"""MySQL indexes no text without a length."""

_POSTGRES = {
    "Bool": "boolean", "Int8": "smallint", "Int16": "smallint", "Int32": "integer", "Int64": "bigint",
    "UInt8": "smallint", "UInt16": "integer", "UInt32": "bigint", "UInt64": "numeric(20)",
    "Float32": "real", "Float64": "double precision", "Date": "date", "Date32": "date",
    "DateTime": "timestamp(0) with time zone", "String": "text", "UUID": "uuid", "IPv4": "inet", "IPv6": "inet",
    "Array": "jsonb",
}  # fmt: skip
_MYSQL = {
    "Bool": "boolean", "Int8": "tinyint", "Int16": "smallint", "Int32": "int", "Int64": "bigint",
    "UInt8": "tinyint unsigned", "UInt16": "smallint unsigned", "UInt32": "int unsigned", "UInt64": "bigint unsigned",
    "Float32": "float", "Float64": "double", "Date": "date", "Date32": "date", "DateTime": "datetime",
    "String": "longtext", "UUID": "char(36)", "IPv4": "varchar(15)", "IPv6": "varchar(45)", "Array": "json",
}  # fmt: skip


def postgres_type(declared: ClickHouseType) -> str:
    """A PostgreSQL type. Raises `TypeRefusedError` where none holds every value."""
    if declared.name == "Decimal":
        precision, scale = declared.arguments
        return f"numeric({precision},{scale})"
    if declared.name == "DateTime64":
        return f"timestamp({_fraction(declared)}) with time zone"
    return _known(_POSTGRES, declared)


def mysql_type(declared: ClickHouseType, *, in_key: bool) -> str:
    """A type of MySQL and MariaDB. Raises `TypeRefusedError` where none holds every value."""
    if declared.name == "Decimal":
        precision, scale = map(int, declared.arguments)
        if precision > MYSQL_DECIMAL[0] or scale > MYSQL_DECIMAL[1]:
            raise _refused(declared, "MySQL's DECIMAL has at most 65 digits, 30 of them after the point.")
        return f"decimal({precision},{scale})"
    if declared.name == "DateTime64":
        return f"datetime({_fraction(declared)})"
    if declared.name == "String" and in_key:
        return f"varchar({MYSQL_KEY_CHARACTERS})"
    return _known(_MYSQL, declared)


def _fraction(declared: ClickHouseType) -> int:
    digits = int(declared.arguments[0])
    if digits > MAX_FRACTION_DIGITS:
        raise _refused(declared, f"A time there has at most {MAX_FRACTION_DIGITS} digits after the second.")
    return digits


def _known(types: dict[str, str], declared: ClickHouseType) -> str:
    if declared.name not in types:
        raise _refused(declared, "No type there holds it.")
    return types[declared.name]


def _refused(declared: ClickHouseType, why: str) -> TypeRefusedError:
    return TypeRefusedError(
        f"{declared.bare} cannot be stored. {why}",
        todo="Convert it in `columns`, e.g. with `from: toString(x)`.",
    )
