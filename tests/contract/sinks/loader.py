"""A process that writes one atomic chunk and says how far it is, to be killed: `python -m tests.contract.sinks.loader`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from tests.contract.sinks.sink_tables import a_write, an_append_table, numbered

BATCHES = 40
ROWS = 10_000
ALL_ROWS = BATCHES * ROWS


def batches() -> Iterator[Batch]:
    return (numbered(number * ROWS, ROWS) for number in range(BATCHES))


def raw_text(url: DatabaseUrl) -> str:
    """The address with its password, for a process of ours."""
    return url.raw or str(url)


class Loader:
    """The process, seen from a test."""

    def __init__(self, url: DatabaseUrl, database: str) -> None:
        words = [sys.executable, "-m", __spec__.name, raw_text(url), database]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def wait_for(self, line: str) -> None:
        """Read what it says up to this line."""
        assert self._process.stdout is not None
        assert line in (said.strip() for said in self._process.stdout), "the loader ended too early"

    def kill(self) -> None:
        """As hard as it goes."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def main(url: str, database: str) -> None:
    def spoken() -> Iterator[Batch]:
        for number, batch in enumerate(batches()):
            yield batch
            print(f"sent {number}", flush=True)  # noqa: T201 - the test reads it
            time.sleep(0.005)

    table = an_append_table(database, partition_by="id % 3")
    with ClickHouseSink(
        DatabaseUrl.parse(url, variable="CLICKHOUSE_URL", schemes=()), run_id=str(os.getpid())
    ) as sink:
        sink.ensure_table(table)
        sink.write(a_write(table, atomic=True), spoken())
        print("written", flush=True)  # noqa: T201 - the test reads it
        time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
