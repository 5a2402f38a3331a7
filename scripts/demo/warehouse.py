"""The embedded warehouse as the demo's own programs open it. Whoever opened it keeps others out until he ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from dagster_pipeline.connectors.sink.clickhouse.embedded_lock import EmbeddedLock

WAIT_SECONDS = 10.0


@contextmanager
def open_warehouse(directory: Path) -> Iterator[Client]:
    """A client of the engine that reads every table under FINAL where its engine knows that.

    Raises `RetriableError` that names the process that has it open, if one does.
    """
    lock = EmbeddedLock(directory, holder="make demo", wait_seconds=WAIT_SECONDS)
    lock.acquire()
    try:
        client = clickhouse_connect.get_client(dsn=f"chdb://{directory}", settings={"final": 1})
        yield client
        client.close()
    finally:
        lock.release()
