"""The one place where the YAML tree and the type mapper meet: what the Dagster location and the commands load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_pipeline.connectors.batch import SourceColumn, SourceTable
from dagster_pipeline.data_migration.migration_files import NamedMigration, read_migrations
from dagster_pipeline.delivery_tree import (
    clashes,
    read_api_files,
    read_clickhouse_files,
    read_s3_files,
    relationships,
)
from dagster_pipeline.errors import Problem, SchemaFilesError
from dagster_pipeline.exports.export_files import read_exports
from dagster_pipeline.exports.named_export import NamedExport
from dagster_pipeline.reverse_etl.flow import Flow
from dagster_pipeline.reverse_etl.flow_files import read_flows
from dagster_pipeline.schema.api_models import ApiFile
from dagster_pipeline.schema.clickhouse_models import ClickHouseFile
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
from dagster_pipeline.schema.s3_models import S3File
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
        reverse_etl: every flow into an application's database, disabled ones too, by name.
        data_migration: every migration between applications' databases, disabled ones too, by name.
        s3: objects of buckets that become tables.
        apis: answers of APIs that become tables.
        clickhouse: tables that are copied from another ClickHouse.
        exports: rows that leave the warehouse, disabled ones too, by name.
    """

    tables: tuple[TableSchema, ...]
    snapshots: tuple[Snapshot, ...] = ()
    data_quality: tuple[KindFile[QualityFile], ...] = ()
    reverse_etl: tuple[Flow, ...] = ()
    data_migration: tuple[NamedMigration, ...] = ()
    s3: tuple[KindFile[S3File], ...] = ()
    apis: tuple[KindFile[ApiFile], ...] = ()
    clickhouse: tuple[KindFile[ClickHouseFile], ...] = ()
    exports: tuple[NamedExport, ...] = ()

    @property
    def deliveries(self) -> tuple[KindFile[Any], ...]:
        """Files of all kinds whose rows land as whole deliveries."""
        return (*self.s3, *self.apis, *self.clickhouse)


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
    flows = read_flows(settings.schemas_dir, tables)
    problems += flows.problems
    migrations, wrong = read_migrations(settings.schemas_dir)
    problems += wrong
    s3 = read_s3_files(settings.schemas_dir)
    problems += s3.problems
    apis = read_api_files(settings.schemas_dir)
    problems += apis.problems
    copies = read_clickhouse_files(settings.schemas_dir)
    problems += copies.problems
    exports, wrong = read_exports(settings.schemas_dir, tables)
    problems += wrong
    deliveries: tuple[KindFile[Any], ...] = (*s3.files, *apis.files, *copies.files)
    problems += clashes(deliveries, tables or ())
    if tables is not None:
        problems += relationships(deliveries, tables)
    if problems or tables is None:
        raise SchemaFilesError(problems)
    return SchemaTree(
        tables=tables,
        snapshots=snapshots,
        data_quality=quality,
        reverse_etl=flows.flows,
        data_migration=migrations,
        s3=s3.files,
        apis=apis.files,
        clickhouse=copies.files,
        exports=exports,
    )


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
