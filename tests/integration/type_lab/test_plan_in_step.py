"""A warehouse that was just loaded is as its files want it, whatever types the tables have: `plan` finds nothing to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dagster_pipeline.change_plan.catalog import PlanCatalog, load, save
from dagster_pipeline.change_plan.column_users import TreeOfFiles
from dagster_pipeline.change_plan.gather import read_warehouse, survey_table
from dagster_pipeline.change_plan.table_plan import Planner, TablePlan, Verdict
from dagster_pipeline.connectors.sources.base_surveyor import BaseSurveyor
from dagster_pipeline.connectors.sources.mysql.surveyor import MySQLSurveyor
from dagster_pipeline.connectors.sources.postgres.surveyor import PostgresSurveyor
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.models import TableSchema
from tests.type_lab.databases import Database
from tests.type_lab.laboratory import WAREHOUSE_DATABASE, Laboratory
from tests.type_lab.random_tables import random_table
from tests.type_lab.random_trial import trial

RANDOM_TABLES = 100


def surveyor_of(database: Database) -> BaseSurveyor:
    url = DatabaseUrl.parse(database.url, variable="LAB_URL", schemes=())
    if database.dialect == "mysql":
        return MySQLSurveyor(url, database=database.name)
    return PostgresSurveyor(url, database=database.name, schema="public")


def catalog_of(laboratory: Laboratory, schemas: Sequence[TableSchema]) -> PlanCatalog:
    warehouse = read_warehouse(laboratory.sink.rows, [WAREHOUSE_DATABASE], cluster=None)
    with surveyor_of(laboratory.database) as surveyor:
        sources = {schema.name: survey_table(surveyor, schema, warehouse) for schema in schemas}
    return PlanCatalog(datetime.now(UTC), warehouse, sources)


def plans_of(laboratory: Laboratory, folder: Path, *, saved: bool) -> list[TablePlan]:
    """Of every table that was loaded; `saved` goes by way of a file."""
    schemas = list(laboratory.loaded.values())
    assert schemas
    catalog = catalog_of(laboratory, schemas)
    if saved:
        save(catalog, folder / "catalog.json")
        catalog = load(folder / "catalog.json")
    planner = Planner(catalog, rows=laboratory.sink.rows, files=TreeOfFiles(folder), recanonize=saved)
    return [planner.plan(schema, shown=schema.name) for schema in schemas]


def changing(plans: Sequence[TablePlan]) -> list[TablePlan]:
    return [plan for plan in plans if plan.verdict is not Verdict.NOTHING]


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_every_type_is_in_step_after_a_load(laboratory: Laboratory, mode: str, tmp_path: Path) -> None:
    laboratory.empty(laboratory.database.cases, mode=mode)
    assert changing(plans_of(laboratory, tmp_path, saved=False)) == []
    assert changing(plans_of(laboratory, tmp_path, saved=True)) == []


@pytest.mark.long
def test_every_table_of_the_type_lab_is_in_step(laboratory: Laboratory, tmp_path: Path) -> None:
    cases = laboratory.database.cases
    for mode in ("full", "incremental"):
        for tried in (laboratory.exact, laboratory.clamped, laboratory.nulled):
            assert list(tried(cases, mode=mode))
    for seed in range(RANDOM_TABLES):
        trial(laboratory, random_table(seed, laboratory.database))
    plans = plans_of(laboratory, tmp_path, saved=False)
    assert len(plans) > RANDOM_TABLES
    assert changing(plans) == []
    assert changing(plans_of(laboratory, tmp_path, saved=True)) == []
