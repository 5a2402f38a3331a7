# ruff: noqa: T201 -- it prints what it measures
"""`python -m tests.e2e.load`: many queued runs and many open pages at once; is a run lost, and how fast are the pages?

Code server, webserver and daemon run as in production, over PostgreSQL and an S3 server, with the limits of
`dagster.production.yaml`. The runs go round tables of one source, each by the UI's own request. Every page asks what
Dagster's page of runs asks, as often as that does.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.servers.postgres import Postgres
from scripts.servers.scratch import scratch_server
from tests.e2e.containers import SERVICES, Containers
from tests.e2e.processes import ask
from tests.e2e.production import around

TABLES = tuple(f"orders_{number:02}" for number in range(20))
ROWS = 1_000
POLL_SECONDS = 15.0
"""As often as Dagster's own page of runs asks."""
LONGEST_SECONDS = 7200.0

PAGE = """
{ runsOrError(limit: 25) { ... on Runs { results {
      runId status jobName creationTime startTime endTime tags { key value }
      assetSelection { path } } } }
  queued: runsOrError(filter: {statuses: [QUEUED]}) { ... on Runs { count } }
  started: runsOrError(filter: {statuses: [STARTED]}) { ... on Runs { count } }
  instance { daemonHealth { allDaemonStatuses { daemonType healthy } } }
  locationStatusesOrError { __typename } }
"""
ALL_RUNS = """
{ runsOrError { ... on Runs { results { runId status startTime endTime rootRunId } } } }
"""


@dataclass
class Pages:
    """Open pages, each a thread that asks until it is told to stop.

    Attributes:
        seconds: how long each answer took.
        failures: what answers failed with.
    """

    web_url: str
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def open(self, count: int) -> list[threading.Thread]:
        """Start them, spread over one interval."""
        threads = [
            threading.Thread(target=self._poll, args=(number / count * POLL_SECONDS,), daemon=True)
            for number in range(count)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _poll(self, first: float) -> None:
        wait = first
        while not self.closed.wait(wait):
            began = time.monotonic()
            try:
                ask(self.web_url, PAGE)
            except Exception as error:  # noqa: BLE001 -- whatever a page would show as an error
                self.failures.append(repr(error))
            else:
                self.seconds.append(time.monotonic() - began)
            wait = max(0.0, POLL_SECONDS - (time.monotonic() - began))


def main() -> int:
    """Measure and print; 1 when a run was lost or doubled, or a page got no answer."""
    parser = argparse.ArgumentParser(description="Queued runs and open pages at once.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--pages", type=int, default=50)
    parsed = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with (
        tempfile.TemporaryDirectory(prefix="dagster-pipeline-load-") as scratch,
        scratch_server(Postgres()) as server,
    ):
        directory = Path(scratch)
        with around(server, directory, name="load", rows=ROWS, tables=TABLES) as production:
            services = Containers(directory, production.variables)
            try:
                problems = _measure(services, runs=parsed.runs, pages=parsed.pages)
                problems += [
                    f"{table} has {production.copied(table)}"
                    for table in TABLES[: parsed.runs]
                    if production.copied(table) != (ROWS, ROWS * (ROWS + 1) // 2)
                ]
            finally:
                services.close()
    print("\n".join(problems) or "No run was lost or doubled, and every page got its answers.")
    return 1 if problems else 0


def _measure(services: Containers, *, runs: int, pages: int) -> list[str]:
    for service in SERVICES:
        services.start(service)
    services.wait_for_location()
    polling = Pages(services.web_url)
    threads = polling.open(pages)
    began = time.monotonic()
    launched = [services.launch_run("shop", TABLES[number % len(TABLES)]) for number in range(runs)]
    queued = time.monotonic() - began
    print(f"{runs} runs were asked for in {queued:.0f} s, with {pages} pages open.", flush=True)
    results = _drained(services, runs)
    drained = time.monotonic() - began
    polling.closed.set()
    for thread in threads:
        thread.join()
    taken = sorted(polling.seconds)
    work = statistics.median(run["endTime"] - run["startTime"] for run in results if run["endTime"])
    print(f"They were done after {drained:.0f} s; the median run took {work:.1f} s.")
    print(
        f"{len(taken)} answers to pages: median {statistics.median(taken):.2f} s, "
        f"95 % within {taken[int(len(taken) * 0.95)]:.2f} s, the slowest {taken[-1]:.2f} s; {len(polling.failures)} failed."
    )
    for run in results:
        if run["status"] != "SUCCESS":
            print(f"{run['runId']} is {run['status']}: {services.events(str(run['runId']))[-1000:]}")
    return [*_lost(launched, results), *sorted(set(polling.failures))]


def _lost(launched: Sequence[str], results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Runs that did not succeed, nor a retry of theirs; and runs that are neither asked for nor retries."""
    of = {run["runId"]: run["rootRunId"] or run["runId"] for run in results}
    succeeded = Counter(of[run["runId"]] for run in results if run["status"] == "SUCCESS")
    for run in launched:
        if succeeded[run] != 1:
            yield f"run {run} succeeded {succeeded[run]} times, retries included"
    for run in set(of.values()) - set(launched):
        yield f"run {run} was never asked for"


def _drained(services: Containers, runs: int) -> list[dict[str, Any]]:
    """All runs, once as many as were asked for have succeeded, retries included, or the time is over."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while True:
        for service in SERVICES:
            services.must_live(service)
        results: list[dict[str, Any]] = services.ask(ALL_RUNS)["runsOrError"]["results"]
        succeeded = sum(run["status"] == "SUCCESS" for run in results)
        if succeeded >= runs or time.monotonic() > deadline:
            return results
        print(f"{succeeded} of {runs} have succeeded.", flush=True)
        time.sleep(20)


if __name__ == "__main__":
    sys.exit(main())
