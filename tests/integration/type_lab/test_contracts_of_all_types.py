"""A table of every type of the catalogue: once it is loaded, its contract finds nothing, whatever the catalogs call a type."""

from __future__ import annotations

import pytest

from dagster_pipeline.contract.table_contract import contract_of
from tests.type_lab.laboratory import COLUMNS_PER_TABLE, Laboratory


@pytest.mark.parametrize("out_of_range", ["fail", "null"])
def test_a_loaded_table_of_every_type_keeps_its_contract(laboratory: Laboratory, out_of_range: str) -> None:
    cases = laboratory.database.cases
    assert cases
    for start in range(0, len(cases), COLUMNS_PER_TABLE):
        some = cases[start : start + COLUMNS_PER_TABLE]
        table, columns = laboratory._table(some), laboratory._columns(some)
        laboratory.load(table, columns, mode="full", out_of_range=out_of_range)
        schema = laboratory.schema(table, columns, mode="full", out_of_range=out_of_range)
        with laboratory.database.source(schema) as source:
            kept = contract_of(schema, source=source, sink=laboratory.sink)
        assert [difference.what for difference in kept.differences] == []
