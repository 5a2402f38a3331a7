"""Random tables: random names, types, parameters, keys, modes and rows, all from one seed.

Most columns are cases of the catalogue with their hostile values; the rest are types whose parameters and values are drawn
here. A table prints itself, so that a failing seed can be read.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dagster_pipeline.schema.models import Dialect
from tests.type_lab import catalog_mysql, catalog_postgres
from tests.type_lab.case import TypeCase
from tests.type_lab.databases import Database
from tests.type_lab.literals import quoted

MAX_COLUMNS = 12
MAX_ROWS = 40
LETTERS = "abcdefgxyzABCXYZ0123456789 _-.%?:;,'\"`@#$&*()[]{}<>|/\\~^=+!éüßжя表あ€😀"
"""What texts are made of: everything that has a meaning to one of the parties, and several widths in UTF-8."""
NAME_LETTERS = LETTERS.replace("😀", "")
"""MySQL has no identifiers beyond the Basic Multilingual Plane."""


@dataclass(frozen=True)
class RandomColumn:
    """A column of a random table. `case.exact` are the literals that its rows take."""

    name: str
    case: TypeCase
    nullable: bool


@dataclass(frozen=True)
class RandomTable:
    """A random table.

    Attributes:
        mode: `full`, `incremental` or `append`; an append table has no key and its rows never change.
        key: columns whose values differ from row to row, `key[0]` in itself; empty for `append`.
    """

    seed: int
    name: str
    mode: str
    key: tuple[RandomColumn, ...]
    columns: tuple[RandomColumn, ...]
    rows: int

    def __str__(self) -> str:
        listed = (f"{column.name!r} {column.case.name}" for column in (*self.key, *self.columns))
        return f"seed {self.seed}: {self.mode}, {len(self.key)} key column(s), {self.rows} rows, {'; '.join(listed)}"

    @property
    def all_columns(self) -> tuple[RandomColumn, ...]:
        """Key first."""
        return (*self.key, *self.columns)

    def row(self, number: int, chance: random.Random) -> list[str]:
        """A row's literals, key first; the same key for the same number."""
        key = [column.case.exact[number] for column in self.key[:1]]
        key += [column.case.exact[number % len(column.case.exact)] for column in self.key[1:]]
        return [*key, *self.values(chance)]

    def values(self, chance: random.Random) -> list[str]:
        """Literals of all columns that are no key."""
        return [
            "NULL" if column.nullable and chance.random() < 0.15 else chance.choice(column.case.exact)
            for column in self.columns
        ]


def random_table(seed: int, database: Database) -> RandomTable:
    """The seed's table for this database."""
    chance = random.Random(seed)
    dialect = database.dialect
    mode = chance.choice(("full", "incremental", "append"))
    rows = chance.randint(1, MAX_ROWS)
    keys = (
        []
        if mode == "append"
        else [_key(dialect, chance, 2 * rows) for _ in range(chance.choice((1, 1, 2, 3)))]
    )
    cases = [
        _drawn(dialect, chance) if chance.random() < 0.4 else chance.choice(_settable(database.cases))
        for _ in range(chance.randint(1, MAX_COLUMNS))
    ]
    names = iter(_names(len(keys) + len(cases), chance))
    return RandomTable(
        seed=seed,
        name=f"r{seed}{_text(chance, 1, 8, NAME_LETTERS).strip()}",
        mode=mode,
        key=tuple(RandomColumn(next(names), case, nullable=False) for case in keys),
        columns=tuple(
            RandomColumn(next(names), case, nullable=case.takes_null and chance.random() < 0.7)
            for case in cases
        ),
        rows=rows,
    )


def _settable(cases: Sequence[TypeCase]) -> list[TypeCase]:
    """Cases with literals that every row may take: no generated column, no NULL in a column that may be NOT NULL."""
    kept = [case for case in cases if case.exact and not case.is_generated]
    return [replace(case, exact=tuple(each for each in case.exact if each != "NULL")) for case in kept]


