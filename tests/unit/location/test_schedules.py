"""Schedules: each table has its own switch, tables of one cron share a run, and nothing is asked for twice."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import (  # how the daemon writes a switch; there is no public way
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)

from dagster_pipeline.factories.table_schedules import etl_schedules
from dagster_pipeline.schema.models import (
    ColumnSchema,
    DestinationRef,
    Partitions,
    Schedule,
    SourceRef,
    SyncSettings,
    TableSchema,
)

MOMENT = datetime(2024, 3, 15, 12, tzinfo=UTC)
CRON = "0 * * * *"
LOCATION = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("dagster_pipeline"), "__repository__")


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.instance_for_test() as instance:
        yield instance


def table(name: str, cron: str = CRON, timezone: str = "UTC", **partitions: object) -> TableSchema:
    return TableSchema(
        path=Path(f"schemas/mysql/db/{name}.yml"),
        group="db",
        source=SourceRef(dialect="mysql", connection="db", database="db", table=name),
        destination=DestinationRef(database="db", table=name, engine="ReplacingMergeTree", order_by=("id",)),
        sync=SyncSettings(),
        schedule=Schedule(cron=cron, timezone=timezone),
        partitions=Partitions.model_validate(partitions) if partitions else None,
        columns=(
            ColumnSchema(name="id", type="bigint", primary_key=True),
            ColumnSchema(name="at", type="datetime", immutable=True),
        ),
    )


def switch(
    instance: dg.DagsterInstance,
    status: InstigatorStatus,
    *names: str,
    since: float = MOMENT.timestamp() - 60,
) -> None:
    for name in names:
        instance.add_instigator_state(
            InstigatorState(
                RemoteInstigatorOrigin(LOCATION, f"db__{name}_schedule"),
                InstigatorType.SCHEDULE,
                status,
                ScheduleInstigatorData(CRON, since),
            )
        )


def tick(
    instance: dg.DagsterInstance, tables: Sequence[TableSchema], name: str, *, running: bool = False
) -> str:
    """What the daemon gets from one table's schedule: the tables of its run, or why there is none."""
    return ticks(instance, tables, running=running)[name]


def ticks(
    instance: dg.DagsterInstance, tables: Sequence[TableSchema], *, running: bool = False
) -> dict[str, str]:
    answers = {}
    for schedule in etl_schedules(tables, running=running).schedules:
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=MOMENT)
        data = schedule.evaluate_tick(context)
        request = data.run_requests[0] if data.run_requests else None
        said = (
            " ".join(key.path[-1] for key in request.asset_selection or ()) if request else data.skip_message
        )
        answers[schedule.name.removeprefix("db__").removesuffix("_schedule")] = str(said)
    return answers


def test_tables_of_one_cron_share_one_run_and_of_another_zone_do_not(instance: dg.DagsterInstance) -> None:
    switch(instance, InstigatorStatus.RUNNING, "a", "b", "c")
    answers = ticks(instance, [table("a"), table("b"), table("c", timezone="Europe/Berlin")])
    assert answers == {
        "a": "a b",
        "b": "db__a_schedule runs db/b together with its own table.",
        "c": "c",
    }


def test_a_table_that_is_switched_off_is_left_out_and_the_next_one_leads(
    instance: dg.DagsterInstance,
) -> None:
    switch(instance, InstigatorStatus.RUNNING, "b", "c")
    switch(instance, InstigatorStatus.STOPPED, "a")
    answers = ticks(instance, [table("a"), table("b"), table("c")])
    assert answers["b"] == "b c"
    assert "together" in answers["c"]


def test_a_schedule_that_was_switched_on_after_the_cron_came_up_does_not_lead(
    instance: dg.DagsterInstance,
) -> None:
    switch(instance, InstigatorStatus.RUNNING, "b")
    switch(instance, InstigatorStatus.RUNNING, "a", since=MOMENT.timestamp() + 5)
    assert tick(instance, [table("a"), table("b")], "b") == "b"


@pytest.mark.parametrize(("running", "leads"), [(True, "a b"), (False, "b")])
def test_a_default_of_yesterday_counts_only_while_it_is_still_the_default(
    instance: dg.DagsterInstance, *, running: bool, leads: str
) -> None:
    """Dagster keeps DECLARED_IN_CODE in its store when the default becomes STOPPED, and has no tick then."""
    switch(instance, InstigatorStatus.DECLARED_IN_CODE, "a")
    switch(instance, InstigatorStatus.RUNNING, "b")
    answers = ticks(instance, [table("a"), table("b")], running=running)
    assert leads in answers.values()


def test_a_table_on_which_a_run_still_works_is_left_out_with_a_reason(instance: dg.DagsterInstance) -> None:
    switch(instance, InstigatorStatus.RUNNING, "a", "b")
    tables = [table("a"), table("b")]
    working = work(instance, "a", dg.DagsterRunStatus.STARTED)
    assert tick(instance, tables, "a") == "b"
    work(instance, "b", dg.DagsterRunStatus.NOT_STARTED)
    assert tick(instance, tables, "a") == f"Run {working.run_id} still works on db/a."


def test_a_partitioned_table_asks_for_its_newest_partitions_unless_it_is_busy(
    instance: dg.DagsterInstance,
) -> None:
    daily = table("p", by="at", every="day", start="2024-01-01")
    (schedule,) = etl_schedules([daily], running=False).schedules
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=MOMENT)
    (request,) = schedule.evaluate_tick(context).run_requests or ()
    assert request.tags["dagster/asset_partition_range_start"] == "2024-03-14"
    assert request.tags["dagster/asset_partition_range_end"] == "2024-03-15"
    work(instance, "p", dg.DagsterRunStatus.STARTED)
    assert "still works on db/p" in tick(instance, [daily], "p")


def test_before_the_first_partition_begins_there_is_nothing_to_load(instance: dg.DagsterInstance) -> None:
    later = table("p", by="at", every="day", start="2025-01-01")
    assert tick(instance, [later], "p") == "The first partition has not begun yet."


@pytest.mark.parametrize("running", [True, False])
def test_the_default_comes_from_the_environment(*, running: bool) -> None:
    (schedule,) = etl_schedules([table("a")], running=running).schedules
    assert (schedule.default_status is dg.DefaultScheduleStatus.RUNNING) == running


def test_a_tick_stays_under_two_seconds_with_many_tables_of_one_cron(
    instance: dg.DagsterInstance,
) -> None:
    names = [f"t{number:04}" for number in range(200)]
    switch(instance, InstigatorStatus.RUNNING, *names)
    for number in range(20):
        work(instance, names[number], dg.DagsterRunStatus.STARTED)
    schedules = etl_schedules([table(name) for name in names], running=False).schedules
    for schedule in (*schedules[:5], *schedules[-5:]):
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=MOMENT)
        begun = time.process_time()
        schedule.evaluate_tick(context)
        assert time.process_time() - begun < 2  # 0.1 where it was measured


def work(instance: dg.DagsterInstance, name: str, status: dg.DagsterRunStatus) -> dg.DagsterRun:
    """A run that works on a table, or waits to."""
    run = dg.DagsterRun(job_name="etl", status=status, asset_selection=frozenset({dg.AssetKey(["db", name])}))
    return instance.add_run(run)
