"""The one place where the YAML tree and the type mapper meet: what the Dagster location and the commands load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dagster_pipeline.connectors.batch import SourceColumn, SourceTable
from dagster_pipeline.errors import Problem, SchemaFilesError
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.schema.loader import Judge, SchemaLoader
from dagster_pipeline.schema.models import (
    ColumnSchema,
    DestinationRef,
    Dialect,
    SourceRef,
    SyncSettings,
    TableSchema,
)
from dagster_pipeline.schema.quality_models import QualityFile
from dagster_pipeline.schema.quality_tree import read_quality
from dagster_pipeline.schema.snapshot_files import Snapshot
from dagster_pipeline.schema.snapshot_tree import read_snapshots
from dagster_pipeline.settings import Settings
from dagster_pipeline.type_mapper.type_mapper import TypeMapper


@dataclass(frozen=True, slots=True)
class SchemaTree:
    """What all files below `SCHEMAS_DIR` mean.

    Attributes:
        tables: every table, disabled ones too, by name.
        snapshots: every snapshot, disabled ones too, by file name.
        data_quality: checks over several tables, disabled ones too.
    """

    tables: tuple[TableSchema, ...]
    snapshots: tuple[Snapshot, ...] = ()
    data_quality: tuple[KindFile[QualityFile], ...] = ()


def load_tree(settings: Settings, *, judges: Sequence[Judge] = ()) -> SchemaTree:
    """All files of all kinds; `judges` are further rules for a table.

    Raises `SchemaFilesError` with every problem of every file.
    """
    problems: list[Problem] = []
    tables: tuple[TableSchema, ...] | None = None  # not known while their own files have problems
    try:
        tables = load_tables(settings, judges=judges)
    except SchemaFilesError as error:
        problems += error.problems
    snapshots, wrong = read_snapshots(settings.schemas_dir, tables)
    problems += wrong
    quality, wrong = read_quality(settings.schemas_dir, tables)
    problems += wrong
    if problems or tables is None:
        raise SchemaFilesError(problems)
    return SchemaTree(tables, snapshots, quality)


def load_tables(settings: Settings, *, judges: Sequence[Judge] = ()) -> tuple[TableSchema, ...]:
    """Every table of the tree alone, judged by all rules and by `judges`.

    Raises `SchemaFilesError` with every problem of every file.
    """
    return SchemaLoader(settings.schemas_dir, judges=(TypeMapper().problems, *judges)).load()


def refused_columns(dialect: Dialect, table: SourceTable) -> dict[str, str]:
    """Why the type mapper cannot take a column of a table that has no file yet, by column."""
    mapper = TypeMapper()
    reasons: dict[str, str] = {}
    for column in table.columns:
        schema = _of_one_column(dialect, column)
        for problem in mapper.problems(schema):
            reasons.setdefault(column.name, f"{problem.what} {problem.todo}".strip())
    return reasons


def _of_one_column(dialect: Dialect, column: SourceColumn) -> TableSchema:
    return TableSchema(
        path=Path("new.yml"),
        group="new",
        source=SourceRef(dialect=dialect, connection="new", database="new", table="new"),
        destination=DestinationRef(database="new", table="new", engine="MergeTree", order_by=()),
        sync=SyncSettings(),
        columns=(ColumnSchema(name=column.name, type=column.type, nullable=column.nullable),),
    )