def _names(count: int, chance: random.Random) -> list[str]:
    """Different names in any case, none longer than 63 bytes."""
    return [
        f"{_text(chance, 0, 6, NAME_LETTERS)}{number}{_text(chance, 0, 6, NAME_LETTERS).rstrip()}"
        for number in range(count)
    ]


def _text(chance: random.Random, shortest: int, longest: int, letters: str) -> str:
    return "".join(chance.choice(letters) for _ in range(chance.randint(shortest, longest)))


# Keys: a type and one different literal per row.


def _key(dialect: Dialect, chance: random.Random, rows: int) -> TypeCase:
    step = chance.choice((1, 1, 7, 1000))
    numbers = [str(number * step - 5) for number in range(rows)]
    days = [f"'{1950 + number // 12}-{number % 12 + 1:02}-11'" for number in range(rows)]
    texts = quoted(*(f"{number:04}{_text(chance, 0, 9, LETTERS).rstrip()}" for number in range(rows)))
    decimals = [f"{number * step}.{number % 100:02}" for number in range(rows)]
    if dialect == "mysql":
        moment = TypeCase("datetime", "", tuple(days), source_text=catalog_mysql.CLOCK)
        wide = TypeCase(
            "bigint unsigned", "", tuple(str(2**64 - 1 - number * step) for number in range(rows))
        )
        texts = tuple(each.replace("\\", "\\\\") for each in texts)
        price = TypeCase("decimal(12,2)", "", tuple(decimals), warehouse_text=catalog_mysql.decimals(2))
    else:
        moment = TypeCase("timestamp(0)", "", tuple(days), source_text=catalog_postgres.CLOCK % "")
        wide = TypeCase("uuid", "", quoted(*(f"{number * 2**100:032x}" for number in range(rows))))
        price = TypeCase("numeric(12,2)", "", tuple(decimals), source_text="trim_scale({column})::text")
    text = TypeCase(
        "varchar(20)", "", texts, ddl="varchar(20) CHARACTER SET utf8mb4" if dialect == "mysql" else ""
    )
    return chance.choice((TypeCase("bigint", "", tuple(numbers)), wide, text, moment, price))


# Types whose parameters are drawn.


def _drawn(dialect: Dialect, chance: random.Random) -> TypeCase:
    return chance.choice(_MYSQL if dialect == "mysql" else _POSTGRES)(chance)


def _mysql_decimal(chance: random.Random) -> TypeCase:
    precision = chance.randint(1, 65)
    scale = chance.randint(0, min(30, precision))
    return TypeCase(
        f"decimal({precision},{scale})",
        "",
        _numbers(chance, precision, scale),
        warehouse_text=catalog_mysql.decimals(scale),
    )


def _mysql_text(chance: random.Random) -> TypeCase:
    size = chance.randint(1, 300)
    literals = tuple(each.replace("\\", "\\\\") for each in _texts(chance, size))
    ddl = f"varchar({size}) CHARACTER SET utf8mb4"
    return TypeCase(f"varchar({size})", "", literals, ddl=ddl)


def _mysql_bits(chance: random.Random) -> TypeCase:
    width = chance.randint(2, 64)
    literals = tuple(str(chance.getrandbits(width)) for _ in range(12))
    return TypeCase(f"bit({width})", "", literals, source_text="CAST({column} + 0 AS CHAR)")


def _mysql_moment(chance: random.Random) -> TypeCase:
    digits = chance.randint(1, 6)
    cut = f"LEFT({catalog_mysql.CLOCK_MICROSECONDS}, {20 + digits})"
    return TypeCase(f"datetime({digits})", "", _moments(chance, digits), source_text=cut)


