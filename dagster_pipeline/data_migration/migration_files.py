"""From the files of `schemas/data_migration/` to migrations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dagster_pipeline.errors import Problem
from dagster_pipeline.schema.data_migration_file import BEGIN, KIND, MigrationFile, judge
from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.kind_files import KindFile, read_kind


@dataclass(frozen=True, slots=True)
class NamedMigration:
    """A file with its name, which is the asset's."""

    name: str
    file: MigrationFile


def read_migrations(root: Path) -> tuple[tuple[NamedMigration, ...], tuple[Problem, ...]]:
    """All migrations, by name, and every problem."""
    found = read_kind(root, KIND, MigrationFile, begin=BEGIN)
    problems = list(found.problems)
    for file in found.files:
        problems.extend(file.problems([*judge(file.value), *_name(file)]))
    return tuple(NamedMigration(file.name, file.value) for file in found.files), tuple(problems)


def _name(file: KindFile[MigrationFile]) -> list[Finding]:
    if file.name.isascii() and file.name.isidentifier():
        return []
    what = f"The name {file.name!r} is that of an asset."
    return [Finding("", what, "Use letters, digits and '_', e.g. migrate_staging_leads_to_production.yml.")]
