"""The assets in a real Dagster run, over the embedded warehouse."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.definitions import build_definitions
from dagster_pipeline.settings import Settings
from tests.integration.maintenance.conftest import warehouse_url

ROOT = Path(__file__).parents[3]
DAILY, WEEKLY = "maintenance_daily", "maintenance_weekly"


@pytest.fixture
def environment(tmp_path: Path, warehouse_dir: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    home, schemas = tmp_path / "home", tmp_path / "schemas"
    home.mkdir()
    shutil.copytree(ROOT / "schemas/mysql/amtdb", schemas / "mysql/amtdb")
    variables = {
        "CLICKHOUSE_URL": f"chdb://{warehouse_dir}",
        "DAGSTER_HOME": str(home),
        "SCHEMAS_DIR": str(schemas),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def run(
    job: str,
    environment: dict[str, str],
    instance: dg.DagsterInstance,
    config: dict[str, Any] | None = None,
    **options: Any,
) -> dg.ExecuteInProcessResult:
    defs = build_definitions(Settings.from_environment(environment))
    return defs.resolve_job_def(job).execute_in_process(instance=instance, run_config=config or {}, **options)


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    (found,) = [
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(["maintenance", asset])
    ]
    return {name: value.value for name, value in found.metadata.items()}


def test_maintenance_of_an_empty_warehouse_finds_nothing(
    environment: dict[str, str], instance: dg.DagsterInstance
) -> None:
    for job in (DAILY, WEEKLY):
        assert run(job, environment, instance).success


def test_health_is_a_table_with_checks_and_merges_tell_what_they_saved(
    environment: dict[str, str], instance: dg.DagsterInstance
) -> None:
    with ClickHouseSink(warehouse_url(environment["CLICKHOUSE_URL"])) as sink:
        sink.run("CREATE DATABASE amtdb", doing="Making")
        sink.run(
            "CREATE TABLE amtdb.accounts (id Int64, _version UInt64) ENGINE = ReplacingMergeTree PARTITION BY id % 210 "
            "ORDER BY id SETTINGS max_bytes_to_merge_at_max_space_in_pool = 1, max_bytes_to_merge_at_min_space_in_pool = 1",
            doing="Making",
        )
        for version in (1, 2):
            sink.run(
                f"INSERT INTO amtdb.accounts SELECT number, {version} FROM numbers({(4, 210)[version - 1]})",
                doing="Filling",
                settings={"max_partitions_per_insert_block": 0},
            )
        sink.run("CREATE TABLE amtdb.mystery (id Int64) ENGINE = MergeTree ORDER BY id", doing="Making")
    daily = run(DAILY, environment, instance)
    assert daily.success
    health = metadata(daily, "table_health")
    assert "| amtdb.accounts | 210 | 214 | 2 |" in health["tables"]
    failed = {(one.check_name, one.severity) for one in daily.get_asset_check_evaluations() if not one.passed}
    assert failed == {("partitions", dg.AssetCheckSeverity.WARN)}
    assert len(daily.get_asset_check_evaluations()) == 6
    merged = metadata(daily, "optimize")
    assert (merged["merged partitions"], merged["rows saved"], merged["stopped"]) == (
        4,
        4,
        "everything was seen",
    )
    assert "| 2 → 1 | 2 → 1 |" in merged["merged"]

    both = run(WEEKLY, environment, instance)
    advice = metadata(both, "storage_advice")
    assert "| amtdb/accounts | 210 |" in advice["tables"]
    assert "210 partitions are many" in advice["suggestions"]
    assert "+  partition_by:" not in advice["patch"], "a year is as coarse as it gets"
    weekly = metadata(both, "clean_up")
    assert weekly["dry run"] is True
    assert weekly["unknown table count"] == 1
    assert "amtdb.mystery" in weekly["unknown tables"]


def test_a_number_out_of_bounds_is_refused_by_its_name(
    environment: dict[str, str], instance: dg.DagsterInstance
) -> None:
    config = {"ops": {"maintenance__optimize": {"config": {"minutes": -1}}}}
    result = run(DAILY, environment, instance, config, raise_on_error=False)
    failure = result.failure_data_for_node("maintenance__optimize")
    assert failure is not None
    assert "minutes\n  Input should be greater than 0" in str(failure.error)


def test_the_schedules_status_and_dry_run_come_from_the_environment(environment: dict[str, str]) -> None:
    def schedules(**more: str) -> dict[str, dg.ScheduleDefinition]:
        defs = build_definitions(Settings.from_environment({**environment, **more}))
        return {name: defs.resolve_schedule_def(name) for name in (DAILY, WEEKLY)}

    off = schedules()
    assert {off[name].default_status for name in (DAILY, WEEKLY)} == {dg.DefaultScheduleStatus.STOPPED}
    on = schedules(SCHEDULES_DEFAULT_STATUS="running", MAINTENANCE_DRY_RUN="false")
    assert {on[name].default_status for name in (DAILY, WEEKLY)} == {dg.DefaultScheduleStatus.RUNNING}
    for made, dry_run in ((off, True), (on, False)):
        with dg.build_schedule_context() as context:
            (request,) = made[WEEKLY].evaluate_tick(context).run_requests or []
        assert request.run_config == {"ops": {"maintenance__clean_up": {"config": {"dry_run": dry_run}}}}
