"""docs/benchmarks.md and its picture, from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.bench import picture, tick
from scripts.bench.facts import read_facts
from scripts.bench.results import Measurement, Results
from scripts.bench.session import SOURCE_ALONE, WAREHOUSE_ALONE
from scripts.bench.tables import DIALECTS, tables

CORES = "cores"
START = "<!-- measured: begin -->"
END = "<!-- measured: end -->"
TITLES = {"postgres": "PostgreSQL", "mysql": "MariaDB"}
COLUMNS = (
    "rows",
    "runs",
    "rows/s",
    "MB/s",
    "process s",
    "CPU s per 1M rows",
    "source",
    "warehouse",
    "memory",
    "of the limit",
    "machine busy with others",
)


def write_page(results: Results, facts_file: Path, docs: Path, *, cores: int) -> None:
    """Put the tables between the marks of docs/benchmarks.md, and draw the picture beside it."""
    page = docs / "benchmarks.md"
    before, _, rest = page.read_text().partition(START)
    _, _, after = rest.partition(END)
    measured = "\n\n".join(part for part in _parts(results, facts_file, cores) if part)
    page.write_text(f"{before}{START}\n\n{measured}\n\n{END}{after}")
    if groups := _groups(results):
        (docs / "benchmarks.svg").write_text(
            picture.bars("Full load over HTTP", groups, unit="rows/s") + "\n"
        )


def _parts(results: Results, facts_file: Path, cores: int) -> list[str]:
    facts = ", ".join(f"{name} {value}" for name, value in read_facts(facts_file).items() if name != "date")
    day = read_facts(facts_file).get("date", "no date")
    parts = [f"{day}: {facts}." if facts else ""]
    for dialect in DIALECTS:
        for kind, title in (("full", "full load"), ("incremental", "20,000 changed rows")):
            rows = [_row(results, case, cores) for case in _cases(results, dialect, kind)]
            if rows:
                parts.append(f"### {TITLES[dialect]}, {title}\n\n{_table(rows)}")
    parts.append(_tick(results))
    failed = sorted({f"- {m.subject}, {m.table}, {m.dialect}: {_plain(m.error)}" for m in results if m.error})
    if failed:
        parts.append("### What could not be measured\n\n" + "\n".join(failed))
    return parts


def _tick(results: Results) -> str:
    """Small tables of one schedule."""
    found = sorted({m.case for m in results if m.kind == tick.KIND})
    rows = []
    for case in found:
        measured = results.rounds(case)
        seconds, cpu, servers, memory, others = (
            results.median(case, value) or 0.0
            for value in (
                lambda m: m.seconds,
                lambda m: m.cpu,
                lambda m: m.source_cpu,
                lambda m: m.peak_bytes / 1e6,
                _others,
            )
        )
        runs = str(len(measured)) if measured[0].round else "warm-up"
        numbers = [f"{value:.1f}" for value in (seconds, cpu, servers)]
        rows.append([case[2], runs, *numbers, f"{memory:.0f} MB", f"{others:.1f} cores"])
    if not rows:
        return ""
    counts = {int(case[2].rsplit(" ", 1)[1]) for case in found}
    sums = [
        f"{tables_}: {per_table:.3f} CPU s a table beyond the first."
        for tables_ in sorted(counts)
        if (per_table := tick.cpu_per_table(results, tables_)) is not None
    ]
    head = ["", "runs", "process s", "CPU s", "CPU s of all servers", "memory", "machine busy with others"]
    table = "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rows])
    return f"### Small tables of one schedule, five changed rows each\n\n{table}\n\n" + "\n".join(sums)


def _cases(results: Results, dialect: str, kind: str) -> list[tuple[str, str, str, str, str]]:
    order = list(tables(1))
    found = {m.case for m in results if m.dialect == dialect and m.kind == kind and not m.error}
    return sorted(
        found, key=lambda case: (order.index(case[2]), case[0] != "dagster_pipeline", case[0], case[4])
    )


def _row(results: Results, case: Sequence[str], cores: int) -> list[str]:
    subject, kind, table, dialect, warehouse = case
    measured = results.rounds(case)
    rows = measured[0].rows

    def median(value: Callable[[Measurement], float]) -> float:
        return results.median(case, value) or 0.0

    size = results.median((SOURCE_ALONE, "full", table, dialect, "http"), lambda m: m.bytes / m.rows) or 0.0
    rate = median(lambda m: m.rate)
    alone = subject in {SOURCE_ALONE, WAREHOUSE_ALONE}
    share = None if alone or kind != "full" else share_of_limit(results, case, cores)
    per_million = 1e6 / rows
    return [
        f"{table}: {subject}{'' if alone else f', {warehouse}'}",
        f"{rows:,}",
        str(len(measured)) if measured[0].round else "warm-up",
        f"{rate:,.0f}",
        f"{rate * size / 1e6:,.0f}",
        "" if alone else f"{median(lambda m: m.process_seconds):.1f}",
        "" if alone else f"{median(lambda m: m.cpu) * per_million:.2f}",
        f"{median(lambda m: m.source_cpu) * per_million:.2f}",
        f"{median(lambda m: m.warehouse_cpu) * per_million:.2f}",
        "" if alone else f"{median(lambda m: m.peak_bytes) / 1e6:.0f} MB",
        "" if share is None else f"{share:.2f}",
        "" if alone else f"{median(_others):.1f} cores",
    ]


def share_of_limit(results: Results, case: Sequence[str], cores: int) -> float | None:
    """Our rate as a share of what the cores that others left free could do with a client that costs nothing."""
    _, kind, table, dialect, _ = case
    source = results.median((SOURCE_ALONE, kind, table, dialect, "http"), lambda m: m.source_cpu / m.rows)
    warehouse = results.median(
        (WAREHOUSE_ALONE, kind, table, dialect, "http"), lambda m: m.warehouse_cpu / m.rows
    )
    if not source or not warehouse:
        return None
    return results.median(case, lambda m: m.rate * (source + warehouse) / max(0.1, cores - _others(m)))


def _others(measurement: Measurement) -> float:
    """Cores that everything else kept busy."""
    return measurement.others_cpu / measurement.process_seconds if measurement.process_seconds else 0.0


def _groups(results: Results) -> dict[str, dict[str, float]]:
    groups: dict[str, dict[str, float]] = {}
    for dialect in DIALECTS:
        for case in _cases(results, dialect, "full"):
            if case[4] == "http":
                rate = results.median(case, lambda m: m.rate) or 0.0
                groups.setdefault(f"{case[2]}, {TITLES[dialect]}", {})[case[0]] = rate
    return groups


def _table(rows: Sequence[Sequence[str]]) -> str:
    head = ["", *COLUMNS]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(error: str) -> str:
    return error.replace("|", "/").replace("\n", " ")[-200:]
