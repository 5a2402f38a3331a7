"""`make bench`: measures full and incremental loads against the limits of this machine, and writes docs/benchmarks.md.

It can be broken off and started again: what was measured is kept in `.local/bench/results.jsonl` until `--fresh`.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

import psutil

from scripts.bench.facts import facts
from scripts.bench.growth import grown_tables, measure_definitions
from scripts.bench.page import write_page
from scripts.bench.results import Results
from scripts.bench.servers import running_front, running_source
from scripts.bench.session import Session
from scripts.bench.subjects import BenchError, Ours, Subject, peers
from scripts.bench.tables import DIALECTS, tables
from scripts.bench.tick import Tick

DIRECTORY = Path(".local/bench")
INCREMENTAL_TABLE = "mixed_5m"


def main(words: list[str] | None = None) -> int:
    """Measure, then write the page."""
    arguments = _parser().parse_args(words)
    directory: Path = arguments.directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o711)
    results_file = directory / "results.jsonl"
    if arguments.fresh:
        results_file.unlink(missing_ok=True)
    results = Results(results_file)
    if not arguments.page_only:
        _measure(arguments, directory, results)
    write_page(results, directory / "facts.json", Path("docs"), cores=psutil.cpu_count() or 1)
    return 0


def _measure(arguments: argparse.Namespace, directory: Path, results: Results) -> None:
    known = tables(arguments.scale) | grown_tables(arguments.scale)
    chosen = [table for name, table in known.items() if name in arguments.tables.split(",")]
    subjects = _subjects(directory, with_peers=arguments.peers)
    counts = [int(count) for count in arguments.tick.split(",") if count != "0"]
    if counts:
        measure_definitions(directory, results, arguments.runs, _say)
    with ExitStack() as stack:
        front = stack.enter_context(running_front(directory / "warehouse"))
        dialects = arguments.sources.split(",")
        if counts:
            with ExitStack() as servers:
                both = [servers.enter_context(running_source(one, directory / "servers")) for one in dialects]
                for count in counts:
                    Tick(directory, both, front, tables=count).measure(results, arguments.runs, _say)
        for dialect in dialects if chosen else ():
            with running_source(dialect, directory / "servers") as source:
                facts(directory / "facts.json", source, front)
                for table in chosen:
                    source.ensure(table, _say)
                    session = Session(
                        directory, results, subjects, arguments.warehouses.split(","), front, _say
                    )
                    for number in range(arguments.runs + 1):
                        session.round(number, source, table, incremental=table.name == INCREMENTAL_TABLE)


def _subjects(directory: Path, *, with_peers: bool) -> list[Subject]:
    ready: list[Subject] = []
    for subject in [Ours(directory), *(peers(directory) if with_peers else [])]:
        try:
            subject.prepare(_say)
        except BenchError as error:
            _say(f"{subject.name} {error}")
        else:
            ready.append(subject)
    return ready


def _say(text: str) -> None:
    print(text, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__)
    parser.add_argument(
        "--tick",
        default="10,100,300",
        help="small tables of one schedule, and definitions of many; 0: leave out",
    )
    parser.add_argument("--runs", type=int, default=5, help="counted runs after the warm-up")
    parser.add_argument("--tables", default=",".join(tables(1) | grown_tables(1)), help="comma-separated")
    parser.add_argument("--sources", default=",".join(DIALECTS), help="comma-separated")
    parser.add_argument("--warehouses", default="http,embedded", help="comma-separated")
    parser.add_argument(
        "--peers", action="store_true", help="measure dlt, quickhouse and Sling in turn with us"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows, for a try")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="servers, warehouse, results")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    parser.add_argument("--page-only", action="store_true", help="write the page from what was measured")
    return parser


if __name__ == "__main__":
    sys.exit(main())
