"""`python -m tests.faults.resume_cost [--rows N] [--chunk-rows C]`: what a kill in the middle of a large load costs.

A full load over HTTP is killed (SIGKILL) when the ledger has half of the rows; the next run must read at most one chunk
per stream again. Ends with 1 when it reads more, or when the tables differ. The engine reads with two streams here.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import ExitStack

from scripts.servers.mariadb import MariaDb
from scripts.servers.postgres import Postgres
from scripts.servers.scratch import scratch_server
from scripts.servers.server import Server
from tests.faults.scenario import compare
from tests.faults.source_table import Shape
from tests.faults.stage import Stage

STREAMS = 2


def main(words: list[str] | None = None) -> int:
    """Measure both sources and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.resume_cost", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--chunk-rows", type=int, default=100_000)
    arguments = parser.parse_args(words)
    with ExitStack() as stack:
        servers = {
            dialect: stack.enter_context(scratch_server(product))
            for dialect, product in (("postgres", Postgres()), ("mysql", MariaDb()))
        }
        good = [
            measure(dialect, server, rows=arguments.rows, chunk_rows=arguments.chunk_rows)
            for dialect, server in servers.items()
        ]
    return 0 if all(good) else 1


def measure(dialect: str, server: Server, *, rows: int, chunk_rows: int) -> bool:
    """Kill and resume one load; print what it cost; whether it was within the bar."""
    with Stage.set(
        server, dialect=dialect, shape=Shape.INCREMENTAL, over_http=True, rows=rows, chunk_rows=chunk_rows
    ) as stage:
        began = time.monotonic()
        run = stage.start()
        killed = run.wait_until(lambda: stage.ledger().get("done", (0, 0))[1] >= rows // 2) and run.kill(
            signal.SIGKILL
        )
        run.end()
        first = time.monotonic() - began
        _, done = stage.ledger()["done"]
        started, _ = stage.ledger().get("started", (0, 0))
        began = time.monotonic()
        ended = stage.start().end()
        again = ended.said["rows"] - (rows - done)
        _, difference = compare(stage)
        good = killed and ended.said["resumed"] and started <= STREAMS and again == 0 and difference.is_none
        print(  # noqa: T201 -- what it is for
            f"{dialect}: killed after {first:.1f} s with {done:,} of {rows:,} rows done and {started} chunk(s) of"
            f" {chunk_rows:,} rows begun; the next run moved {ended.said['rows']:,} rows in"
            f" {time.monotonic() - began:.1f} s, so {started} chunk(s) were read again; tables equal:"
            f" {difference.is_none}",
            flush=True,
        )
        return bool(good)


if __name__ == "__main__":
    sys.exit(main())
