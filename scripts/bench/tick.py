"""Hundreds of small tables due at one minute: what one run of all of them costs, beyond a run of one."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.bench.results import Measurement, Results
from scripts.bench.servers import Front, Source
from scripts.bench.subjects import ROOT, BenchError
from scripts.bench.tables import DATABASE
from scripts.bench.watch import Cost, machine_cpu, watch

ROWS = 200
CHANGED = 5
ONE, ALL = "one table", "all tables"
EVERY = 'key:"tick_*"'
"""The tables alone: the location has assets for its own maintenance, too."""
KIND = "tick"
SCHEDULE = "*/15 * * * *"
COLUMNS = (
    ("id", "bigint", "bigint(20)"),
    ("name", "character varying(50)", "varchar(50)"),
    ("kind", "character varying(50)", "varchar(50)"),
    ("amount", "numeric(12,2)", "decimal(12,2)"),
    ("number", "integer", "int(11)"),
    ("note", "text", "text"),
    ("created_at", "timestamp without time zone", "datetime(6)"),
    ("updated_at", "timestamp without time zone", "datetime(6)"),
)


class Tick:
    """The tables, half of them in each source, and the runs over them."""

    def __init__(self, directory: Path, sources: list[Source], front: Front, *, tables: int) -> None:
        self._directory = directory / "tick"
        self._sources = sources
        self._front = front
        self._tables = tables

    def measure(self, results: Results, rounds: int, say: Callable[[str], None]) -> None:
        """Measure what is not known yet."""
        if all(
            results.has(number, _case(what, self._tables))
            for number in range(rounds + 1)
            for what in (ONE, ALL)
        ):
            return
        say(f"setting up {self._tables} small tables")
        self._set_up()
        self._run(EVERY)
        for number in range(rounds + 1):
            for what in (ONE, ALL):
                self._change()
                say(f"round {number}: a tick of {what}")
                before = machine_cpu(), self._servers_cpu()
                cost = self._run('key:"tick_postgres/t0"' if what == ONE else EVERY)
                servers = self._servers_cpu() - before[1]
                others = max(0.0, machine_cpu() - before[0] - servers - cost.cpu_seconds)
                results.add(
                    Measurement(
                        number,
                        *_case(what, self._tables),
                        rows=1 if what == ONE else self._tables,
                        seconds=cost.seconds,
                        process_seconds=cost.seconds,
                        cpu=cost.cpu_seconds,
                        source_cpu=servers,
                        others_cpu=others,
                        peak_bytes=cost.peak_bytes,
                    )
                )

    def _source(self, number: int) -> Source:
        return self._sources[number % len(self._sources)]

    def _set_up(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)
        home = self._directory / "home"
        home.mkdir(parents=True)
        shutil.copy(ROOT / "dagster_home" / "dagster.yaml", home)
        client = self._front.client()
        for source in self._sources:
            client.command(f"DROP DATABASE IF EXISTS tick_{source.dialect} SYNC")
        client.close()
        for number in range(self._tables):
            source = self._source(number)
            place = 1 if source.dialect == "postgres" else 2
            name = f"t{number}"
            columns = ", ".join(f"{column[0]} {column[place]} NOT NULL" for column in COLUMNS)
            rows = "generate_series(1, 200) i" if place == 1 else _digits()
            now = "now()::timestamp" if place == 1 else "now(6)"
            hour = "interval '1 hour'" if place == 1 else "INTERVAL 1 HOUR"
            source.run(
                f"DROP TABLE IF EXISTS {name}",
                f"CREATE TABLE {name} ({columns}, PRIMARY KEY (id))",
                f"CREATE INDEX {name}_updated ON {name} (updated_at)",
                f"INSERT INTO {name} SELECT i, 'name', 'kind', i * 1.5, i, 'a note', {now}, {now} - {hour} FROM {rows}",
            )
            listed = "\n".join(
                f'  - {{name: {column[0]}, type: "{column[place]}"{", primary_key: true" if column[0] == "id" else ""}}}'
                for column in COLUMNS
            )
            folder = self._directory / "schemas" / source.dialect / DATABASE
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.yml").write_text(
                "version: 1\nsync: {mode: incremental, cursor: updated_at}\n"
                f'destination: {{database: tick_{source.dialect}}}\nschedule: "{SCHEDULE}"\n'
                f"columns:\n{listed}\nchecks:\n  - not_null: [id]\n"
            )

    def _change(self) -> None:
        for source in self._sources:
            names = [f"t{n}" for n in range(self._tables) if self._source(n) is source]
            now = "now()::timestamp" if source.dialect == "postgres" else "now(6)"
            source.run(
                *(
                    f"UPDATE {name} SET number = number + 1, updated_at = {now} WHERE id <= {CHANGED}"
                    for name in names
                )
            )

    def _run(self, selection: str) -> Cost:
        environment = {
            **{
                "POSTGRES_URL" if source.dialect == "postgres" else "MYSQL_URL": source.server.url
                for source in self._sources
            },
            "CLICKHOUSE_URL": self._front.url,
            "DAGSTER_HOME": str(self._directory / "home"),
            "STATE_URL": f"sqlite:///{self._directory / 'state.sqlite'}",
            "SCHEMAS_DIR": str(self._directory / "schemas"),
        }
        log = self._directory / "tick.log"
        command = [
            sys.executable,
            "-m",
            "dagster_pipeline.dagster_cli",
            "asset",
            "materialize",
            "-m",
            "dagster_pipeline.definitions",
        ]
        cost = watch([*command, "--select", selection], environment=environment, output=log)
        if cost.exit_code:
            raise BenchError(f"the tick failed, see {log}")
        return cost

    def _servers_cpu(self) -> float:
        return self._front.cpu() + sum(source.cpu() for source in self._sources)


def cpu_per_table(results: Results, tables: int) -> float | None:
    """CPU seconds of a table beyond the first."""
    one = results.median(_case(ONE, tables), lambda m: m.cpu)
    every = results.median(_case(ALL, tables), lambda m: m.cpu)
    return None if one is None or every is None else (every - one) / (tables - 1)


def _case(what: str, tables: int) -> tuple[str, str, str, str, str]:
    return ("dagster_pipeline", KIND, f"{what} of {tables}", "both", "http")


def _digits() -> str:
    digit = "(SELECT 0 d " + " ".join(f"UNION ALL SELECT {n}" for n in range(1, 10)) + ")"
    return (
        f"(SELECT a.d + 10 * b.d + 100 * c.d + 1 AS i FROM {digit} a CROSS JOIN {digit} b CROSS JOIN {digit} c)"
        f" numbers WHERE i <= {ROWS}"
    )
