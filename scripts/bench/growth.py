"""How time and memory grow: with the rows of a table, and with the number of table files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.bench.results import Measurement, Results
from scripts.bench.subjects import ROOT, BenchError
from scripts.bench.tables import MIXED, BenchTable

ROWS = (10_000, 100_000, 1_000_000)
"""Beside the large tables, which are measured anyway."""

FILES = (10, 100, 300, 1_000)
KIND = "definitions"

_LOAD = """
import time
import dagster
begun = time.process_time()
from dagster_pipeline.definitions import defs
defs.get_repository_def()
print(time.process_time() - begun)
"""


def grown_tables(scale: float) -> dict[str, BenchTable]:
    """The 13 mixed columns with fewer rows."""
    sizes = {f"mixed_{rows // 1000}k": max(1000, int(rows * scale)) for rows in ROWS}
    return {name: BenchTable(name, "13 mixed columns", rows, MIXED) for name, rows in sizes.items()}


def measure_definitions(directory: Path, results: Results, rounds: int, say: Callable[[str], None]) -> None:
    """CPU seconds to load the definitions of so many files of 13 columns, beyond importing Dagster."""
    text = BenchTable("any", "", 0, MIXED).file("mysql")
    for files in FILES:
        folder = directory / "definitions"
        shutil.rmtree(folder, ignore_errors=True)
        for number in range(files):
            place = folder / "mysql" / f"db{number % 20}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"t{number}.yml").write_text(f'{text}schedule: "{number % 60} * * * *"\n')
        for number in range(rounds + 1):
            case = ("dagster_pipeline", KIND, f"{files} files", "none", "none")
            if results.has(number, case):
                continue
            say(f"round {number}: definitions of {files} files")
            results.add(Measurement(number, *case, rows=files, cpu=_load(folder)))


def _load(schemas: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _LOAD],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "SCHEMAS_DIR": str(schemas)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(done.stderr[-600:])
    return float(done.stdout)
