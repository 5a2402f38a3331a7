"""Reads `schemas/snapshots/*.yml`: every file into a `Snapshot`, with every problem of every file, also between files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dagster_pipeline.errors import Problem
from dagster_pipeline.schema.discovery import shown_path
from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.kind_files import KindFile, read_kind
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema.naming import op_name
from dagster_pipeline.schema.rules_snapshots import judge_snapshot
from dagster_pipeline.schema.snapshot_files import KIND, Snapshot, SnapshotFile, tables_in

BEGIN = "`version: 1` and `source:`"


def read_snapshots(
    root: Path, tables: Sequence[TableSchema] | None
) -> tuple[tuple[Snapshot, ...], tuple[Problem, ...]]:
    """Every snapshot, disabled ones too, and what is wrong.

    Args:
        root: `SCHEMAS_DIR`.
        tables: all tables of the tree; `None` while they are not known, and what names one is not judged then.
    """
    found = read_kind(root, KIND, SnapshotFile, begin=BEGIN)
    problems = list(found.problems)
    if tables is None:
        return (), tuple(problems)
    by_name = {table.name: table for table in tables}
    pairs = [(file, _snapshot(file, by_name)) for file in found.files]
    for file, snapshot in pairs:
        problems.extend(file.problems(judge_snapshot(snapshot, by_name)))
    for file, finding in _clashes(pairs, tables):
        problems.extend(file.problems([finding]))
    return tuple(snapshot for _, snapshot in pairs), tuple(problems)


def _snapshot(file: KindFile[SnapshotFile], tables: Mapping[str, TableSchema]) -> Snapshot:
    reads = {name: tables[name] for name in tables_in(file.value.source) if name in tables}
    return Snapshot(path=file.path, stem=file.name, file=file.value, reads=reads)


def _clashes(
    pairs: Sequence[tuple[KindFile[SnapshotFile], Snapshot]], tables: Sequence[TableSchema]
) -> Iterator[tuple[KindFile[SnapshotFile], Finding]]:
    """A snapshot's table and view have names that nothing else has, as Dagster turns names into ops."""
    taken = {
        op_name(table.destination.database, table.destination.table): shown_path(table.path)
        for table in tables
    }
    for file, snapshot in pairs:
        view = snapshot.file.slowly_changing
        names = [
            ("destination.table", snapshot.table),
            *([("slowly_changing.view", view.view)] if view else []),
        ]
        for key, name in names:
            other = taken.setdefault(op_name(snapshot.database, name), shown_path(file.path))
            if other != shown_path(file.path):
                yield (
                    file,
                    Finding(
                        key,
                        f"{snapshot.database}.{name} is already taken by {other}.",
                        "Give one of them another name.",
                    ),
                )
