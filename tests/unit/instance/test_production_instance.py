"""The production dagster.yaml: Dagster takes it, its limits count, and runs get the tags that they count by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance, DagsterRun, instance_for_test
from dagster._core.instance.config import dagster_instance_config
from dagster._core.launcher import WorkerStatus
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from dagster_pipeline.instance.run_coordinator import TaggingRunCoordinator, queue_tags
from dagster_pipeline.instance.run_launcher import WatchedRunLauncher
from scripts.servers.process import free_port

ROOT = Path(__file__).parents[3]
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "dagster_home/dagster.production.yaml").read_text())


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """The production instance, with Dagster's records in SQLite files and logs on disk."""
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
    kept = {key: value for key, value in DOCUMENT.items() if key not in ("storage", "compute_logs")}
    with instance_for_test(overrides=kept) as made:
        yield made


def test_dagster_takes_every_key(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster_home/dagster.production.yaml").read_text())
    dagster_instance_config(str(tmp_path))


def test_the_limits_are_those_of_the_queue(instance: DagsterInstance) -> None:
    assert isinstance(instance.run_coordinator, TaggingRunCoordinator)
    assert isinstance(instance.run_launcher, WatchedRunLauncher)
    settings = instance.get_concurrency_config()
    assert settings.run_queue_config is not None
    assert (
        settings.run_queue_config.max_concurrent_runs
        == DOCUMENT["concurrency"]["runs"]["max_concurrent_runs"]
    )
    limited = {limit["key"]: limit["limit"] for limit in settings.run_queue_config.tag_concurrency_limits}
    assert set(limited) == {"source_database", "warehouse", "dagster/backfill"}
    assert limited["dagster/backfill"] < settings.run_queue_config.max_concurrent_runs
    assert settings.pool_config.default_pool_limit == DOCUMENT["concurrency"]["pools"]["default_limit"]
    assert not instance.telemetry_enabled
    assert instance.run_monitoring_enabled
    assert instance.run_retries_enabled


def a_run(**tags: str) -> DagsterRun:
    location = GrpcServerCodeLocationOrigin(host="localhost", port=4000, location_name="shop_location")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), "etl")
    return DagsterRun(job_name="etl", tags=tags, remote_job_origin=origin)


@pytest.mark.parametrize(
    ("pools", "source"),
    [
        ({"mysql_amtdb"}, {"source_database": "mysql_amtdb"}),
        ({"mysql_amtdb", "postgres_fma"}, {"source_database": "several"}),
        (set(), {}),
    ],
)
def test_a_run_is_counted_with_its_source_and_its_warehouse(pools: set[str], source: dict[str, str]) -> None:
    assert queue_tags(a_run(), pools) == {**source, "warehouse": "shop_location"}


def test_a_backfill_stands_behind_others_unless_it_is_told_otherwise() -> None:
    assert queue_tags(a_run(**{"dagster/backfill": "x"}), ())["dagster/priority"] == "-10"
    asked = a_run(**{"dagster/backfill": "x", "dagster/priority": "5"})
    assert "dagster/priority" not in queue_tags(asked, ())
    assert "dagster/priority" not in queue_tags(a_run(), ())


def test_a_run_counts_as_alive_while_the_code_server_does_not_answer(instance: DagsterInstance) -> None:
    run = DagsterRun(
        job_name="etl", tags={".dagster/grpc_info": f'{{"host": "localhost", "port": {free_port()}}}'}
    )
    instance.add_run(run)
    assert instance.run_launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


def test_a_run_that_another_launcher_started_counts_as_alive(instance: DagsterInstance) -> None:
    run = DagsterRun(job_name="etl")
    instance.add_run(run)
    assert instance.run_launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
