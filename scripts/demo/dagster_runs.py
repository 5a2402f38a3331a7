"""The demo's work in Dagster: runs as from a shell, and what Dagster remembers of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.demo.compare import TABLES, ComparedTable
from scripts.demo.progress import DemoError, run_quietly

RUNS = 2


@dataclass(frozen=True, slots=True)
class Moves:
    """What the two runs of one asset say of themselves in their metadata.

    Attributes:
        rows: moved, by run.
        seconds: of both runs together.
        notes: sentences of the first run; empty when it moved something.
    """

    rows: tuple[int, ...]
    seconds: float
    notes: str = ""


def materialize(environment: Mapping[str, str], log: Path) -> None:
    """One run of all seven assets, in a Dagster process of its own. Raises `DemoError`."""
    selection = ",".join(f'key:"{table.asset}"' for table in TABLES)
    command = [sys.executable, "-m", "dagster_pipeline.dagster_cli", "asset", "materialize"]
    run_quietly(
        [*command, "-m", "dagster_pipeline.definitions", "--select", selection],
        environment=environment,
        log=log,
        todo="The step that failed is named above.",
    )


def moves(dagster_home: Path) -> dict[ComparedTable, Moves]:
    """What the last two runs moved. Raises `DemoError` when Dagster does not know of two."""
    from dagster import AssetKey, DagsterInstance  # noqa: PLC0415 - costs a second, and only the demo's end needs it

    found = {}
    with DagsterInstance.from_config(str(dagster_home)) as instance:
        for table in TABLES:
            records = instance.fetch_materializations(AssetKey(table.asset.split("/")), limit=RUNS).records
            events = [record.asset_materialization for record in reversed(records)]
            metadata = [event.metadata for event in events if event]
            if len(metadata) < RUNS:
                raise DemoError(f"Dagster knows of fewer than {RUNS} materializations of {table.asset}.")
            rows = tuple(int(str(entry["rows"].value)) for entry in metadata)
            found[table] = Moves(
                rows=rows,
                seconds=sum(float(str(entry["seconds"].value)) for entry in metadata),
                notes="" if rows[0] else str(metadata[0]["notes"].value),
            )
    return found
