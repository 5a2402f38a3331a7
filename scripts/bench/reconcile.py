"""What a reconciliation costs beside one read of the same table: `python -m scripts.bench.reconcile`.

In turns, several rounds, medians: the source's own client reads the whole table (`COPY` or `mysql --quick`), the warehouse sends
the whole table under FINAL, and the two are reconciled. All numbers are CPU seconds of the servers, which other work on the
machine moves less than it moves times.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sources.mysql.connector import MySQLSource
from dagster_pipeline.connectors.sources.postgres.connector import PostgresSource
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.reconcile.table_reconciliation import TableReconciliation
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.engine import TableSync
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from scripts.bench.limits import PIECE, read_alone
from scripts.bench.servers import Front, Source, running_front, running_source
from scripts.bench.tables import DATABASE, DIALECTS, BenchTable, tables

RUN = "be9cbe9cbe9c"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", default="mixed_2m")
    parser.add_argument("--scale", type=float, default=1.0, help="shrinks the table, for a try")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "reconcile-bench")
    parser.add_argument("--dialect", choices=DIALECTS, action="append")
    arguments = parser.parse_args()
    table = tables(arguments.scale)[arguments.table]
    for dialect in arguments.dialect or DIALECTS:
        with (
            running_source(dialect, arguments.directory / dialect) as source,
            tempfile.TemporaryDirectory(dir=arguments.directory) as folder,
            running_front(Path(folder) / "warehouse") as front,
        ):
            source.ensure(table, print)
            _measure(_Bench(source, front, table, Path(folder)), arguments.rounds)


class _Bench:
    """One table with both its servers."""

    def __init__(self, source: Source, front: Front, table: BenchTable, folder: Path) -> None:
        self.source, self.front, self.table = source, front, table
        self._url = _parsed(source.url)
        self._state = StateManager(_parsed(f"sqlite:///{folder}/state.sqlite"))
        self._sink = ClickHouseSink(_parsed(front.url))
        self._schema = self._read(folder / "schemas")

    def _read(self, schemas: Path) -> TableSchema:
        file = schemas / self.source.dialect / DATABASE / f"{self.table.name}.yml"
        file.parent.mkdir(parents=True)
        file.write_text(self.table.file(self.source.dialect))
        (schema,) = SchemaLoader(schemas, judges=(TypeMapper().problems,)).load()
        return schema

    def load(self) -> None:
        """As a first run does."""
        with self._opened() as source:
            TableSync(self._schema, source=source, sink=self._sink, state=self._state, run_id=RUN).run()

    def reconcile(self) -> None:
        """Raises `AssertionError` when the two sides are not equal."""
        with self._opened() as source:
            found = TableReconciliation(
                self._schema, source=source, sink=self._sink, state=self._state, run_id=RUN
            ).run()
        if (
            found.source_rows != self.table.rows
            or found.warehouse_rows != self.table.rows
            or found.reread_rows
        ):
            raise AssertionError(f"the two sides should be equal: {found}")

    def send(self) -> None:
        """The warehouse sends what a reader sees."""
        destination = self._schema.destination
        names = ", ".join(column.name for column in self.table.columns)
        client = self.front.client()
        query = f"SELECT {names} FROM {destination.database}.{destination.table} FINAL"
        with client.raw_stream(query, fmt="TabSeparated") as stream:
            while stream.read(PIECE):
                pass
        client.close()

    def read(self) -> None:
        """The source sends everything."""
        read_alone(self.source, self.table)

    def _opened(self) -> Any:
        kind: Any = MySQLSource if self.source.dialect == "mysql" else PostgresSource
        return kind(self._schema, url=self._url, mask_key="k")


def _parsed(url: str) -> DatabaseUrl:
    return DatabaseUrl.parse(url, variable="BENCH_URL", schemes=())


def _measure(bench: _Bench, rounds: int) -> None:
    bench.load()
    spent: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        spent["source, one read"].append(_cost(bench.source.cpu, bench.read))
        spent["warehouse, one read"].append(_cost(bench.front.cpu, bench.send))
        before = bench.front.cpu()
        spent["source, reconciliation"].append(_cost(bench.source.cpu, bench.reconcile))
        spent["warehouse, reconciliation"].append(bench.front.cpu() - before)
    print(f"{bench.source.version()}, {bench.table.rows:,} rows, {bench.table.title}, CPU seconds")
    for what, seconds in spent.items():
        print(
            f"  {what:<26} {statistics.median(seconds):6.2f}   {' '.join(f'{each:.2f}' for each in seconds)}"
        )
    for side in ("source", "warehouse"):
        whole, compared = (
            statistics.median(spent[f"{side}, {what}"]) for what in ("one read", "reconciliation")
        )
        print(f"  {side}: {compared / whole:.2f} of one read")


def _cost(cpu: Callable[[], float], work: Callable[[], None]) -> float:
    before = cpu()
    work()
    return cpu() - before


if __name__ == "__main__":
    main()
