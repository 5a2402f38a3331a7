"""Asks Dagster's instance how it is, as a process of its own: `python -m dagster_pipeline.doctor.dagster_probe`.

Importing Dagster and opening its storage may take long or hang, with the interpreter's lock held; a process can be ended.
Reads `{"tables": [...], "until": <seconds since 1970>}` on standard input, writes one JSON object to standard output.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any, NoReturn

import dagster as dg

from dagster_pipeline.alerts.dagster_runs import last_successes

FEWEST_SECONDS = 3.0
"""To import Dagster may have taken all the time that there was; its storage is given this much at least."""


def probe(tables: list[str]) -> dict[str, Any]:
    """Storage, whether its schema is current, ages of the daemons' heartbeats, last success of each table.

    Raises whatever the instance's own configuration or storage raises.
    """
    with dg.DagsterInstance.get() as instance:
        storages = {
            name: storage
            for name, storage in (
                ("runs", instance.run_storage),
                ("events", instance.event_log_storage),
                ("schedules", instance.schedule_storage),
            )
            if storage is not None
        }
        outdated = []
        for name, storage in storages.items():
            revision = storage.alembic_version()
            if revision is not None and revision[0] != revision[1]:
                outdated.append(name)
        heartbeats = instance.get_daemon_heartbeats()
        ages = {
            kind: time.time() - heartbeats[kind].timestamp if kind in heartbeats else None
            for kind in instance.get_required_daemon_types()
        }
        return {
            "storage": type(instance.run_storage).__name__,
            "outdated": outdated,
            "daemons": ages,
            "last_successes": {
                table: moment.isoformat() for table, moment in last_successes(instance, tables).items()
            },
        }


def main() -> NoReturn:
    """Answer, or say in one line of JSON what is wrong."""
    asked = json.load(sys.stdin)
    answer: dict[str, Any] = {"silent": True}

    def ask() -> None:
        nonlocal answer
        try:
            answer = probe(asked["tables"])
        except Exception as error:  # noqa: BLE001 -- whatever it is, the parent reports it
            answer = {"error": _first_sentence(error)}

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(max(FEWEST_SECONDS, asked["until"] - time.time()))
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    os._exit(0)  # a driver that waits for a silent server would not let us go


def _first_sentence(error: BaseException) -> str:
    """Of the innermost cause: Dagster wraps a missing variable or a refused connection in its own configuration."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    unset = [
        line for line in lines if "which is not set" in line
    ]  # behind a page about the whole configuration
    return f"{type(error).__name__}: {' '.join(unset or lines[:3])}"[:600]


if __name__ == "__main__":
    main()
