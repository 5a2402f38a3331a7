"""Steps as threads of one process: what an asset may expect of the executor, through Dagster's own command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from dagster_pipeline.execution.pool_claims import PoolClaims

ROOT = Path(__file__).parents[3]
LOCATION = Path(__file__).with_name("location.py")
PATIENCE = 180

Begin = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def instance(tmp_path: Path) -> Generator[dg.DagsterInstance, None, None]:
    (tmp_path / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\nconcurrency:\n  pools: {granularity: op, default_limit: 4}\n"
    )
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def begin(tmp_path: Path, instance: dg.DagsterInstance) -> Begin:
    def begun(selection: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "dagster", "asset", "materialize", "-f", str(LOCATION), "--select"]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DAGSTER_HOME": str(tmp_path),
            "LOCATION_DIRECTORY": str(tmp_path),
        }
        return subprocess.Popen(
            [*command, selection],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return begun


def events(instance: dg.DagsterInstance, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
    (run,) = instance.get_runs()
    records = instance.get_records_for_run(run.run_id, of_type=kind).records
    return [record.event_log_entry.get_dagster_event() for record in records]


def steps(instance: dg.DagsterInstance, kind: dg.DagsterEventType) -> set[str | None]:
    return {event.step_key for event in events(instance, kind)}


def status(instance: dg.DagsterInstance) -> dg.DagsterRunStatus:
    (run,) = instance.get_runs()
    return run.status


def test_steps_run_at_the_same_time_in_one_process(begin: Begin, instance: dg.DagsterInstance) -> None:
    output, _ = begin("group:together").communicate(timeout=PATIENCE)
    assert status(instance) is dg.DagsterRunStatus.SUCCESS, output
    found = [
        event.step_materialization_data.materialization.metadata
        for event in events(instance, dg.DagsterEventType.ASSET_MATERIALIZATION)
    ]
    assert len({entry["thread"].value for entry in found}) == 3
    assert len({entry["pid"].value for entry in found}) == 1


def test_a_pool_of_one_holds_and_every_slot_is_given_back(begin: Begin, instance: dg.DagsterInstance) -> None:
    output, _ = begin("group:pooled").communicate(timeout=PATIENCE)
    assert status(instance) is dg.DagsterRunStatus.SUCCESS, output
    assert len(steps(instance, dg.DagsterEventType.STEP_SUCCESS)) == 12
    pool = instance.event_log_storage.get_concurrency_info("narrow")
    assert (pool.slot_count, pool.active_slot_count, pool.pending_step_count) == (1, 0, 0)


def test_a_limit_that_was_set_by_hand_wins(begin: Begin, instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots("narrow", 0)
    process = begin("group:pooled")
    deadline = time.monotonic() + PATIENCE
    while not instance.event_log_storage.get_concurrency_info("narrow").pending_steps:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    instance.event_log_storage.set_concurrency_slots("narrow", 1)
    output, _ = process.communicate(timeout=PATIENCE)
    assert status(instance) is dg.DagsterRunStatus.SUCCESS, output


def test_a_slot_that_came_free_while_a_step_queued_is_not_lost(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster looks for a free slot, then queues the step: here the slot comes between the two."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    storage.set_concurrency_slots("narrow", 0)
    run = instance.create_run_for_job(dg.GraphDefinition("waiting").to_job())
    look = storage.has_unassigned_slots

    def a_slot_comes_after_the_look(pool: str) -> bool:
        found = look(pool)
        monkeypatch.undo()
        storage.set_concurrency_slots("narrow", 1)
        return found

    monkeypatch.setattr(storage, "has_unassigned_slots", a_slot_comes_after_the_look)
    with PoolClaims(instance, run, limits={}) as claims:
        assert not claims.claim("narrow", "step")
        assert claims.claim("narrow", "step")


def test_a_failure_stops_only_what_comes_after_it_and_a_retry_waits_for_nobody(
    begin: Begin, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    output, _ = begin("group:mixed").communicate(timeout=PATIENCE)
    assert status(instance) is dg.DagsterRunStatus.FAILURE, output
    assert steps(instance, dg.DagsterEventType.STEP_FAILURE) == {"bad"}
    assert steps(instance, dg.DagsterEventType.STEP_SUCCESS) == {"good", "flaky"}
    assert steps(instance, dg.DagsterEventType.STEP_UP_FOR_RETRY) == {"flaky"}
    assert len((tmp_path / "flaky").read_text().splitlines()) == 2
    assert instance.event_log_storage.get_concurrency_info("narrow").active_slot_count == 0


def test_a_cancelled_run_interrupts_its_steps_and_tries_none_again(
    begin: Begin, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    process = begin("group:slow")
    deadline = time.monotonic() + PATIENCE
    while not (tmp_path / "slow.begun").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert (tmp_path / "slow.interrupted").exists(), output
    assert len((tmp_path / "slow.begun").read_text().splitlines()) == 1
    assert status(instance) is not dg.DagsterRunStatus.SUCCESS
