"""Files of all kinds as alerts see them: what tables' own files are to alerts stands in `watched_table`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dagster_pipeline.alerts.watched_table import WatchedTable, watch_all
from dagster_pipeline.delivery_tree import table_of
from dagster_pipeline.exports.named_export import NamedExport
from dagster_pipeline.schema.data_migration_file import KIND as DATA_MIGRATION
from dagster_pipeline.schema.discovery import shown_path
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.schema.naming import default_group
from dagster_pipeline.schema.reverse_etl_file import KIND as REVERSE_ETL
from dagster_pipeline.schema.snapshot_files import SIZE_CHECK, Snapshot
from dagster_pipeline.schema.target_models import WritingFile
from dagster_pipeline.schema_tree import SchemaTree


def watch_snapshots(snapshots: Iterable[Snapshot]) -> list[WatchedTable]:
    """Snapshot files as alerts see them."""
    return [
        WatchedTable(
            name=snapshot.name,
            owners=snapshot.file.owners,
            tags=snapshot.file.tags,
            group=snapshot.file.group,
            file=shown_path(snapshot.path),
            names=frozenset(
                (
                    *(column.name for column in snapshot.columns),
                    *snapshot.key,
                    *snapshot.reads,
                    snapshot.database,
                    snapshot.table,
                )
            ),
            checks={SIZE_CHECK: "row_count"},
            freshness=snapshot.file.freshness,
        )
        for snapshot in snapshots
    ]


def watch_deliveries(files: Iterable[KindFile[Any]]) -> list[WatchedTable]:
    """Files about objects of buckets and answers of APIs as alerts see them."""
    return [
        WatchedTable(
            name="/".join(table_of(file)),
            owners=file.value.owners,
            tags=file.value.tags,
            group=file.value.group or default_group(file.value.destination.database),
            file=shown_path(file.path),
            names=frozenset((*(column.name for column in file.value.columns), *table_of(file))),
            checks={check.name: check.kind for check in file.value.table_checks},
            freshness=file.value.freshness,
        )
        for file in files
        if file.value.enabled
    ]


def watch_exports(exports: Iterable[NamedExport]) -> list[WatchedTable]:
    """Files about exports as alerts see them."""
    return [
        WatchedTable(
            name=export.state_name,
            owners=export.file.owners,
            tags=export.file.tags,
            group=export.file.group,
            file=shown_path(export.path),
            names=frozenset(
                (
                    *(column.name for column in export.file.columns),
                    *(column.name for column in (export.table.columns if export.table else ())),
                    *export.file.key,
                    *export.sources,
                    export.file.sink.connection,
                    export.file.sink.full_name,
                )
            ),
            checks={},
            freshness=export.file.freshness,
        )
        for export in exports
        if export.file.enabled
    ]


def watch_tree(tree: SchemaTree) -> list[WatchedTable]:
    """Everything enabled that becomes a table of the warehouse."""
    return [
        *watch_all(schema for schema in tree.tables if schema.enabled),
        *watch_snapshots(snapshot for snapshot in tree.snapshots if snapshot.file.enabled),
        *watch_deliveries(tree.deliveries),
    ]


def watch_writing(tree: SchemaTree) -> list[WatchedTable]:
    """Files whose assets write out of the warehouse, or between databases: reverse ETL, data migrations, exports."""
    flows = [
        _writing(flow.state_name, flow.file, REVERSE_ETL, flow.name, (*flow.column_names, *flow.sources))
        for flow in tree.reverse_etl
    ]
    migrations = [
        _writing(
            each.name, each.file, DATA_MIGRATION, each.name, [column.name for column in each.file.columns]
        )
        for each in tree.data_migration
    ]
    written = [each for each in (*flows, *migrations) if each is not None]
    return [*written, *watch_exports(tree.exports)]


def _writing(
    asset: str, file: WritingFile, kind: str, name: str, words: Iterable[str]
) -> WatchedTable | None:
    """One file; `None` when it is disabled. `words` are names beside those of its source and target."""
    if not file.enabled:
        return None
    places = [getattr(file, "source", None), getattr(file, "target", None)]
    parts = ("connection", "database", "schema_name", "table", "full_name")
    found = {str(value) for place in places for part in parts if (value := getattr(place, part, None))}
    return WatchedTable(
        name=asset,
        owners=file.owners,
        tags=file.tags,
        group=getattr(file, "group", None) or kind,
        file=f"{kind}/{name}.yml",
        names=frozenset({*words, *found, *getattr(file, "key", ())}),
    )
