"""Dagster's instance: asked by a process of its own, which is ended when it takes too long."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from dagster_pipeline.alerts.scrubber import Scrubber
from dagster_pipeline.alerts.watched_table import WatchedTable
from dagster_pipeline.connectors.server_facts import Disk
from dagster_pipeline.doctor.diagnosis import Diagnosis, Level
from dagster_pipeline.doctor.judgement import of_daemons, of_disks, of_lateness
from dagster_pipeline.settings import Settings

SUBJECT = "dagster"
START_SECONDS = 20.0
"""To import Dagster takes two CPU seconds, on a busy machine many more of wall time."""


def examine_instance(
    settings: Settings, tables: Sequence[WatchedTable], *, seconds: float
) -> Iterator[Diagnosis]:
    """Storage, daemons, late tables, and room in `DAGSTER_HOME`."""
    home = settings.dagster_home
    if not (home / "dagster.yaml").is_file():
        yield Diagnosis(
            SUBJECT,
            "instance",
            Level.FAIL,
            f"{home} holds no dagster.yaml.",
            "Set DAGSTER_HOME to the instance's directory.",
        )
        return
    usage = shutil.disk_usage(home)
    yield from of_disks(SUBJECT, [Disk(str(home), usage.free, usage.total)])
    try:
        answer = _asked(settings, [table.name for table in tables], seconds)
    except subprocess.TimeoutExpired:
        answer = {"silent": True}
    if answer.get("silent"):
        yield Diagnosis(
            SUBJECT,
            "storage",
            Level.FAIL,
            f"Dagster's storage gave no answer within {seconds:.0f} s.",
            "Check the server that dagster.yaml names, or give more time by --timeout.",
        )
        return
    if "error" in answer:
        error = Scrubber(settings.secrets()).secrets(str(answer["error"]))
        todo = "Correct dagster.yaml, the variables that it names, or the server behind it."
        yield Diagnosis(SUBJECT, "storage", Level.FAIL, f"The instance does not open: {error}", todo)
        return
    if answer["outdated"]:
        yield Diagnosis(
            SUBJECT,
            "storage",
            Level.FAIL,
            f"The schema of {', '.join(answer['outdated'])} is older than this version of Dagster.",
            "Stop every Dagster process, back the database up, run `dagster instance migrate`.",
        )
    else:
        yield Diagnosis(SUBJECT, "storage", Level.OK, f"{answer['storage']} answers, its schema is current.")
    yield from of_daemons(answer["daemons"])
    loaded = {table: datetime.fromisoformat(moment) for table, moment in answer["last_successes"].items()}
    yield from of_lateness(tables, loaded, now=datetime.now(UTC))


def _asked(settings: Settings, tables: list[str], seconds: float) -> dict[str, Any]:
    """What the other process says. Raises `subprocess.TimeoutExpired`."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "dagster_pipeline.doctor.dagster_probe"],
        input=json.dumps({"tables": tables, "until": time.time() + seconds}),
        capture_output=True,
        text=True,
        timeout=seconds + START_SECONDS,
        check=False,
        env={**settings.environment.given, "DAGSTER_HOME": str(settings.dagster_home.absolute())},
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not answers:
        said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        return {"error": said}
    answer: dict[str, Any] = json.loads(answers[-1])
    return answer
