"""`make demo`: real source databases with sample data, two runs through Dagster, and the proof that nothing differs."""

from __future__ import annotations

import argparse
import fcntl
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dagster_pipeline.errors import PipelineError
from scripts.demo import changes, sample_data
from scripts.demo.compare import TABLES, Comparison, compare
from scripts.demo.dagster_runs import materialize, moves
from scripts.demo.databases import Database, databases
from scripts.demo.environment import Places, choose_servers, variables
from scripts.demo.progress import DemoError, run_quietly, step
from scripts.demo.report import render


def main(words: list[str] | None = None) -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo.run", description=__doc__)
    parser.add_argument("--local", type=Path, default=Places().local, help="servers, warehouse, log")
    parser.add_argument(
        "--dagster-home", type=Path, default=Places().dagster_home, help="run history and state"
    )
    arguments = parser.parse_args(words)
    places = Places(local=arguments.local.absolute(), dagster_home=arguments.dagster_home.absolute())
    try:
        with _alone(places):
            return _demo(places)
    except PipelineError as error:
        print(f"\n{error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nInterrupted. `make stop` ends the database servers.", file=sys.stderr)
    return 1


def _demo(places: Places) -> int:
    started = time.monotonic()
    places.log.write_text("")
    servers = choose_servers(places)
    with step("PostgreSQL and MariaDB"):
        servers.start()
    environment = variables(servers, places)
    sources = databases(mysql=servers.mysql, postgres=servers.postgres)
    with step("Sample data at the sources"):
        sample_data.fill(sources)
    _prepare(environment, places)
    with changes.late_transactions(sources), step("Run 1, while transactions are open at the sources"):
        materialize(environment, places.log)
    with step("Changes at the sources, and the late commits"):
        changes.change(sources)
    with step("Run 2"):
        materialize(environment, places.log)
    with step("Comparison of every table with its source"):
        moved = moves(places.dagster_home)
        comparisons = _comparisons(sources, places)
    print(f"\n{render(comparisons, moved)}\n")
    return _verdict(comparisons, seconds=time.monotonic() - started, log=places.log)


def _prepare(environment: Mapping[str, str], places: Places) -> None:
    if places.warehouse.exists():
        with step("The last demo's tables out of the warehouse"):
            _python(
                "-m",
                "scripts.demo.reset",
                environment=environment,
                places=places,
                todo="`make clean` deletes the warehouse.",
            )
    with step("Validation of the table files"):
        _python(
            "scripts/validate_schemas.py",
            environment=environment,
            places=places,
            todo="Correct the table files.",
        )


def _python(*words: str, environment: Mapping[str, str], places: Places, todo: str) -> None:
    run_quietly([sys.executable, *words], environment=environment, log=places.log, todo=todo)


def _comparisons(sources: Sequence[Database], places: Places) -> list[Comparison]:
    from scripts.demo.warehouse import open_warehouse  # noqa: PLC0415 - the engine's import costs a second

    by_name = {source.name: source for source in sources}
    with open_warehouse(places.warehouse) as warehouse:
        return [
            compare(
                table,
                by_name[table.database].dialect,
                source=by_name[table.database].one_row,
                warehouse=lambda query: warehouse.query(query).result_rows[0],
            )
            for table in TABLES
        ]


def _verdict(comparisons: Sequence[Comparison], *, seconds: float, log: Path) -> int:
    different = [comparison.table.asset for comparison in comparisons if not comparison.agrees]
    if different:
        print(
            f"These tables differ from their sources: {', '.join(different)}. The log: {log}", file=sys.stderr
        )
        return 1
    print(
        f"Every table equals its source, by row count and by sums over its columns. {seconds:.0f} s in all."
    )
    print("`make dev` opens Dagster over this data on http://127.0.0.1:3004, `make stop` ends the servers.")
    return 0


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    """Keep a second demo out: both would change the same sources."""
    places.local.mkdir(exist_ok=True)
    with (places.local / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoError("Another `make demo` is at work here.", todo="Wait until it is done.") from error
        yield


if __name__ == "__main__":
    sys.exit(main())
