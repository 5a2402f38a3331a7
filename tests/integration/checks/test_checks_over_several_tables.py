"""Checks over several tables through Dagster, in the real engine: what holds, what fails, and what cannot be asked."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.definitions import build_definitions
from dagster_pipeline.settings import Settings

ORDERS = """version: 1
sync: {mode: incremental, cursor: id, deletes: mirror}
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: customer_id, type: bigint, nullable: true}
  - {name: amount, type: "decimal(10,2)"}
"""
CUSTOMERS = """version: 1
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: mail, type: text, mask: sha256}
  - {name: spent, type: "numeric(12,2)"}
"""
CHECKS = """version: 1
description: Money agrees.
owners: ["team:money"]
schedule: "15 5 * * *"
severity: warn
checks:
  - references: {name: orders_have_customers, table: shop/orders, column: customer_id, to: crm/customers, field: id}
  - agree:
      name: sums
      left: {table: shop/orders, value: sum(amount), where: customer_id IS NOT NULL}
      right: {table: crm/customers, value: sum(spent)}
      severity: error
  - agree:
      name: nearly
      left: {table: shop/orders, value: sum(amount)}
      right: {table: crm/customers, value: sum(spent)}
      tolerance: 5.5
  - sql:
      name: paid
      query: SELECT sum(o.amount) FROM {shop/orders} AS o INNER JOIN {crm/customers} AS c ON c.id = o.customer_id -- all
      expect: 30.5
  - sql: {name: broken, query: "SELECT count() FROM {shop/orders} AS o WHERE toDate(o.amount) = 'nonsense'"}
"""
ROWS = """
CREATE DATABASE shop; CREATE DATABASE crm;
CREATE TABLE shop.orders (id Int64, customer_id Nullable(Int64), amount Decimal(10, 2), _version UInt64, _deleted UInt8)
ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY id;
CREATE TABLE crm.customers (id Int64, mail String, spent Decimal(12, 2), _version UInt64)
ENGINE = ReplacingMergeTree(_version) ORDER BY id;
INSERT INTO shop.orders VALUES (1, 1, 10.5, 1, 0), (2, 2, 20, 1, 0), (3, NULL, 5, 1, 0), (4, 9, 100, 1, 0);
INSERT INTO shop.orders VALUES (4, 9, 100, 2, 1);
INSERT INTO crm.customers VALUES (1, 'a', 999, 1), (2, 'b', 20, 1);
INSERT INTO crm.customers VALUES (1, 'a', 10.5, 2)
"""


@pytest.fixture
def settings(tmp_path: Path, warehouse_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for path, text in {
        "mysql/shop/orders.yml": ORDERS,
        "postgres/crm/customers.yml": CUSTOMERS,
        "data_quality/money.yml": CHECKS,
    }.items():
        (tmp_path / "schemas" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "schemas" / path).write_text(text)
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path / "schemas"))
    monkeypatch.setenv("CLICKHOUSE_URL", f"chdb://{warehouse_dir}")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return Settings.from_environment()


def run(settings: Settings, *statements: str) -> dict[str, dg.AssetCheckEvaluation]:
    with ClickHouseSink(settings.clickhouse_url()) as sink:
        for statement in statements:
            sink.run(statement, doing="Filling")
    definitions = build_definitions(settings)
    job = definitions.resolve_implicit_global_asset_job_def()
    with dg.instance_for_test() as instance:
        result = job.execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey(["data_quality", "money"])]
        )
        assert result.success
        return {each.check_name: each for each in result.get_asset_check_evaluations()}


def test_each_check_is_judged_and_one_that_cannot_be_asked_hides_no_other(settings: Settings) -> None:
    checks = run(settings, *(each for each in ROWS.split(";") if each.strip()))
    assert {name: check.passed for name, check in checks.items()} == {
        "orders_have_customers": True,
        "sums": True,
        "nearly": True,
        "paid": True,
        "broken": False,
    }
    assert checks["broken"].severity is dg.AssetCheckSeverity.ERROR
    assert "query failed" in str(checks["broken"].description)
    assert "DATE" in str(checks["broken"].description).upper()  # ClickHouse's own words
    again = run(
        settings,
        "INSERT INTO shop.orders VALUES (5, 77, 7, 3, 0)",
        "INSERT INTO crm.customers VALUES (3, 'c', 1, 1)",
    )
    assert {name for name, check in again.items() if not check.passed} == {
        "orders_have_customers",
        "sums",
        "nearly",
        "broken",
    }
    assert again["orders_have_customers"].metadata["failed rows"].value == 1
    (sample,) = again["orders_have_customers"].metadata["samples"].records
    assert sample.data == {"id": "5", "customer_id": "77"}
    assert (again["sums"].severity, again["nearly"].severity) == (
        dg.AssetCheckSeverity.ERROR,
        dg.AssetCheckSeverity.WARN,
    )
    assert "shop/orders: 37.5, crm/customers: 31.5" in str(again["sums"].description)


def test_the_file_is_an_asset_below_its_tables_with_owner_and_schedule(settings: Settings) -> None:
    definitions = build_definitions(settings)
    key = dg.AssetKey(["data_quality", "money"])
    (spec,) = (each for each in definitions.resolve_all_asset_specs() if each.key == key)
    assert [*spec.owners] == ["team:money"]
    assert {dep.asset_key.to_user_string() for dep in spec.deps} == {"shop/orders", "crm/customers"}
    (schedule,) = (
        each for each in definitions.schedules or () if each.name.startswith("check_data_quality_")
    )
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert schedule.cron_schedule == "15 5 * * *"
    with dg.instance_for_test() as instance:
        context = dg.build_schedule_context(instance, repository_def=definitions.get_repository_def())
        (request,) = schedule.evaluate_tick(context).run_requests or ()
    assert [*(request.asset_selection or ())] == [key]
