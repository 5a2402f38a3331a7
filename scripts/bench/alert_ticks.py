"""How long ticks of the alert sensors take on an instance with 1,000 tables and 10,000 runs: `-m scripts.bench.alert_ticks`.

The instance is real (SQLite in a temporary directory, or PostgreSQL by `--postgres URL`) and filled with made-up runs, each with
the events that a load writes. Channels are a local SMTP server that takes everything; so sending is measured too.
"""

from __future__ import annotations

import argparse
import os
import socketserver
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.events import AssetMaterializationPlannedData, StepMaterializationData
from dagster._core.execution.plan.objects import ErrorSource, StepFailureData, UserFailureData
from dagster_shared.error import SerializableErrorInfo

from dagster_pipeline.alerts.sensors import alert_bundle
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings

TABLES, RUNS, TICKS = 1_000, 10_000, 5
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
        data = False
        for line in self.rfile:
            if data:
                if line == b".\r\n":
                    data = False
                    self.wfile.write(b"250 taken\r\n")
                continue
            if line.upper().startswith(b"DATA"):
                data = True
                self.wfile.write(b"354 go on\r\n")
            elif line.upper().startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 yes\r\n")


def main() -> None:
    """Fill an instance, then time ticks: idle, with a failed run, with a storm, with a backlog."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", default="", help="keep the instance in this database instead of SQLite")
    parser.add_argument("--directory", default=None, help="where the instance is made")
    parser.add_argument("--runs", type=int, default=RUNS)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=arguments.directory) as name,
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as smtp,
    ):
        threading.Thread(target=smtp.serve_forever, daemon=True).start()
        home = Path(name) / "home"
        home.mkdir()
        storage = (
            f"storage: {{postgres: {{postgres_url: '{arguments.postgres}'}}}}\n" if arguments.postgres else ""
        )
        (home / "dagster.yaml").write_text(f"telemetry: {{enabled: false}}\n{storage}")
        os.environ |= {
            "DAGSTER_HOME": str(home),
            "SCHEMAS_DIR": str(_schemas(Path(name) / "schemas")),
            "ALERTS_FILE": str(Path(name) / "no-alerts.yml"),
            "SMTP_URL": f"smtp://127.0.0.1:{smtp.server_address[1]}",
            "ALERT_EMAIL_FROM": "bench@example.com",
            "ALERT_EMAIL_TO": "bench@example.com",
        }
        with dg.DagsterInstance.from_config(str(home)) as instance:
            _measure(instance, arguments.runs)


def _measure(instance: dg.DagsterInstance, runs: int) -> None:
    settings = Settings.from_environment()
    tables = load_tables(settings)
    sensors = {sensor.name: sensor for sensor in alert_bundle(tables, settings).sensors}
    begun = time.monotonic()
    for number in range(runs):
        _run(instance, [tables[number % TABLES]], failed=False)
        if number % 1_000 == 0:
            print(f"{number} runs after {time.monotonic() - begun:.0f} s", flush=True)
    print(f"Filled with {runs} runs of {len(tables)} tables in {time.monotonic() - begun:.0f} s.")

    def tick(name: str) -> float:
        context = dg.build_sensor_context(instance=instance)
        began = time.monotonic()
        answer = sensors[name].evaluate_tick(context)
        took = time.monotonic() - began
        print(f"    {name}: {took:.2f} s  {answer.skip_message}")
        return took

    def case(what: str, prepare: Callable[[], None], times: int = 1) -> None:
        prepare()
        print(what)
        for _ in range(times):
            for name in sensors:
                tick(name)

    case("first ticks, everything of the last 15 minutes is news", lambda: None, times=TICKS)
    case("idle", lambda: None, times=2)
    case("one failed run", lambda: _run(instance, tables[:1], failed=True), times=2)
    case(
        "200 failed runs",
        lambda: [_run(instance, [t], failed=True) for t in tables[100:300]] and None,
        times=8,
    )
    case("one failed run of 1,000 tables", lambda: _run(instance, tables, failed=True), times=3)
    case("one good run of 1,000 tables", lambda: _run(instance, tables, failed=False), times=3)
    case("idle, with what was told", lambda: None, times=2)


def _schemas(root: Path) -> Path:
    for number in range(TABLES):
        folder = root / "postgres" / f"db{number % 20}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"t{number}.yml").write_text(FILE)
    return root


def _run(
    instance: dg.DagsterInstance, tables: list[TableSchema] | tuple[TableSchema, ...], *, failed: bool
) -> None:
    """One finished run with the events that a load of these tables writes."""
    run = dg.DagsterRun(job_name="etl", run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    keys = [dg.AssetKey(table.name.split("/")) for table in tables]
    for key in keys:
        step = "__".join(key.path)
        _event(instance, run, "ASSET_MATERIALIZATION_PLANNED", step, AssetMaterializationPlannedData(key))
        if failed:
            cause = SerializableErrorInfo(ERROR, [], "dagster.Failure")
            facts = {"error": dg.TextMetadataValue("RetriableError"), "what": dg.TextMetadataValue(ERROR)}
            data = StepFailureData(cause, UserFailureData("", ERROR, facts), ErrorSource.USER_CODE_ERROR)
            _event(instance, run, "STEP_FAILURE", step, data)
        else:
            metadata = {
                "rows": 10,
                "schema drift": "none",
                "statements": dg.MetadataValue.md("SELECT 1\n" * 20),
            }
            done = StepMaterializationData(dg.AssetMaterialization(key, metadata=metadata))
            _event(instance, run, "ASSET_MATERIALIZATION", step, done)
            for check in ("unique_id", "not_null_id"):
                evaluation = AssetCheckEvaluation(key, check, passed=True)
                _event(instance, run, "ASSET_CHECK_EVALUATION", step, evaluation)
    _end(instance, run, failed=failed)


def _event(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: str, step: str, data: object) -> None:
    event = dg.DagsterEvent(kind, run.job_name, step_key=step, event_specific_data=data)  # type: ignore[arg-type]  # each kind has its own data
    entry = dg.EventLogEntry(  # type: ignore[no-untyped-call]  # Dagster gives it no types
        error_info=None,
        level="debug",
        user_message="",
        run_id=run.run_id,
        timestamp=datetime.now(UTC).timestamp(),
        step_key=step,
        job_name=run.job_name,
        dagster_event=event,
    )
    instance.event_log_storage.store_event(entry)


def _end(instance: dg.DagsterInstance, run: dg.DagsterRun, *, failed: bool) -> None:
    kind = "PIPELINE_FAILURE" if failed else "PIPELINE_SUCCESS"
    event = dg.DagsterEvent(kind, run.job_name)
    instance.run_storage.handle_run_event(run.run_id, event)


if __name__ == "__main__":
    main()
