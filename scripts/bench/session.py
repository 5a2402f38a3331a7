"""One session of measurements: every subject on every table, in turn, so that a noisy hour hits all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.limits import native_files, read_alone, write_alone
from scripts.bench.results import Measurement, Results
from scripts.bench.servers import Front, Source
from scripts.bench.subjects import BenchError, Job, Subject
from scripts.bench.tables import BenchTable
from scripts.bench.watch import machine_cpu

CHANGED_ROWS = 20_000
SOURCE_ALONE = "source alone"
WAREHOUSE_ALONE = "warehouse alone"


SETTLING_SECONDS = 60
QUIET_LOOKS = 4
"""Half a second apart, without a merge."""


@dataclass
class Meters:
    """What the machine did between two moments."""

    source: float = 0.0
    warehouse: float = 0.0
    machine: float = 0.0


@dataclass(frozen=True)
class Session:
    """What is measured, and where the results go."""

    directory: Path
    results: Results
    subjects: Sequence[Subject]
    warehouses: Sequence[str]
    front: Front
    say: Callable[[str], None]

    def round(self, number: int, source: Source, table: BenchTable, *, incremental: bool) -> None:
        """Measure everything of one table once; what is known already is left out."""
        for subject in self.subjects:
            for warehouse in subject.warehouses:
                if warehouse in self.warehouses:
                    self._move(number, subject, source, table, warehouse, incremental=incremental)
        if "http" in self.warehouses:
            self._limits(number, source, table)

    def _move(
        self,
        number: int,
        subject: Subject,
        source: Source,
        table: BenchTable,
        warehouse: str,
        *,
        incremental: bool,
    ) -> None:
        url = self.front.url if warehouse == "http" else f"chdb://{self.directory / 'embedded'}"
        full = Job(source, table, warehouse, url)
        kinds = ("full", "incremental") if incremental else ("full",)
        if all(self.results.has(number, self._case(subject, kind, full)) for kind in kinds):
            return
        if not self._run(number, subject, full, "full", table.rows) or not incremental:
            return
        source.run(_change(source, table))
        changed = min(CHANGED_ROWS, table.rows)
        self._run(
            number, subject, Job(source, table, warehouse, url, incremental=True), "incremental", changed
        )

    def _run(self, number: int, subject: Subject, job: Job, kind: str, rows: int) -> bool:
        case = self._case(subject, kind, job)
        if kind == "full":
            self._drop(subject, job)
        self.say(f"round {number}: {' '.join(case)}")
        try:
            with self._metered(job.source) as meters:
                outcome = subject.move(job)
            self._check(outcome.loaded, job)
            self._settle()
        except BenchError as error:
            self.results.add(Measurement(number, *case, rows=rows, error=str(error)))
            self.say(f"  failed: {error}")
            return False
        cost = outcome.cost
        self.results.add(
            Measurement(
                number,
                *case,
                rows=rows,
                seconds=outcome.seconds,
                process_seconds=cost.seconds,
                cpu=cost.cpu_seconds,
                source_cpu=meters.source,
                warehouse_cpu=meters.warehouse,
                others_cpu=max(0.0, meters.machine - meters.source - meters.warehouse - cost.cpu_seconds),
                peak_bytes=cost.peak_bytes,
            )
        )
        return True

    def _limits(self, number: int, source: Source, table: BenchTable) -> None:
        loaded = f"ours_{source.dialect}.{table.name}"
        self.say(f"round {number}: limits of {table.name} in {source.dialect}")
        for subject in (SOURCE_ALONE, WAREHOUSE_ALONE):
            case = (subject, "full", table.name, source.dialect, "http")
            if self.results.has(number, case):
                continue
            size = 0
            if subject == WAREHOUSE_ALONE:
                files = native_files(self.front, loaded, table, self.directory)
            with self._metered(source) as meters:
                if subject == SOURCE_ALONE:
                    seconds, size = read_alone(source, table)
                else:
                    seconds = write_alone(self.front, loaded, files, table.rows)
            self.results.add(
                Measurement(
                    number,
                    *case,
                    rows=table.rows,
                    bytes=size,
                    seconds=seconds,
                    source_cpu=meters.source,
                    warehouse_cpu=meters.warehouse,
                )
            )

    @contextmanager
    def _metered(self, source: Source) -> Iterator[Meters]:
        meters = Meters()
        before = source.cpu(), self.front.cpu(), machine_cpu()
        yield meters
        meters.source = source.cpu() - before[0]
        meters.warehouse = self.front.cpu() - before[1]
        meters.machine = machine_cpu() - before[2]

    def _case(self, subject: Subject, kind: str, job: Job) -> tuple[str, str, str, str, str]:
        return (subject.name, kind, job.table.name, job.source.dialect, job.warehouse)

    def _settle(self) -> None:
        """Wait until the warehouse has merged what it was given: the next subject must not pay for it."""
        client = self.front.client()
        deadline = time.monotonic() + SETTLING_SECONDS
        quiet = 0
        while quiet < QUIET_LOOKS and time.monotonic() < deadline:
            time.sleep(0.5)
            merges = int(client.query("SELECT count() FROM system.merges").result_rows[0][0])
            quiet = 0 if merges else quiet + 1
        client.close()

    def _drop(self, subject: Subject, job: Job) -> None:
        database = subject.loaded(job).partition(".")[0]
        if job.warehouse == "http":
            client = self.front.client()
            client.command(f"CREATE DATABASE IF NOT EXISTS `{database}`")
            client.command(f"DROP TABLE IF EXISTS {subject.loaded(job)} SYNC")
            client.close()

    def _check(self, loaded: str, job: Job) -> None:
        """Every row has arrived, whoever moved it."""
        if job.warehouse != "http":
            return
        client = self.front.client()
        rows = client.query(f"SELECT uniqExact(id) FROM {loaded}").result_rows[0][0]
        client.close()
        if rows != job.table.rows:
            raise BenchError(f"{rows:,} of {job.table.rows:,} rows arrived")


def _change(source: Source, table: BenchTable) -> str:
    """Touch rows all over the table, with a cursor beyond all others."""
    step = max(1, table.rows // CHANGED_ROWS)
    newest = f"(SELECT max(updated_at) FROM {table.name})"
    later = f"{newest} + interval '1 second'"
    if source.dialect == "mysql":
        later = f"(SELECT m FROM (SELECT max(updated_at) AS m FROM {table.name}) newest) + INTERVAL 1 SECOND"
    return (
        f"UPDATE {table.name} SET updated_at = {later} WHERE id % {step} = 0 AND id <= {step * CHANGED_ROWS}"
    )


def stamp() -> str:
    """The day, for the page."""
    return time.strftime("%Y-%m-%d", time.gmtime())
