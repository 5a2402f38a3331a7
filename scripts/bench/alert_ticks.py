"""How long ticks of the alert sensors take with 1,000 tables and 10,000 runs: `python -m scripts.bench.alert_ticks`.

The instance is real (SQLite in a temporary directory, or PostgreSQL by `--postgres URL`) and filled with made-up runs, each with
the events that a load writes. Messages go to a local SMTP server that takes everything, so sending is measured too.
"""

from __future__ import annotations

import argparse
import os
import socketserver
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.events import AssetMaterializationPlannedData, StepMaterializationData
from dagster._core.execution.plan.objects import ErrorSource, StepFailureData, UserFailureData
from dagster_shared.error import SerializableErrorInfo

from dagster_pipeline.alerts.sensors import alert_bundle
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from scripts.bench.long_history import lengthen_postgres, lengthen_sqlite

TABLES, RUNS, COPIES = 1_000, 150, 66
FILE = """
version: 1
owners: ["team:bench"]
freshness: 30m
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: note, type: text, nullable: true}
checks:
  - unique: [id]
  - not_null: [id]
"""
ERROR = "Reading the table failed: the server does not answer."


class _Smtp(socketserver.StreamRequestHandler):
    """Says yes to everything, as far as smtplib asks."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        in_message = False
        for line in self.rfile:
            if in_message:
                in_message = line != b".\r\n"
                if not in_message:
                    self.wfile.write(b"250 taken\r\n")
            elif line.upper().startswith(b"DATA"):
                in_message = True
                self.wfile.write(b"354 go on\r\n")
            elif line.upper().startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 yes\r\n")


def main() -> None:
    """Fill an instance, then time ticks: idle, after failures, in a storm, with a backlog."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", default="", help="keep the instance in this database instead of SQLite")
    parser.add_argument("--directory", default=None, help="where the instance is made")
    parser.add_argument("--runs", type=int, default=RUNS, help="how many are made")
    parser.add_argument("--copies", type=int, default=COPIES, help="how often each is then copied")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=arguments.directory) as name,
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as smtp,
    ):
        threading.Thread(target=smtp.serve_forever, daemon=True).start()
        home = Path(name) / "home"
        home.mkdir()
        storage = f"storage: {{postgres: {{postgres_url: '{arguments.postgres}'}}}}\n"
        (home / "dagster.yaml").write_text(
            f"telemetry: {{enabled: false}}\n{storage if arguments.postgres else ''}"
        )
        os.environ |= {
            "DAGSTER_HOME": str(home),
            "SCHEMAS_DIR": str(_write_tables(Path(name) / "schemas")),
            "ALERTS_FILE": str(Path(name) / "none.yml"),
            "SMTP_URL": f"smtp://127.0.0.1:{smtp.server_address[1]}",
            "ALERT_EMAIL_FROM": "bench@example.com",
            "ALERT_EMAIL_TO": "bench@example.com",
        }
        with dg.DagsterInstance.from_config(str(home)) as instance:
            _measure(instance, arguments.runs, lambda: _lengthen(home, arguments.postgres, arguments.copies))


def _lengthen(home: Path, postgres: str, copies: int) -> None:
    if copies:
        runs = lengthen_postgres(postgres, copies) if postgres else lengthen_sqlite(home, copies)
        print(f"Copied to {runs} runs.")


