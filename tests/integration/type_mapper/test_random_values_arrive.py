"""Rows of random values, the same on every run, compared with what the servers say of them as text."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pymysql
import pytest

from dagster_pipeline.schema.models import ColumnSchema
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from tests.type_lab.table_file import table_of
from tests.type_lab.wire import MYSQL_SESSION, POSTGRES_SESSION, load, read_mysql, read_postgres, select_list

ROWS = 400
LISTED = (
    "(SELECT coalesce(string_agg(coalesce('=' || e, '-'), ';' ORDER BY o), '') "
    "FROM unnest({c}) WITH ORDINALITY u(e, o))"
)
Column = tuple[str, Callable[[random.Random], object], str, str]


def double(chance: random.Random) -> float:
    number = struct.unpack("<d", chance.randbytes(8))[0]
    return float(number) if math.isfinite(number) else 0.5


def single(chance: random.Random) -> float:
    number = struct.unpack("<f", chance.randbytes(4))[0]
    return float(number) if math.isfinite(number) else 0.5


def decimal(whole: int, fraction: int) -> Callable[[random.Random], Decimal]:
    def made(chance: random.Random) -> Decimal:
        digits = "".join(chance.choices("0123456789", k=chance.randint(1, whole + fraction)))
        return Decimal(f"{chance.choice('+-')}{digits}e-{fraction}")

    return made


def text(chance: random.Random) -> str:
    ranges = ((1, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
    return "".join(chr(chance.randint(*chance.choice(ranges))) for _ in range(chance.randint(0, 30)))


def octets(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randint(0, 40))


def moment(chance: random.Random) -> datetime:
    return datetime(1900, 1, 1) + timedelta(microseconds=chance.randrange(399 * 365 * 86_400 * 10**6))


def instant(chance: random.Random) -> datetime:
    return moment(chance).replace(tzinfo=UTC)


def day(chance: random.Random) -> date:
    return moment(chance).date()


def span(chance: random.Random) -> timedelta:
    return timedelta(microseconds=chance.randrange(-838 * 3600 * 10**6, 838 * 3600 * 10**6))


def listed(make: Callable[[random.Random], object]) -> Callable[[random.Random], object]:
    return lambda chance: [chance.choice([None, make(chance)]) for _ in range(chance.randint(0, 5))]


POSTGRES: tuple[Column, ...] = (
    (
        "double precision",
        double,
        "encode(float8send({c}), 'hex')",
        "leftPad(lower(hex(reinterpretAsUInt64({c}))), 16, '0')",
    ),
    (
        "real",
        single,
        "encode(float4send({c}), 'hex')",
        "leftPad(lower(hex(reinterpretAsUInt32({c}))), 8, '0')",
    ),
    ("numeric(38,18)", decimal(20, 18), "trim_scale({c})::text", "toString({c})"),
    ("numeric", decimal(38, 38), "trim_scale({c})::text", "toString({c})"),
    ("text", text, "{c}", "{c}"),
    ("bytea", octets, "upper(encode({c}, 'hex'))", "hex({c})"),
    ("timestamp", moment, "to_char({c}, 'YYYY-MM-DD HH24:MI:SS.US')", "toString({c})"),
    (
        "timestamptz",
        instant,
        "to_char({c} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
        "toString({c})",
    ),
    ("date", day, "{c}::text", "toString({c})"),
    ("interval", span, "{c}::text", "{c}"),
    (
        "text[]",
        listed(text),
        LISTED,
        "arrayStringConcat(arrayMap(x -> ifNull(concat('=', x), '-'), {c}), ';')",
    ),
)
MYSQL: tuple[Column, ...] = (
    ("double", double, "CAST({c} AS CHAR)", "toString({c})"),
    ("float", single, "CAST({c} + 0e0 AS CHAR)", "toString(toFloat64({c}))"),
    ("decimal(65,30)", decimal(35, 30), "CAST({c} AS CHAR)", "toDecimalString({c}, 30)"),
    ("varchar(40)", text, "{c}", "{c}"),
    ("varbinary(40)", octets, "HEX({c})", "hex({c})"),
    ("datetime(6)", moment, "DATE_FORMAT({c}, '%Y-%m-%d %H:%i:%s.%f')", "toString({c})"),
    ("date", day, "DATE_FORMAT({c}, '%Y-%m-%d')", "toString({c})"),
    ("time(6)", span, "CAST({c} AS CHAR)", "{c}"),
)
FLOATS = ("double", "float")


def schemas(columns: tuple[Column, ...]) -> tuple[ColumnSchema, ...]:
    named = [ColumnSchema(name=f"c{number}", type=column[0]) for number, column in enumerate(columns)]
    return (ColumnSchema(name="id", type="bigint"), *named)


def random_rows(columns: tuple[Column, ...]) -> list[tuple[object, ...]]:
    chance = random.Random(20240229)
    return [(number, *(make(chance) for _, make, _, _ in columns)) for number in range(ROWS)]


def texts(columns: tuple[Column, ...], side: int) -> str:
    return ", ".join(str(column[side]).replace("{c}", f"c{number}") for number, column in enumerate(columns))


def ddl(columns: tuple[Column, ...]) -> str:
    return ", ".join(f"c{number} {column[0]} NOT NULL" for number, column in enumerate(columns))


def test_random_rows_of_postgres_arrive(postgres_server: Any, lab_warehouse: Any) -> None:
    connection = psycopg2.connect(postgres_server.create_database("type_mapper_random"))
    mappings = TypeMapper().map(table_of("postgres", *schemas(POSTGRES)))
    with connection, connection.cursor() as cursor:
        for statement in POSTGRES_SESSION:
            cursor.execute(statement)
        cursor.execute(f"CREATE TABLE t (id bigint, {ddl(POSTGRES)})")
        holders = ", ".join(["%s"] * (len(POSTGRES) + 1))
        cursor.executemany(f"INSERT INTO t VALUES ({holders})", random_rows(POSTGRES))
        cursor.execute(f"SELECT {texts(POSTGRES, 2)} FROM t ORDER BY id")
        expected = cursor.fetchall()
        payload = read_postgres(cursor, mappings)
    connection.close()
    load(lab_warehouse, "lab.random", mappings, payload, "postgres")
    found = lab_warehouse.query(f"SELECT {texts(POSTGRES, 3)} FROM lab.random ORDER BY id").result_rows
    for number, column in enumerate(POSTGRES):
        assert [row[number] for row in found] == [row[number] for row in expected], column[0]


def test_random_rows_of_mysql_arrive(mariadb_server: Any, lab_warehouse: Any) -> None:
    url = mariadb_server.create_database("type_mapper_random")
    parts = urlsplit(url)
    connection = pymysql.connect(
        host=parts.hostname or "",
        port=parts.port or 3306,
        user=parts.username or "",
        password=parts.password or "",
        database=parts.path.lstrip("/"),
        charset="utf8mb4",
        autocommit=True,
    )
    mappings = TypeMapper().map(table_of("mysql", *schemas(MYSQL)))
    with connection.cursor() as cursor:
        for statement in MYSQL_SESSION:
            cursor.execute(statement)
        cursor.execute(f"CREATE TABLE t (id bigint, {ddl(MYSQL)}) DEFAULT CHARSET utf8mb4")
        holders = ", ".join(["%s"] * (len(MYSQL) + 1))
        cursor.executemany(f"INSERT INTO t VALUES ({holders})", random_rows(MYSQL))
        cursor.execute(f"SELECT {texts(MYSQL, 2)} FROM t ORDER BY id")
        expected = cursor.fetchall()
    connection.close()
    payload = read_mysql(url, f"SELECT {select_list(mappings, '`')} FROM t")
    load(lab_warehouse, "lab.random", mappings, payload, "mysql")
    found = lab_warehouse.query(f"SELECT {texts(MYSQL, 3)} FROM lab.random ORDER BY id").result_rows
    for number, column in enumerate(MYSQL):
        same = float if column[0] in FLOATS else str
        assert [same(row[number]) for row in found] == [same(row[number]) for row in expected], column[0]


def test_the_random_rows_are_not_all_alike() -> None:
    for columns in (POSTGRES, MYSQL):
        rows = random_rows(columns)
        for number, column in enumerate(columns, start=1):
            assert len({repr(row[number]) for row in rows}) > ROWS // 2, column[0]


@pytest.mark.parametrize("columns", [POSTGRES, MYSQL], ids=["postgres", "mysql"])
def test_the_random_rows_are_the_same_on_every_run(columns: tuple[Column, ...]) -> None:
    assert random_rows(columns) == random_rows(columns)
