"""docs/benchmarks.md and its picture, from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.bench import growth, picture, tick
from scripts.bench.facts import read_facts
from scripts.bench.growth import grown_tables
from scripts.bench.results import Measurement, Results
from scripts.bench.session import SOURCE_ALONE, WAREHOUSE_ALONE
from scripts.bench.tables import DIALECTS, tables

START_TABLE = "mixed_10k"
"""What a load of next to nothing costs is the start of the process."""
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
    "of the limit, by CPU",
    "by rows/s",
    "machine busy with others",
)


def write_page(results: Results, facts_file: Path, docs: Path, *, cores: int) -> None:
    """Put the tables between the marks of docs/benchmarks.md, and draw the picture beside it."""
    page = docs / "benchmarks.md"
    pictures = _draw(results, docs)
    before, _, rest = page.read_text().partition(START)
    _, _, after = rest.partition(END)
    measured = "\n\n".join(part for part in [*_parts(results, facts_file, cores), *pictures] if part)
    page.write_text(f"{before}{START}\n\n{measured}\n\n{END}{after}")


def _draw(results: Results, docs: Path) -> list[str]:
    """Draw what there is, and say where it is."""
    drawn = {f"benchmarks-{name}.svg": text for name, text in _growth(results).items()}
    if groups := _groups(results):
        drawn["benchmarks.svg"] = picture.bars("Full load over HTTP", groups, unit="rows/s")
    for file, text in drawn.items():
        (docs / file).write_text(text)
    return [f"![{file.removesuffix('.svg')}]({file})" for file in sorted(drawn)]


def _parts(results: Results, facts_file: Path, cores: int) -> list[str]:
    facts = ", ".join(f"{name} {value}" for name, value in read_facts(facts_file).items() if name != "date")
    day = read_facts(facts_file).get("date", "no date")
    parts = [f"{day}: {facts}." if facts else ""]
    for dialect in DIALECTS:
        for kind, title in (("full", "full load"), ("incremental", "20,000 changed rows")):
            rows = [_row(results, case, cores) for case in _cases(results, dialect, kind)]
            if rows:
                parts.append(f"### {TITLES[dialect]}, {title}\n\n{_table(rows)}")
    parts += [_tick(results), _definitions(results)]
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


def _definitions(results: Results) -> str:
    found = sorted(
        {m.case for m in results if m.kind == growth.KIND}, key=lambda case: int(case[2].split()[0])
    )
    lines_ = [f"| {case[2]} | {results.median(case, lambda m: m.cpu) or 0.0:.2f} |" for case in found]
    head = "### Loading definitions\n\n| | CPU s beyond importing Dagster |\n|---|---|\n"
    return head + "\n".join(lines_) if lines_ else ""


def _growth(results: Results) -> dict[str, str]:
    """Pictures by name: memory and time against rows, load and tick time against tables."""
    seconds: dict[str, list[tuple[float, float]]] = {}
    memory: dict[str, list[tuple[float, float]]] = {}
    for dialect in DIALECTS:
        cases = [case for case in _cases(results, dialect, "full") if case[0] == "dagster_pipeline"]
        for case in sorted(cases, key=lambda case: results.rounds(case)[0].rows):
            if case[4] == "http" and case[2].startswith("mixed"):
                rows = results.rounds(case)[0].rows
                name = TITLES[dialect]
                seconds.setdefault(name, []).append((rows, results.median(case, lambda m: m.seconds) or 0.0))
                memory.setdefault(name, []).append(
                    (rows, results.median(case, lambda m: m.peak_bytes / 1e6) or 0.0)
                )
    of_tables: dict[str, list[tuple[float, float]]] = {}
    for case in sorted({m.case for m in results if m.kind in {growth.KIND, tick.KIND}}):
        name = {growth.KIND: "loading, CPU s", tick.KIND: "a tick, CPU s"}[case[1]]
        if not case[2].startswith(tick.ONE):
            count = results.rounds(case)[0].rows
            of_tables.setdefault(name, []).append((count, results.median(case, lambda m: m.cpu) or 0.0))
    pictures = {}
    for name, series, across, upwards in (
        ("rows-seconds", seconds, "rows of 13 columns", "seconds of the load"),
        ("rows-memory", memory, "rows of 13 columns", "peak memory, MB"),
        ("tables", of_tables, "tables", "CPU seconds"),
    ):
        drawn = {line: sorted(points) for line, points in series.items() if len(points) > 1}
        if drawn:
            pictures[name] = picture.lines(f"Growth: {upwards}", drawn, across=across, upwards=upwards)
    return pictures


def _cases(results: Results, dialect: str, kind: str) -> list[tuple[str, str, str, str, str]]:
    order = [*tables(1), *grown_tables(1)]
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
    shares = None if alone or kind != "full" else shares_of_limit(results, case, cores)
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
        *(("", "") if shares is None else (f"{shares[0]:.2f}", f"{shares[1]:.2f}")),
        "" if alone else f"{median(_others):.1f} cores",
    ]


def shares_of_limit(results: Results, case: Sequence[str], cores: int) -> tuple[float, float] | None:
    """Shares of what the cores could do with a client that costs nothing: by CPU seconds, and by rows a second."""
    subject, kind, table, dialect, warehouse = case
    source = results.median((SOURCE_ALONE, kind, table, dialect, "http"), lambda m: m.source_cpu / m.rows)
    alone = (WAREHOUSE_ALONE, kind, table, dialect, "http")
    written = results.median(alone, lambda m: m.warehouse_cpu / m.rows)
    if not source or not written:
        return None
    start = results.median((subject, kind, START_TABLE, dialect, warehouse), lambda m: m.cpu) or 0.0

    def spent(measurement: Measurement) -> float:
        client = max(0.0, measurement.cpu - start)
        return (client + measurement.source_cpu + measurement.warehouse_cpu) / measurement.rows

    by_cpu = results.median(case, lambda m: (source + written) / spent(m))
    by_rate = results.median(case, lambda m: m.rate * (source + written) / cores)
    return None if by_cpu is None or by_rate is None else (by_cpu, by_rate)


def _others(measurement: Measurement) -> float:
    """Cores that everything else kept busy."""
    return measurement.others_cpu / measurement.process_seconds if measurement.process_seconds else 0.0


def _groups(results: Results) -> dict[str, dict[str, float]]:
    groups: dict[str, dict[str, float]] = {}
    for dialect in DIALECTS:
        for case in _cases(results, dialect, "full"):
            if case[4] == "http" and case[2] in tables(1):
                rate = results.median(case, lambda m: m.rate) or 0.0
                groups.setdefault(f"{case[2]}, {TITLES[dialect]}", {})[case[0]] = rate
    return groups


def _table(rows: Sequence[Sequence[str]]) -> str:
    head = ["", *COLUMNS]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(error: str) -> str:
    return error.replace("|", "/").replace("\n", " ")[-200:]
