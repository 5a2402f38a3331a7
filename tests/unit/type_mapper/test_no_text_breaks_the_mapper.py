"""Whatever a file says as a type, the answer is a mapping or a problem, never another error."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_pipeline.schema.models import ColumnSchema, Dialect, OutOfRange
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from tests.type_lab import catalog_mysql, catalog_postgres
from tests.type_lab.table_file import table_of

CASES = (*catalog_mysql.CASES, *catalog_mysql.MARIADB_ONLY, *catalog_postgres.CASES)
PIECES = st.sampled_from(
    [
        *("(", ")", "[", "]", "[]", ",", "'", '"', "''", "\\", " ", "/*", "*/", "-1", "0", "7", "99", "1000"),
        *("unsigned", "enum", "domain", "composite", "with time zone", "(3)", "(70,2)", "Nullable(", "'UTC'"),
        *sorted({case.type for case in CASES} | {case.stored for case in CASES}),
    ]
)
TEXTS = st.one_of(st.lists(PIECES, min_size=1, max_size=5).map("".join), st.text(min_size=1, max_size=20))


@pytest.mark.parametrize("dialect", ["mysql", "postgres"])
@given(
    type_=TEXTS,
    wanted=st.none() | TEXTS,
    nullable=st.booleans(),
    out_of_range=st.sampled_from(list(OutOfRange)),
)
@settings(max_examples=600, deadline=None, derandomize=True)
def test_every_text_maps_or_is_a_problem(
    dialect: Dialect, type_: str, wanted: str | None, nullable: bool, out_of_range: OutOfRange
) -> None:
    column = ColumnSchema(name="c", type=type_, nullable=nullable, clickhouse_type=wanted)
    table = table_of(dialect, column, out_of_range=out_of_range)
    if not TypeMapper().problems(table):
        assert len(TypeMapper().map(table)) == 1
    assert TypeMapper().same_type(dialect, type_, type_)


@pytest.mark.parametrize("dialect", ["mysql", "postgres"])
@pytest.mark.parametrize("wanted", sorted({case.stored for case in CASES}))
def test_every_type_meets_every_override_without_another_error(dialect: Dialect, wanted: str) -> None:
    for case in catalog_mysql.CASES if dialect == "mysql" else catalog_postgres.CASES:
        column = ColumnSchema(name="c", type=case.type, clickhouse_type=wanted)
        TypeMapper().problems(table_of(dialect, column))
