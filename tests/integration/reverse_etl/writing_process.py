"""Runs a flow in a process of its own, so that a test can kill it: `writing_process.py FACTS.json`.

Facts: `folder` and `target` as `FlowRig` has them, `warehouse`, `dialect`, `keys`; `die_at`: `[object, call, when, nth]` kills
this process (SIGKILL) around a call. It prints what the run did as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.reverse_etl.books import Books
from dagster_pipeline.reverse_etl.run import ReverseEtl
from dagster_pipeline.state.state_manager import StateManager
from tests.integration.reverse_etl.flow_rig import open_target, read_flow

OBJECTS: dict[str, Any] = {"books": Books, "state": StateManager}


def die_around(kind: str, call: str, when: str, nth: int) -> None:
    """Kill this process at the nth call, before or after it."""
    owner, calls = OBJECTS[kind], 0
    original = getattr(owner, call)

    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **named)
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, call, dying)


def main(facts: dict[str, Any]) -> None:
    """Run once."""
    folder = Path(facts["folder"])
    if "die_at" in facts:
        die_around(*facts["die_at"])
    url = DatabaseUrl.parse(facts["target"], variable="URL", schemes=())
    flow = read_flow(folder, facts["dialect"], url.database, **facts["keys"])
    state = StateManager(
        DatabaseUrl.parse(f"sqlite:///{folder}/state.sqlite", variable="STATE_URL", schemes=())
    )
    warehouse = DatabaseUrl.parse(facts["warehouse"], variable="CLICKHOUSE_URL", schemes=())
    with open_target(flow, facts["target"]) as target, ClickHouseSink(warehouse) as sink:
        if facts.get("prepare"):
            for statement in facts["prepare"]:
                sink.command(statement, doing="Preparing")
        result = ReverseEtl(flow, sink=sink, target=target, state=state, run_id="test").run()
    state.close()
    sys.stdout.write(json.dumps({"written": result.counts.written, "changes": result.changes}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