def _measure(instance: dg.DagsterInstance, runs: int, lengthen: Callable[[], None]) -> None:
    settings = Settings.from_environment()
    tables = load_tables(settings)
    sensors = alert_bundle(tables, settings).sensors
    slowest: dict[str, tuple[float, str]] = {}

    def ticks(case: str, *, times: int) -> None:
        for _ in range(times):
            for sensor in sensors:
                with dg.build_sensor_context(instance=instance) as context:
                    began = time.monotonic()
                    answer = sensor.evaluate_tick(context)
                    took = time.monotonic() - began
                print(f"{case:<42}{sensor.name:<24}{took:6.2f} s  {answer.skip_message}", flush=True)
                slowest[sensor.name] = max(slowest.get(sensor.name, (0.0, "")), (took, case))

    def after(case: str, prepare: Callable[[], None], *, times: int) -> None:
        prepare()
        ticks(case, times=times)

    _fill(instance, tables, runs)
    lengthen()
    ticks("the first: 15 minutes are news", times=2)
    ticks("idle", times=3)
    after("one failed run", lambda: run_of(instance, tables[:1], failed=True), times=2)
    after("200 failed runs of a table each", lambda: _storm(instance, tables[100:300]), times=8)
    after("one failed run of 1,000 tables", lambda: run_of(instance, tables, failed=True), times=3)
    after("one good run of 1,000 tables", lambda: run_of(instance, tables, failed=False), times=3)
    ticks("idle, 1,000 incidents remembered", times=3)
    for name, (took, case) in slowest.items():
        print(f"slowest tick of {name}: {took:.2f} s ({case})")


def _fill(instance: dg.DagsterInstance, tables: Sequence[TableSchema], runs: int) -> None:
    began = time.monotonic()
    for number in range(runs):
        run_of(instance, [tables[number % len(tables)]], failed=False)
        if number % 1_000 == 0:
            print(f"{number} runs after {time.monotonic() - began:.0f} s", flush=True)
    print(f"Filled with {runs} runs of {len(tables)} tables in {time.monotonic() - began:.0f} s.")


def _storm(instance: dg.DagsterInstance, tables: Sequence[TableSchema]) -> None:
    for table in tables:
        run_of(instance, [table], failed=True)


def _write_tables(root: Path) -> Path:
    for number in range(TABLES):
        folder = root / "postgres" / f"db{number % 20}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"t{number}.yml").write_text(FILE)
    return root


def run_of(instance: dg.DagsterInstance, tables: Sequence[TableSchema], *, failed: bool) -> None:
    """One finished run with the events that a load of these tables writes."""
    run = dg.DagsterRun(job_name="etl", run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    for key in (dg.AssetKey(table.name.split("/")) for table in tables):
        _store(instance, run, "ASSET_MATERIALIZATION_PLANNED", key, AssetMaterializationPlannedData(key))
        if failed:
            _store(instance, run, "STEP_FAILURE", key, _failure())
            continue
        _store(instance, run, "ASSET_MATERIALIZATION", key, _materialization(key))
        for check in ("unique_id", "not_null_id"):
            evaluation = AssetCheckEvaluation(key, check, passed=True)
            _store(instance, run, "ASSET_CHECK_EVALUATION", key, evaluation)
    ended = dg.DagsterEvent("PIPELINE_FAILURE" if failed else "PIPELINE_SUCCESS", run.job_name)
    instance.run_storage.handle_run_event(run.run_id, ended)


def _materialization(key: dg.AssetKey) -> StepMaterializationData:
    statements = dg.MetadataValue.md("SELECT 1\n" * 20)
    metadata: dict[str, Any] = {"rows": 10, "schema drift": "none", "statements": statements}
    return StepMaterializationData(dg.AssetMaterialization(key, metadata=metadata))


def _failure() -> Any:
    error = SerializableErrorInfo(ERROR, [], "dagster.Failure")
    facts = {"error": dg.TextMetadataValue("RetriableError"), "what": dg.TextMetadataValue(ERROR)}
    user_data: Any = UserFailureData
    data: Any = StepFailureData
    return data(error, user_data("", ERROR, facts), ErrorSource.USER_CODE_ERROR)


def _store(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: str, key: dg.AssetKey, data: Any) -> None:
    step = "__".join(key.path)
    event = dg.DagsterEvent(kind, run.job_name, step_key=step, event_specific_data=data)
    entry: Any = dg.EventLogEntry
    instance.event_log_storage.store_event(
        entry(
            error_info=None,
            level="debug",
            user_message="",
            run_id=run.run_id,
            timestamp=datetime.now(UTC).timestamp(),
            step_key=step,
            job_name=run.job_name,
            dagster_event=event,
        )
    )


if __name__ == "__main__":
    main()
