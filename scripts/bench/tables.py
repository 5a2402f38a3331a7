"""The tables that are measured: the same rows in PostgreSQL and MariaDB or MySQL, from a formula, never from chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Dialect = Literal["postgres", "mysql"]
DIALECTS: tuple[Dialect, ...] = ("postgres", "mysql")
DATABASE = "bench"
FILLED_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        types: the source's own type, by dialect, as its catalog prints it.
        values: SQL over the row's number `i`, by dialect.
    """

    name: str
    types: Mapping[Dialect, str]
    values: Mapping[Dialect, str]
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class BenchTable:
    """One table: `id` 1 to `rows` is its key, `updated_at` its cursor."""

    name: str
    title: str
    rows: int
    columns: tuple[Column, ...]

    def create(self, dialect: Dialect) -> str:
        """CREATE TABLE."""
        lines = [
            f"{column.name} {column.types[dialect]}{'' if column.nullable else ' NOT NULL'}"
            for column in self.columns
        ]
        return f"CREATE TABLE {self.name} ({', '.join(lines)}, PRIMARY KEY (id))"

    def fill(self, dialect: Dialect) -> list[str]:
        """INSERT ... SELECT of all rows, some at a time."""
        values = ", ".join(column.values[dialect] for column in self.columns)
        return [
            f"INSERT INTO {self.name} SELECT {values} FROM {_numbers(dialect, first, self.rows)}"
            for first in range(1, self.rows + 1, FILLED_AT_ONCE)
        ]

    def file(self, dialect: Dialect) -> str:
        """Its YAML file."""
        columns = "\n".join(
            f'  - {{name: {column.name}, type: "{column.types[dialect]}"'
            f"{', primary_key: true' if column.name == 'id' else ''}{', nullable: true' if column.nullable else ''}}}"
            for column in self.columns
        )
        return f"version: 1\nsync: {{mode: incremental, cursor: updated_at}}\ncolumns:\n{columns}\n"


def _same(name: str, type_: str, value: str, *, nullable: bool = False) -> Column:
    return Column(
        name, {"postgres": type_, "mysql": type_}, {"postgres": value, "mysql": value}, nullable=nullable
    )


def _text(name: str, length: int, start: str, number: str, *, nullable: bool = False) -> Column:
    types: Mapping[Dialect, str] = {"postgres": f"character varying({length})", "mysql": f"varchar({length})"}
    values: Mapping[Dialect, str] = {
        "postgres": f"'{start}' || ({number})",
        "mysql": f"concat('{start}', {number})",
    }
    return Column(name, types, values, nullable=nullable)


def _time(name: str, number: str) -> Column:
    start = "2024-01-01 00:00:00"
    return Column(
        name,
        {"postgres": "timestamp without time zone", "mysql": "datetime(6)"},
        {
            "postgres": f"timestamp '{start}' + ({number}) * interval '1 second'",
            "mysql": f"timestamp('{start}') + INTERVAL ({number}) SECOND",
        },
    )


def _integer(name: str, number: str) -> Column:
    return Column(name, {"postgres": "integer", "mysql": "int(11)"}, {"postgres": number, "mysql": number})


def _float(name: str, number: str) -> Column:
    return Column(
        name,
        {"postgres": "double precision", "mysql": "double"},
        {"postgres": f"({number})::float8", "mysql": number},
    )


_ID = Column("id", {"postgres": "bigint", "mysql": "bigint(20)"}, {"postgres": "i", "mysql": "i"})
_UPDATED = _time("updated_at", "i % 20000000")

MIXED = (
    _ID,
    _integer("account", "i % 100000"),
    _text("status", 20, "status-", "i % 5"),
    _text("email", 100, "somebody.with.a.name.", "i % 1000000", nullable=True),
    _text("name", 100, "Some Customer Number ", "i"),
    Column(
        "balance",
        {"postgres": "numeric(18,4)", "mysql": "decimal(18,4)"},
        {"postgres": "i * 1.2345", "mysql": "i * 1.2345"},
    ),
    _float("ratio", "i / 7.0"),
    Column(
        "active",
        {"postgres": "boolean", "mysql": "tinyint(1)"},
        {"postgres": "i % 3 = 0", "mysql": "i % 3 = 0"},
    ),
    Column(
        "note",
        {"postgres": "text", "mysql": "text"},
        {
            "postgres": "CASE WHEN i % 10 > 0 THEN repeat(md5(i::text), 3) END",
            "mysql": "CASE WHEN i % 10 > 0 THEN repeat(md5(i), 3) END",
        },
        nullable=True,
    ),
    Column(
        "country",
        {"postgres": "character(2)", "mysql": "char(2)"},
        {
            "postgres": "substr('DEFRITESPLNL', (1 + 2 * (i % 6))::int, 2)",
            "mysql": "substr('DEFRITESPLNL', 1 + 2 * (i % 6), 2)",
        },
    ),
    Column(
        "born",
        {"postgres": "date", "mysql": "date"},
        {
            "postgres": "date '1971-01-01' + (i % 19000)::int",
            "mysql": "date('1971-01-01') + INTERVAL (i % 19000) DAY",
        },
        nullable=True,
    ),
    _time("created_at", "i % 10000000"),
    _UPDATED,
)
"""Thirteen columns, about 260 bytes a row. No date lies before 1970: dlt's tables could not hold it."""

NARROW = (_ID, _integer("value", "i % 1000"), _UPDATED)
WIDE = (
    _ID,
    _UPDATED,
    *(_integer(f"n{number}", f"(i + {number}) % 1000") for number in range(99)),
    *(_text(f"t{number}", 20, "value-", f"(i + {number}) % 10000") for number in range(50)),
    *(_float(f"f{number}", f"(i + {number}) / 7.0") for number in range(30)),
    *(_time(f"d{number}", f"i + {number}") for number in range(19)),
)
FAT = (
    _ID,
    Column(
        "body",
        {"postgres": "text", "mysql": "mediumtext"},
        {"postgres": "repeat(md5(i::text), 3200)", "mysql": "repeat(md5(i), 3200)"},
    ),
    _UPDATED,
)


def tables(scale: float) -> dict[str, BenchTable]:
    """All tables by name; `scale` shrinks them, for a try."""

    def rows(full: int) -> int:
        return max(1000, int(full * scale))

    listed = (
        BenchTable("mixed_2m", "13 mixed columns", rows(2_000_000), MIXED),
        BenchTable("mixed_5m", "13 mixed columns", rows(5_000_000), MIXED),
        BenchTable("narrow", "3 columns", rows(10_000_000), NARROW),
        BenchTable("wide", "200 columns", rows(200_000), WIDE),
        BenchTable("fat", "100 KB text", rows(20_000), FAT),
    )
    return {table.name: table for table in listed}


def _numbers(dialect: Dialect, first: int, rows: int) -> str:
    """A table of the numbers `i` from `first` on, `FILLED_AT_ONCE` of them or up to `rows`."""
    last = min(rows, first + FILLED_AT_ONCE - 1)
    if dialect == "postgres":
        return f"generate_series({first}::bigint, {last}) i"
    digit = "(SELECT 0 d " + " ".join(f"UNION ALL SELECT {one}" for one in range(1, 10)) + ")"
    places = range(len(str(FILLED_AT_ONCE)) - 1)
    joined = " CROSS JOIN ".join(f"{digit} d{place}" for place in places)
    number = " + ".join(f"d{place}.d * {10**place}" for place in places)
    return f"(SELECT {number} + {first} AS i FROM {joined}) numbers WHERE i <= {last}"
