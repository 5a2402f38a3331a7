"""The one place where the YAML tree and the type mapper meet: what the Dagster location and the commands load.

What a file of a kind means is imported when there is such a file: most projects have a few of the kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_pipeline.connectors.batch import SourceColumn, SourceTable
from dagster_pipeline.errors import Problem, SchemaFilesError
from dagster_pipeline.schema.discovery import has_kind
from dagster_pipeline.schema.loader import Judge, SchemaLoader
from dagster_pipeline.schema.models import (
    ColumnSchema,
    DestinationRef,
    Dialect,
    SourceRef,
    SyncSettings,
    TableSchema,
)
from dagster_pipeline.settings import Settings
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

if TYPE_CHECKING:
    from dagster_pipeline.data_migration.migration_files import NamedMigration
    from dagster_pipeline.exports.named_export import NamedExport
    from dagster_pipeline.reverse_etl.flow import Flow
    from dagster_pipeline.schema.api_models import ApiFile
    from dagster_pipeline.schema.clickhouse_models import ClickHouseFile
    from dagster_pipeline.schema.kind_files import KindFile, KindFiles
    from dagster_pipeline.schema.quality_models import QualityFile
    from dagster_pipeline.schema.s3_models import S3File
    from dagster_pipeline.schema.snapshot_files import Snapshot


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

    @property
    def has_only_tables(self) -> bool:
        """Whether there is no file of another kind than table files."""
        others = (self.snapshots, self.data_quality, self.reverse_etl, self.data_migration, self.exports)
        return not any(others) and not self.deliveries


def load_tree(settings: Settings, *, judges: Sequence[Judge] = ()) -> SchemaTree:
    """All files of all kinds; `judges` are further rules for a table.

    Raises `SchemaFilesError` with every problem of every file.
    """
    reading = _Reading(settings.schemas_dir)
    try:
        reading.tables = load_tables(settings, judges=judges)
    except SchemaFilesError as error:
        reading.problems += error.problems
    tree = SchemaTree(
        tables=reading.tables or (),
        snapshots=reading.snapshots(),
        data_quality=reading.data_quality(),
        reverse_etl=reading.reverse_etl(),
        data_migration=reading.data_migration(),
        **reading.deliveries(),
        exports=reading.exports(),
    )
    if reading.problems or reading.tables is None:
        raise SchemaFilesError(reading.problems)
    return tree


class _Reading:
    """Files of all kinds as they are read, with the problems of all of them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.tables: tuple[TableSchema, ...] | None = None
        """Not known while their own files have problems."""
        self.problems: list[Problem] = []

    def snapshots(self) -> tuple[Snapshot, ...]:
        if not has_kind(self._root, "snapshots"):
            return ()
        from dagster_pipeline.schema.snapshot_tree import read_snapshots

        snapshots, problems = read_snapshots(self._root, self.tables)
        self.problems += problems
        return snapshots

    def data_quality(self) -> tuple[KindFile[QualityFile], ...]:
        if not has_kind(self._root, "data_quality"):
            return ()
        from dagster_pipeline.schema.quality_tree import read_quality

        files, problems = read_quality(self._root, self.tables)
        self.problems += problems
        return files

    def reverse_etl(self) -> tuple[Flow, ...]:
        if not has_kind(self._root, "reverse_etl"):
            return ()
        from dagster_pipeline.reverse_etl.flow_files import read_flows

        read = read_flows(self._root, self.tables)
        self.problems += read.problems
        return read.flows

    def data_migration(self) -> tuple[NamedMigration, ...]:
        if not has_kind(self._root, "data_migration"):
            return ()
        from dagster_pipeline.data_migration.migration_files import read_migrations

        migrations, problems = read_migrations(self._root)
        self.problems += problems
        return migrations

    def deliveries(self) -> dict[str, tuple[KindFile[Any], ...]]:
        """The files of each kind whose rows land as whole deliveries."""
        if not any(has_kind(self._root, kind) for kind in ("s3", "apis", "clickhouse")):
            return {}
        from dagster_pipeline import delivery_tree

        found: dict[str, KindFiles[Any]] = {
            "s3": delivery_tree.read_s3_files(self._root),
            "apis": delivery_tree.read_api_files(self._root),
            "clickhouse": delivery_tree.read_clickhouse_files(self._root),
        }
        for read in found.values():
            self.problems += read.problems
        files = [file for read in found.values() for file in read.files]
        self.problems += delivery_tree.clashes(files, self.tables or ())
        if self.tables is not None:
            self.problems += delivery_tree.relationships(files, self.tables)
        return {kind: read.files for kind, read in found.items()}

    def exports(self) -> tuple[NamedExport, ...]:
        if not has_kind(self._root, "exports"):
            return ()
        from dagster_pipeline.exports.export_files import read_exports

        exports, problems = read_exports(self._root, self.tables)
        self.problems += problems
        return exports


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
