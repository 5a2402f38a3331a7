"""Snapshots through Dagster itself: one partition in a run, its check, its errors, and what a tick asks for."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from dagster_pipeline.alerts.watched_kinds import watch_snapshots
from dagster_pipeline.definitions import build_definitions
from dagster_pipeline.factories.snapshot_schedules import PARTITION_TAG
from dagster_pipeline.schema_tree import load_tree
from tests.integration.snapshots.house import House

KEY = dg.AssetKey(["snapshots", "daily"])
FILE = """version: 1
description: Every account, every day.
owners: ["team:shop"]
tags: {domain: sales}
source: {table: shop/accounts}
every: day
start: "2026-01-01"
schedule: "30 0 * * *"
freshness: 26h
retries: {max: 0}
"""


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def definitions(house: House, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    house.write(daily=FILE)
    house.make_tables()
    house.insert(
        "accounts",
        "id, status, balance, updated_at, _version",
        "SELECT number, 'active', 1, '2026-01-01 00:00:00', 1 FROM numbers(10)",
    )
    for name, value in house.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("STATE_URL", raising=False)
    return build_definitions(house.settings)


def run(
    definitions: dg.Definitions, instance: dg.DagsterInstance, tags: dict[str, str]
) -> dg.ExecuteInProcessResult:
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, asset_selection=[KEY], raise_on_error=False, tags=tags)


def newest() -> str:
    return (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


def test_a_tick_asks_for_the_newest_snapshot_and_its_run_takes_it_once(
    definitions: dg.Definitions, instance: dg.DagsterInstance, house: House
) -> None:
    schedule = definitions.resolve_schedule_def("snapshots__daily_schedule")
    moment = datetime.now(UTC).replace(hour=0, minute=30)
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=moment, repository_def=definitions.get_repository_def()
    )
    (request,) = schedule.evaluate_tick(context).run_requests or ()
    assert request.tags[PARTITION_TAG] == newest()
    assert list(request.asset_selection or ()) == [KEY]
    result = run(definitions, instance, dict(request.tags))
    assert result.success
    (event,) = result.asset_materializations_for_node("snapshots__daily")
    assert event.partition == newest()
    assert event.metadata["rows"].value == 10
    assert event.metadata["dagster/partition_row_count"].value == 10
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("snapshot_size", True)
    assert house.dates("daily") == {newest(): 10}
    again = schedule.evaluate_tick(context)
    assert not again.run_requests
    assert again.skip_message == f"The snapshot of {newest()} is there."


def test_a_past_snapshot_of_the_present_fails_once_with_a_clear_error(
    definitions: dg.Definitions, instance: dg.DagsterInstance, house: House
) -> None:
    result = run(definitions, instance, {PARTITION_TAG: "2026-01-05"})
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    said = failure.step_failure_data.user_failure_data
    assert said is not None
    assert "snapshots/daily: shop/accounts shows only the present" in (said.description or "")
    record = instance.get_run_by_id(result.run_id)
    assert record is not None
    assert record.tags["dagster/retry_on_asset_or_op_failure"] == "false"
    assert house.rows("SELECT count() FROM system.tables WHERE database = 'snapshots'") == [(0,)]


def test_a_run_without_a_partition_is_refused(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    result = run(definitions, instance, {})
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    said = failure.step_failure_data.user_failure_data
    assert said is not None
    assert "is taken one day at a time. Start the run for one partition" in (said.description or "")


def test_ticks_before_the_first_period_and_after_the_grace_ask_for_nothing(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    schedule = definitions.resolve_schedule_def("snapshots__daily_schedule")
    for moment, why in (
        (datetime(2026, 1, 1, 0, 30, tzinfo=UTC), "The first day has not ended yet."),
        (datetime(2026, 1, 2, 0, 30, tzinfo=UTC), None),
    ):
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=moment,
            repository_def=definitions.get_repository_def(),
        )
        ticked = schedule.evaluate_tick(context)
        assert (ticked.skip_message, len(ticked.run_requests or ())) == (why, 0 if why else 1)


def test_the_asset_says_what_it_is_and_where_it_comes_from(definitions: dg.Definitions, house: House) -> None:
    spec = next(spec for spec in definitions.resolve_all_asset_specs() if spec.key == KEY)
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey(["shop", "accounts"])]
    assert (list(spec.owners), spec.tags["domain"], spec.group_name) == (["team:shop"], "sales", "snapshots")
    assert isinstance(spec.partitions_def, dg.DailyPartitionsDefinition)
    columns = spec.metadata["dagster/column_schema"].columns
    assert [(column.name, column.type) for column in columns][:2] == [
        ("_snapshot_date", "Date"),
        ("id", "Int64"),
    ]
    (watched,) = watch_snapshots(load_tree(house.settings).snapshots)
    assert (watched.name, watched.owners, watched.freshness) == (
        "snapshots/daily",
        ("team:shop",),
        timedelta(hours=26),
    )
