"""Every PostgreSQL type with hostile values, from a real server through COPY into the engine, compared as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg2
import psycopg2.extensions
import pytest

from dagster_pipeline.schema.models import ColumnSchema, OutOfRange
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from tests.type_lab.case import TypeCase
from tests.type_lab.catalog_postgres import CASES, SETUP, TEXT
from tests.type_lab.table_file import table_of
from tests.type_lab.wire import POSTGRES_SESSION, load, read_postgres

ID = ColumnSchema(name="id", type="integer")


@pytest.fixture(scope="module")
def cursor(postgres_server: Any) -> Iterator[psycopg2.extensions.cursor]:
    connection = psycopg2.connect(postgres_server.create_database("type_mapper"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in (*POSTGRES_SESSION, *SETUP):
            cursor.execute(statement)
        yield cursor
    connection.close()


def fill(cursor: psycopg2.extensions.cursor, case: TypeCase, literals: tuple[str, ...]) -> None:
    cursor.execute(f"DROP TABLE IF EXISTS t; CREATE TABLE t (id integer, c {case.column_ddl})")
    for number, literal in enumerate(literals):
        cursor.execute(f"INSERT INTO t VALUES ({number}, {literal})")


def at_source(cursor: psycopg2.extensions.cursor, case: TypeCase) -> list[tuple[int, str | None]]:
    text = (case.source_text or TEXT).replace("{column}", "c")
    cursor.execute(f"SELECT id, {text} FROM t ORDER BY id")
    return [(number, value) for number, value in cursor.fetchall()]


def mapped(
    case: TypeCase, *, nullable: bool, out_of_range: OutOfRange = OutOfRange.FAIL
) -> tuple[ColumnMapping, ...]:
    column = ColumnSchema(name="c", type=case.type, nullable=nullable, clickhouse_type=case.clickhouse_type)
    return TypeMapper().map(table_of("postgres", ID, column, out_of_range=out_of_range))


def arrived(
    cursor: psycopg2.extensions.cursor, warehouse: Any, case: TypeCase, mappings: tuple[ColumnMapping, ...]
) -> list[tuple[int, str | None]]:
    payload = read_postgres(cursor, mappings)
    load(warehouse, "lab.t", mappings, payload, "postgres")
    text = case.warehouse_text.replace("{column}", "c")
    return [tuple(row) for row in warehouse.query(f"SELECT id, {text} FROM lab.t ORDER BY id").result_rows]


def violations(cursor: psycopg2.extensions.cursor, mappings: tuple[ColumnMapping, ...]) -> int:
    guard = mappings[1].guard
    if guard is None:
        return 0
    cursor.execute(f"SELECT count(*) FROM t WHERE {guard.violated.replace('{column}', 'c')}")
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_value_arrives_as_it_was(
    case: TypeCase, cursor: psycopg2.extensions.cursor, lab_warehouse: Any
) -> None:
    fill(cursor, case, case.exact + (("NULL",) if case.nullable and "[]" not in case.type else ()))
    mappings = mapped(case, nullable=case.nullable)
    assert violations(cursor, mappings) == 0
    assert arrived(cursor, lab_warehouse, case, mappings) == at_source(cursor, case)


@pytest.mark.parametrize("case", [case for case in CASES if case.nullable], ids=lambda case: case.name)
def test_a_not_null_column_has_the_promised_type(case: TypeCase) -> None:
    if "Array" not in case.stored:
        assert mapped(case, nullable=False)[1].clickhouse_type == case.stored


COERCED = [case for case in CASES if case.coerced]


@pytest.mark.parametrize("case", COERCED, ids=lambda case: case.name)
def test_what_does_not_fit_is_found_and_clamped_to_the_nearest(
    case: TypeCase, cursor: psycopg2.extensions.cursor, lab_warehouse: Any
) -> None:
    mappings = mapped(case, nullable=case.nullable, out_of_range=OutOfRange.CLAMP)
    fill(cursor, case, tuple(nearest for _, nearest in case.coerced))
    expected = at_source(cursor, case)
    fill(cursor, case, tuple(value for value, _ in case.coerced))
    assert violations(cursor, mappings) == len(case.coerced)
    assert arrived(cursor, lab_warehouse, case, mappings) == expected


@pytest.mark.parametrize(
    "case", [case for case in COERCED if "[]" not in case.type], ids=lambda case: case.name
)
def test_what_does_not_fit_becomes_null(
    case: TypeCase, cursor: psycopg2.extensions.cursor, lab_warehouse: Any
) -> None:
    fill(cursor, case, tuple(value for value, _ in case.coerced))
    mappings = mapped(case, nullable=False, out_of_range=OutOfRange.NULL)
    assert arrived(cursor, lab_warehouse, case, mappings) == [
        (number, None) for number in range(len(case.coerced))
    ]


@pytest.mark.parametrize(
    "case", [case for case in CASES if "[]" not in case.type], ids=lambda case: case.name
)
def test_a_null_in_a_not_null_column_stops_the_insert(
    case: TypeCase, cursor: psycopg2.extensions.cursor, lab_warehouse: Any
) -> None:
    fill(cursor, case, ("NULL",))
    with pytest.raises(Exception, match="Cannot convert NULL value to non-Nullable type"):
        arrived(cursor, lab_warehouse, case, mapped(case, nullable=False))
