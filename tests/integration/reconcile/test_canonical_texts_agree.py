"""Both sides write one text for one value: every value of the type lab, loaded as usual, then written by both servers."""

from __future__ import annotations

import itertools
import math
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import psycopg2
import pymysql
import pytest

from dagster_pipeline.schema.models import ColumnSchema, Dialect, OutOfRange
from dagster_pipeline.type_mapper.canonical_text import canonical_columns
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from tests.type_lab import catalog_mysql, catalog_postgres, wire
from tests.type_lab.case import TypeCase
from tests.type_lab.table_file import table_of

COLUMNS_AT_ONCE = 12
"""Rows of MySQL are limited in size."""

Ask = Callable[[str], Sequence[tuple[Any, ...]]]
Group = list[tuple[TypeCase, tuple[str, ...]]]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    client = clickhouse_connect.get_client(dsn=f"chdb://{tmp_path_factory.mktemp('canonical')}")
    client.command("CREATE DATABASE lab")
    yield client
    client.close()


class PostgresLab:
    dialect: Dialect = "postgres"
    quote = '"'
    suffix = ""

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url)
        self._connection.autocommit = True
        self._cursor = self._connection.cursor()
        for statement in (*catalog_postgres.SETUP, *wire.POSTGRES_SESSION):
            self._cursor.execute(statement)

    def ask(self, statement: str) -> Sequence[tuple[Any, ...]]:
        self._cursor.execute(statement)
        return self._cursor.fetchall() if self._cursor.description else ()

    def read(self, mappings: Sequence[ColumnMapping]) -> bytes:
        return wire.read_postgres(self._cursor, mappings)


class MySQLLab:
    dialect: Dialect = "mysql"
    quote = "`"
    suffix = " DEFAULT CHARSET utf8mb4"

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = url
        self._connection = pymysql.connect(
            host=parts.hostname or "",
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=parts.path.lstrip("/"),
            charset="utf8mb4",
            autocommit=True,
        )
        for statement in wire.MYSQL_SESSION:
            self.ask(statement)
        self.ask(f"SET sql_mode = '{catalog_mysql.INSERT_MODE}'")
        self.is_mariadb = "mariadb" in str(self.ask("SELECT VERSION()")[0][0]).lower()

    def ask(self, statement: str) -> Sequence[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def read(self, mappings: Sequence[ColumnMapping]) -> bytes:
        return wire.read_mysql(self._url, f"SELECT {wire.select_list(mappings, self.quote)} FROM t")


Lab = PostgresLab | MySQLLab


def differing(lab: Lab, warehouse: Any, group: Group, policy: OutOfRange) -> list[str]:
    """Values that the two servers write differently."""
    lab.ask("DROP TABLE IF EXISTS t")
    listed = ", ".join(f"c{n} {case.column_ddl}" for n, (case, _) in enumerate(group))
    lab.ask(f"CREATE TABLE t (id int, {listed}){lab.suffix}")
    for number, row in enumerate(itertools.zip_longest(*(values for _, values in group), fillvalue="NULL")):
        lab.ask(f"INSERT INTO t VALUES ({number}, {', '.join(row)})")
    columns = [
        ColumnSchema(
            name=f"c{n}", type=case.type, nullable=case.nullable, clickhouse_type=case.clickhouse_type
        )
        for n, (case, _) in enumerate(group)
    ]
    table = table_of(lab.dialect, ColumnSchema(name="id", type="int"), *columns, out_of_range=policy)
    mappings = TypeMapper().map(table)
    wire.load(warehouse, "lab.t", mappings, lab.read(mappings), lab.dialect)
    texts = canonical_columns(table, mappings)
    source = ", ".join(
        f"CONCAT({text.source.replace('{column}', lab.quote + text.name + lab.quote)})" for text in texts
    )
    stored = ", ".join(text.warehouse.replace("{column}", f"`{text.name}`") for text in texts)
    wanted = lab.ask(f"SELECT {source} FROM t ORDER BY id")
    found = warehouse.query(f"SELECT {stored} FROM lab.t ORDER BY id").result_rows
    assert len(wanted) == len(found)
    return [
        f"{group[n - 1][0].name}: source {here!r}, warehouse {there!r}"
        for row, other in zip(wanted, found, strict=True)
        for n, (here, there) in enumerate(zip(map(as_text, row), map(as_text, other), strict=True))
        if here != there
    ]


def as_text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def groups(cases: Sequence[TypeCase], *, coerced: bool) -> Iterator[Group]:
    chosen = [
        (case, tuple(value for value, _ in case.coerced) if coerced else case.exact)
        for case in cases
        if case.nullable and "GENERATED" not in case.ddl and (case.coerced or not coerced)
    ]
    for start in range(0, len(chosen), COLUMNS_AT_ONCE):
        yield chosen[start : start + COLUMNS_AT_ONCE]


@pytest.mark.parametrize("coerced", [False, True], ids=["exact", "coerced"])
def test_every_value_of_postgres_is_written_alike(
    postgres_server: Any, warehouse: Any, coerced: bool
) -> None:
    lab = PostgresLab(postgres_server.create_database("canonical_texts"))
    policy = OutOfRange.CLAMP if coerced else OutOfRange.FAIL
    wrong = [
        each
        for group in groups(catalog_postgres.CASES, coerced=coerced)
        for each in differing(lab, warehouse, group, policy)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("coerced", [False, True], ids=["exact", "coerced"])
def test_every_value_of_mysql_is_written_alike(mariadb_server: Any, warehouse: Any, coerced: bool) -> None:
    lab = MySQLLab(mariadb_server.create_database("canonical_texts"))
    cases = (*catalog_mysql.CASES, *(catalog_mysql.MARIADB_ONLY if lab.is_mariadb else ()))
    policy = OutOfRange.CLAMP if coerced else OutOfRange.FAIL
    wrong = [
        each for group in groups(cases, coerced=coerced) for each in differing(lab, warehouse, group, policy)
    ]
    assert not wrong, "\n".join(wrong)


def random_doubles(count: int) -> tuple[str, ...]:
    """Doubles of every magnitude, by their bits, and numbers that people write."""
    generator = random.Random(7)
    found = [repr(generator.uniform(-1, 1) * 10 ** generator.randint(-12, 17)) for _ in range(count // 2)]
    while len(found) < count:
        (value,) = struct.unpack("<d", generator.randbytes(8))
        if math.isfinite(value):
            found.append(repr(value))
    return tuple(found)


def test_random_doubles_of_mysql_are_written_alike(mariadb_server: Any, warehouse: Any) -> None:
    lab = MySQLLab(mariadb_server.create_database("canonical_doubles"))
    case = TypeCase("double", "Float64", random_doubles(400))
    assert not differing(lab, warehouse, [(case, case.exact)], OutOfRange.FAIL)
