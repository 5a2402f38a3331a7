"""Brings one table forward in a process of its own, so that a test can kill it: `loading_process.py FACTS.json`.

Facts: `schemas`, `source`, `warehouse` and `state` are addresses; the rest may be left out:
- `ask`: a query that is run afterwards, its rows are `found`; with `only_ask` nothing is loaded;
- `drop`: a table of the warehouse that is dropped, and nothing else is done;
- `full_refresh`: as in the run config;
- `lock_seconds`: how long a silent holder keeps its lock;
- `die_at`: `{"call": "swap", "when": "before", "nth": 1}` kills this process (SIGKILL) around a call of the sink or store;
- `user`: the number of the user to become, e.g. one who may only read the store.

It prints one JSON object: `ended` is `well` or the name of our error, whose `words` are beside it. Any other error ends
it with a traceback.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sources.mysql.connector import MySQLSource
from dagster_pipeline.connectors.sources.postgres.connector import PostgresSource
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, FatalError, PipelineError, RetriableError
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.config import SyncConfig
from dagster_pipeline.sync.engine import TableSync
from dagster_pipeline.sync.partition_slice import partition_slice

SUMS = "SELECT count(), sum(id), sum(cityHash64(note)), uniqExact(id) FROM shop.orders"
GROUPS = (RetriableError, ConfigurationError, FatalError)


def main(facts: dict[str, Any]) -> dict[str, Any]:
    """Run once; what was done."""
    warehouse = DatabaseUrl.parse(facts["warehouse"], variable="CLICKHOUSE_URL", schemes=())
    if "drop" in facts:
        with ClickHouseSink(warehouse) as sink:
            sink.drop(*facts["drop"])
            return {"ended": "well"}
    if facts.get("only_ask"):
        with ClickHouseSink(warehouse) as sink:
            return {"ended": "well", "found": sink.rows(facts["ask"])}
    (schema,) = SchemaLoader(Path(facts["schemas"])).load()
    url = DatabaseUrl.parse(facts["source"], variable="SOURCE_URL", schemes=())
    source = (MySQLSource if schema.source.dialect == "mysql" else PostgresSource)(schema, url=url)
    state = StateManager(
        DatabaseUrl.parse(facts["state"], variable="STATE_URL", schemes=()),
        lock_seconds=facts.get("lock_seconds", 90),
    )
    if "user" in facts:  # only now: that user may not be able to read our own modules
        os.setresuid(facts["user"], facts["user"], facts["user"])
    config = SyncConfig(full_refresh=facts.get("full_refresh", False))
    try:
        with source, ClickHouseSink(warehouse) as sink:
            if "die_at" in facts:
                die_at(sink, state, **facts["die_at"])
            part = partition_slice(schema, facts["keys"]) if "keys" in facts else None
            result = TableSync(
                schema, source=source, sink=sink, state=state, run_id="test", config=config, part=part
            ).run()
            final = " FINAL" if result.table.collapses_rereads else ""
            found = sink.rows(facts.get("ask", SUMS + final))
    finally:
        state.close()
    return {
        "ended": "well",
        "resumed": result.resumed,
        "chunks": result.moved.chunks,
        "rows": result.moved.rows,
        "cursor": result.cursor_after,
        "notes": result.notes,
        "seconds": result.seconds,
        "found": found,
    }


def die_at(sink: object, state: object, *, call: str, when: str, nth: int) -> None:
    """Kill this process around the nth call of a method of the sink or the store; `run` is any statement of the sink."""
    statements = getattr(sink, "_statements", None)
    owner: Any = statements if call == "run" else sink if hasattr(sink, call) else state
    original: Callable[..., Any] = getattr(owner, call)
    left = nth

    def fatal(*args: object, **named: object) -> object:
        nonlocal left
        left -= 1
        if left == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(*args, **named)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, call, fatal)


def group_of(error: PipelineError) -> str:
    """The name of what to do about an error."""
    return next((group.__name__ for group in GROUPS if isinstance(error, group)), type(error).__name__)


if __name__ == "__main__":
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # as Dagster has it: an interrupt of the main thread
    try:
        said = main(json.loads(Path(sys.argv[1]).read_text()))
    except PipelineError as error:
        said = {"ended": group_of(error), "words": str(error)}
    except KeyboardInterrupt:
        said = {"ended": "interrupted"}
    print(json.dumps(said, default=str))  # noqa: T201 -- the answer to the test
