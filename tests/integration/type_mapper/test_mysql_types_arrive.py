"""Every MySQL and MariaDB type with hostile values, from a real server through the decoder into the engine, compared as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
import pymysql.cursors
import pytest

from dagster_pipeline.schema.models import ColumnSchema, OutOfRange
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from tests.type_lab.case import TypeCase
from tests.type_lab.catalog_mysql import CASES, INSERT_MODE, MARIADB_ONLY, TEXT
from tests.type_lab.table_file import table_of
from tests.type_lab.wire import MYSQL_SESSION, load, read_mysql, select_list

ID = ColumnSchema(name="id", type="int")
EVERY_CASE = (*CASES, *MARIADB_ONLY)


class Source:
    """One connection with our session, and the URL for the reader."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self.connection = pymysql.connect(
            host=parts.hostname or "",
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=parts.path.lstrip("/"),
            charset="utf8mb4",
            autocommit=True,
        )
        for statement in MYSQL_SESSION:
            self.run(statement)
        self.is_mariadb = "mariadb" in str(self.run("SELECT VERSION()")[0][0]).lower()

    def run(self, statement: str) -> tuple[tuple[Any, ...], ...]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def fill(self, case: TypeCase, literals: tuple[str, ...]) -> None:
        self.run("DROP TABLE IF EXISTS t")
        self.run(f"CREATE TABLE t (id int, c {case.column_ddl}) DEFAULT CHARSET utf8mb4")
        self.run(f"SET sql_mode = '{INSERT_MODE}'")
        columns = "id" if "GENERATED" in case.column_ddl else "id, c"
        for number, literal in enumerate(literals):
            values = str(number) if columns == "id" else f"{number}, {literal}"
            self.run(f"INSERT INTO t ({columns}) VALUES ({values})")
        self.run("SET sql_mode = ''")

    def texts(self, case: TypeCase) -> list[tuple[int, object]]:
        text = (case.source_text or TEXT).replace("{column}", "c")
        return comparable(case, self.run(f"SELECT id, CONVERT({text} USING utf8mb4) FROM t ORDER BY id"))

    def violations(self, mapping: ColumnMapping) -> int:
        if mapping.guard is None:
            return 0
        violated = mapping.guard.violated.replace("{column}", "c")
        return int(self.run(f"SELECT COUNT(*) FROM t WHERE {violated}")[0][0])


def comparable(case: TypeCase, rows: Any) -> list[tuple[int, object]]:
    return [(number, None if text is None else case.compare(text)) for number, text in rows]


@pytest.fixture(scope="module")
def source(mariadb_server: Any) -> Iterator[Source]:
    source = Source(mariadb_server.create_database("type_mapper"))
    yield source
    source.connection.close()


@pytest.fixture(autouse=True)
def _only_where_it_exists(request: pytest.FixtureRequest, source: Source) -> None:
    case = request.node.callspec.params["case"]
    if case in MARIADB_ONLY and not source.is_mariadb:
        pytest.skip("MariaDB's own type")


def mapped(
    case: TypeCase, *, nullable: bool, out_of_range: OutOfRange = OutOfRange.FAIL
) -> tuple[ColumnMapping, ...]:
    column = ColumnSchema(name="c", type=case.type, nullable=nullable, clickhouse_type=case.clickhouse_type)
    return TypeMapper().map(table_of("mysql", ID, column, out_of_range=out_of_range))


def arrived(
    source: Source, warehouse: Any, case: TypeCase, mappings: tuple[ColumnMapping, ...]
) -> list[tuple[int, object]]:
    payload = read_mysql(source.url, f"SELECT {select_list(mappings, '`')} FROM t")
    load(warehouse, "lab.t", mappings, payload, "mysql")
    text = case.warehouse_text.replace("{column}", "c")
    return comparable(case, warehouse.query(f"SELECT id, {text} FROM lab.t ORDER BY id").result_rows)


@pytest.mark.parametrize("case", EVERY_CASE, ids=lambda case: case.name)
def test_every_value_arrives_as_it_was(case: TypeCase, source: Source, lab_warehouse: Any) -> None:
    source.fill(case, (*case.exact, "NULL"))
    mappings = mapped(case, nullable=True)
    assert source.violations(mappings[1]) == 0
    assert arrived(source, lab_warehouse, case, mappings) == source.texts(case)


@pytest.mark.parametrize("case", EVERY_CASE, ids=lambda case: case.name)
def test_a_not_null_column_has_the_promised_type(case: TypeCase) -> None:
    assert mapped(case, nullable=False)[1].clickhouse_type == case.stored


COERCED = [case for case in EVERY_CASE if case.coerced]


@pytest.mark.parametrize("case", COERCED, ids=lambda case: case.name)
def test_what_does_not_fit_is_found_and_clamped_to_the_nearest(
    case: TypeCase, source: Source, lab_warehouse: Any
) -> None:
    mappings = mapped(case, nullable=True, out_of_range=OutOfRange.CLAMP)
    source.fill(case, tuple(nearest for _, nearest in case.coerced))
    expected = source.texts(case)
    source.fill(case, tuple(value for value, _ in case.coerced))
    assert source.violations(mappings[1]) == len(case.coerced)
    assert arrived(source, lab_warehouse, case, mappings) == expected


@pytest.mark.parametrize("case", COERCED, ids=lambda case: case.name)
def test_what_does_not_fit_becomes_null(case: TypeCase, source: Source, lab_warehouse: Any) -> None:
    source.fill(case, tuple(value for value, _ in case.coerced))
    mappings = mapped(case, nullable=False, out_of_range=OutOfRange.NULL)
    rows = arrived(source, lab_warehouse, case, mappings)
    assert rows == [(number, None) for number in range(len(case.coerced))]


@pytest.mark.parametrize(
    "case", [case for case in EVERY_CASE if "GENERATED" not in case.ddl], ids=lambda case: case.name
)
def test_a_null_in_a_not_null_column_stops_the_insert(
    case: TypeCase, source: Source, lab_warehouse: Any
) -> None:
    source.fill(case, ("NULL",))
    with pytest.raises(Exception, match="Cannot convert NULL value to non-Nullable type"):
        arrived(source, lab_warehouse, case, mapped(case, nullable=False))
