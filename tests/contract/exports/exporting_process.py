"""A process that exports and kills itself at a given moment:
`python -m tests.contract.exports.exporting_process FOLDER DATABASE ENVIRONMENT_AS_JSON MOMENT`.

A moment is `before` or `after`, and a method of the sink's class; the number of a batch means in the middle of staging.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.export_sinks import open_export_sink
from dagster_pipeline.exports.exporting import Exporting
from dagster_pipeline.schema_tree import load_tree
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.state_manager import StateManager
from tests.contract.exports.export_rig import parse


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


BATCH_ROWS = 30_000
"""Whatever blocks the engine makes."""


def arm(sink: Any, moment: str) -> None:
    """Die at the first such call."""
    if moment.isdecimal():
        in_the_middle_of_staging(int(moment))
        return
    when, _, name = moment.partition(" ")
    original = getattr(sink, name)

    def deadly(*args: Any, **words: Any) -> Any:
        if when == "before":
            die()
        original(*args, **words)
        die()

    setattr(sink, name, deadly)


def in_the_middle_of_staging(batch: int) -> None:
    original = ClickHouseSink.batches

    def dying(self: Any, *args: Any, **words: Any) -> Iterator[Any]:
        number = 0
        for block in original(self, *args, **words):
            for start in range(0, block.num_rows, BATCH_ROWS):
                if number == batch:
                    die()
                yield block.slice(start, BATCH_ROWS)
                number += 1

    ClickHouseSink.batches = dying  # type: ignore[method-assign, assignment] -- all rows go through it


def main(folder: str, environment: str, moment: str) -> None:
    settings = Settings.from_environment({**json.loads(environment), "SCHEMAS_DIR": f"{folder}/schemas"})
    (export,) = load_tree(settings).exports
    sink = open_export_sink(settings, export)
    arm(sink, moment)
    with (
        closing(StateManager(parse(f"sqlite:///{folder}/state.sqlite", "STATE_URL"))) as state,
        closing(sink),
        ClickHouseSink(parse(f"chdb://{Path(folder)}/warehouse", "CLICKHOUSE_URL")) as warehouse,
    ):
        Exporting(export=export, warehouse=warehouse, sink=sink, state=state, run_id="killed").run()


if __name__ == "__main__":
    main(*sys.argv[1:])