def _mysql_octets(chance: random.Random) -> TypeCase:
    size = chance.randint(1, 40)
    kind = chance.choice(("binary", "varbinary"))
    literals = tuple(f"0x{chance.randbytes(chance.randint(1, size)).hex()}" for _ in range(12))
    return TypeCase(
        f"{kind}({size})",
        "",
        literals,
        source_text=catalog_mysql.HEX,
        warehouse_text=catalog_mysql.HEX_STORED,
    )


def _mysql_labels(chance: random.Random) -> TypeCase:
    labels = [f"{number}{_text(chance, 0, 9, LETTERS).rstrip()}" for number in range(chance.randint(1, 60))]
    listed = tuple(each.replace("\\", "\\\\") for each in quoted(*labels))
    type_ = f"enum({','.join(listed)})"  # the catalog, too, prints a back-slash twice
    return TypeCase(type_, "", listed, ddl=f"{type_} CHARACTER SET utf8mb4")


def _postgres_numeric(chance: random.Random) -> TypeCase:
    precision = chance.randint(1, 76)
    scale = chance.randint(0, precision)
    return TypeCase(
        f"numeric({precision},{scale})",
        "",
        _numbers(chance, precision, scale),
        source_text="trim_scale({column})::text",
    )


def _postgres_text(chance: random.Random) -> TypeCase:
    size = chance.randint(1, 300)
    return TypeCase(f"character varying({size})", "", _texts(chance, size))


def _postgres_bits(chance: random.Random) -> TypeCase:
    width = chance.randint(1, 200)
    return TypeCase(
        f"bit({width})", "", tuple(f"B'{chance.getrandbits(width):0{width}b}'" for _ in range(12))
    )


def _postgres_moment(chance: random.Random) -> TypeCase:
    digits = chance.randint(1, 6)
    zone = chance.random() < 0.5
    clock = catalog_postgres.ZONED_CLOCK if zone else catalog_postgres.CLOCK
    literals = _moments(chance, digits)
    cut = f"left({clock % '.US'}, {20 + digits})"
    kind = f"timestamp({digits}) {'with' if zone else 'without'} time zone"
    return TypeCase(
        kind, "", tuple(f"{each[:-1]}+00'" for each in literals) if zone else literals, source_text=cut
    )


def _postgres_list(chance: random.Random) -> TypeCase:
    lists = [
        [chance.choice(("NULL", str(chance.getrandbits(31)))) for _ in range(chance.randint(0, 6))]
        for _ in range(12)
    ]
    return TypeCase(
        "integer[]",
        "Array(Nullable(Int32))",
        tuple(f"'{{{','.join(each)}}}'" for each in lists),
        source_text=catalog_postgres.LISTED_TEXT,
        warehouse_text=catalog_postgres.LISTED_STORED_TEXT,
    )


_MYSQL = (_mysql_decimal, _mysql_text, _mysql_bits, _mysql_moment, _mysql_octets, _mysql_labels)
_POSTGRES = (_postgres_numeric, _postgres_text, _postgres_bits, _postgres_moment, _postgres_list)


def _numbers(chance: random.Random, precision: int, scale: int) -> tuple[str, ...]:
    """Decimals of up to that many digits, either sign."""
    found = []
    for _ in range(12):
        digits = (
            str(chance.getrandbits(256))
            .rjust(precision, "0")[-chance.randint(1, precision) :]
            .rjust(scale + 1, "0")
        )
        number = f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
        found.append(chance.choice(("", "-")) + number)
    return tuple(found)


def _texts(chance: random.Random, size: int) -> tuple[str, ...]:
    """Texts of at most `size` characters that no server trims."""
    return quoted(*(_text(chance, 0, size, LETTERS + "\t\n\r") for _ in range(12)))


def _moments(chance: random.Random, digits: int) -> tuple[str, ...]:
    return tuple(
        f"'{chance.randint(1901, 2298)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02} {chance.randint(0, 23):02}:"
        f"{chance.randint(0, 59):02}:{chance.randint(0, 59):02}.{chance.randrange(10**digits):0{digits}}'"
        for _ in range(12)
    )
